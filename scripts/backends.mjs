/**
 * Builds the real back ends of the end-to-end tests, once for each manifest, outside the tree:
 * ${XDG_CACHE_HOME:-~/.cache}/ringtail/backends/<hash>/otelcol and .../jaeger
 *
 * usage: backends.mjs [collector | jaeger]     prints the path of the program, the Collector's without a name; progress goes to stderr
 * exit codes: 0 it is there, 1 the build failed, 3 this machine cannot build it (no Go and none to be had)
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, runMain } from './lib/errors.mjs';
import { inRoot } from './lib/paths.mjs';
import { filesIn, hashInputs } from './lib/stamp.mjs';
import { run } from './lib/run.mjs';
import { which } from './lib/tools.mjs';

/** The builder's version is the Collector's. */
const BUILDER = 'go.opentelemetry.io/collector/cmd/builder@v0.161.0';
/** The oldest Go that compiles this Collector, and the one that is fetched where only an older one is installed. */
const GO_NEEDED = [1, 26];
const GO_FETCHED = 'go1.26.8';
/** From this version on Go fetches another toolchain itself when GOTOOLCHAIN names it. */
const GO_SWITCHES = [1, 21];

/** Its query API and storage in memory: with all that it can store in, it takes four times as long. The module has no user interface. */
const JAEGER = 'github.com/jaegertracing/jaeger@v1.76.0';
const jaegerFolder = inRoot('test/e2e/jaeger');
/** Packages that have one file of ours instead of their own, and its name. */
const JAEGER_PARTS = {
  'cmd/jaeger': 'main.go',
  'cmd/jaeger/internal/extension/jaegerstorage': 'storage.go',
  'internal/storage/v1/factory': 'archive.go',
};

const manifest = inRoot('test/e2e/collector/manifest.yaml');

const cacheFolder = () => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'ringtail', 'backends');

/** @param {readonly number[]} a @param {readonly number[]} b */
const isOlder = ([major = 0, minor = 0], [major2 = 0, minor2 = 0]) => major < major2 || (major === major2 && minor < minor2);

/** @param {string} go @returns {number[]} */
const versionOf = (go) => {
  const text = execFileSync(go, ['env', 'GOVERSION'], { encoding: 'utf8', env: { ...process.env, GOTOOLCHAIN: 'local' } });
  return (/^go(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
};

const findGo = () => which('go') ?? ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find((path) => existsSync(path));

/**
 * A toolchain is a module too; a Go that is too old to know that fetches it all the same, but leaves out the mode bits.
 * @param {string} go
 * @param {string} folder
 */
const fetchToolchain = async (go, folder) => {
  const target = join(folder, GO_FETCHED);
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const module = `golang.org/toolchain@v0.0.1-${GO_FETCHED}.linux-${architecture}`;
  const { Dir: source } = JSON.parse(await run(go, ['mod', 'download', '-json', module], { stdoutOnly: true }));
  cpSync(source, target, { recursive: true });
  const openUp = (/** @type {string} */ path) => {
    const isFolder = statSync(path).isDirectory();
    chmodSync(path, 0o755);
    if (isFolder) for (const name of readdirSync(path)) openUp(join(path, name));
  };
  for (const part of ['bin', 'pkg/tool']) if (existsSync(join(target, part))) openUp(join(target, part));
  return join(target, 'bin/go');
};

/**
 * The command and environment of a Go that is new enough.
 * @param {string} folder for what must be fetched
 * @param {(line: string) => void} say
 */
const prepareGo = async (folder, say) => {
  const go = findGo();
  if (go === undefined) throw new SetupError('no Go to build the OpenTelemetry Collector with; install the package golang-go');
  const version = versionOf(go);
  if (!isOlder(version, GO_NEEDED)) return { go, env: { GOTOOLCHAIN: 'local' } };
  say(`go ${version.join('.')} is too old for the Collector; fetching ${GO_FETCHED}`);
  if (!isOlder(version, GO_SWITCHES)) return { go, env: { GOTOOLCHAIN: GO_FETCHED } };
  return { go: await fetchToolchain(go, folder), env: { GOTOOLCHAIN: 'local' } };
};

/**
 * Builds a program once.
 * @param {{ name: string, hash: string, say: (line: string) => void, build: (place: { work: string, go: string, env: NodeJS.ProcessEnv }) => Promise<string> }} options
 *   `build` gives the path of what it made
 * @returns {Promise<string>} path of the program
 */
const buildOnce = async ({ name, hash, say, build }) => {
  const place = join(cacheFolder(), hash.slice(0, 16));
  const binary = join(place, name);
  if (existsSync(binary)) return binary;

  // A folder of its own, renamed at the end: two builds at once do not meet, and half a build is never found.
  const work = `${place}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const { go, env: goEnv } = await prepareGo(work, say);
    const env = {
      ...process.env,
      ...goEnv,
      GOBIN: join(work, 'bin'),
      PATH: `${join(go, '..')}:${process.env['PATH'] ?? ''}`,
      CGO_ENABLED: '0',
    };
    const made = await build({ work, go, env });
    const built = join(work, 'done');
    mkdirSync(built);
    renameSync(made, join(built, name));
    execFileSync(join(built, name), ['--help'], { stdio: 'ignore' });
    if (!existsSync(binary)) renameSync(built, place);
    return binary;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

/**
 * @param {(line: string) => void} say
 * @returns {Promise<string>} path of a Collector that starts
 */
export const buildCollector = (say) =>
  buildOnce({
    name: 'otelcol',
    hash: hashInputs(inRoot(), [manifest], [BUILDER, process.arch]),
    say,
    async build({ work, go, env }) {
      say('building the OpenTelemetry Collector, once; this takes minutes');
      await run(go, ['install', BUILDER], { env });
      await run('sh', ['-c', 'cd "$1" && exec bin/builder --config "$2"', 'sh', work, manifest], { env });
      return join(work, 'out', 'otelcol');
    },
  });

/**
 * The same of Jaeger, whose module says itself what replaces what, so that it is built where its sources are, in a copy that may be changed.
 * @param {(line: string) => void} say
 */
export const buildJaeger = (say) =>
  buildOnce({
    name: 'jaeger',
    hash: hashInputs(inRoot(), filesIn(jaegerFolder, ['.go']), [JAEGER, process.arch]),
    say,
    async build({ work, go, env }) {
      say('building Jaeger, once; this takes minutes');
      const { Dir: module } = JSON.parse(await run(go, ['mod', 'download', '-json', JAEGER], { stdoutOnly: true, env }));
      const sources = join(work, 'jaeger-sources');
      cpSync(module, sources, { recursive: true });
      await run('chmod', ['-R', 'u+w', sources]);
      for (const [part, name] of Object.entries(JAEGER_PARTS)) {
        const folder = join(sources, part);
        for (const file of readdirSync(folder)) if (file.endsWith('.go')) rmSync(join(folder, file));
        cpSync(join(jaegerFolder, name), join(folder, name));
      }
      const built = join(work, 'jaeger-built');
      await run(go, ['build', '-C', sources, '-ldflags', '-s -w', '-o', built, './cmd/jaeger'], { env });
      return built;
    },
  });

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const [name = 'collector'] = process.argv.slice(2);
    const builders = { collector: buildCollector, jaeger: buildJaeger };
    if (!(name in builders)) throw new SetupError(`no such back end: ${name}; there are ${Object.keys(builders).join(' and ')}`);
    const build = builders[/** @type {keyof typeof builders} */ (name)];
    process.stdout.write(`${await build((line) => process.stderr.write(`ringtail backends: ${line}\n`))}\n`);
  });
}
