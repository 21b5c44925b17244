/**
 * Makes a fresh checkout ready: system packages, npm packages, build. Does only what is missing, and nothing at all the second time.
 * Runs in any Node from 20 on, without a single package.
 *
 * usage: setup.mjs [run] [check] [kernels] [e2e]     groups of system packages, `run` always
 * exit codes: 0 ready, 1 a step failed, 3 the machine lacks something that only a person can give
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { realpathSync } from 'node:fs';
import { SetupError, runMain } from './lib/errors.mjs';
import { adviceFor, allNames, choosePackages, parseCandidates, parseInstalled, unmetNeeds } from './lib/system-packages.mjs';
import { installNpmPackages } from './lib/npm-packages.mjs';
import { run } from './lib/run.mjs';
import { systemEnv, which } from './lib/tools.mjs';
import { build } from './build.mjs';

/** @typedef {import('./lib/system-packages.mjs').Group} Group */

const debianArchitecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** @param {string} line */
const say = (line) => process.stderr.write(`ringtail set-up: ${line}\n`);

const installedPackages = () => {
  try {
    return parseInstalled(
      execFileSync('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n'], { encoding: 'utf8', maxBuffer: 1 << 26 }),
    );
  } catch (cause) {
    throw new SetupError(`dpkg-query cannot be asked which packages are installed: ${cause}`);
  }
};

/** @param {readonly string[]} names */
const offeredPackages = (names) =>
  parseCandidates(execFileSync('apt-cache', ['policy', ...names], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } }));

/** @param {readonly Group[]} groups */
const installSystemPackages = async (groups) => {
  if (process.env['RINGTAIL_SKIP_PACKAGES'] === '1') return;
  if (which('dpkg-query') === undefined || which('apt-get') === undefined) {
    const manager = which('dnf') !== undefined ? 'dnf' : which('pacman') !== undefined ? 'pacman' : undefined;
    throw new SetupError(adviceFor({ manager, packages: [] }));
  }
  const unmet = unmetNeeds(groups, installedPackages(), debianArchitecture, (command) => which(command) !== undefined);
  if (unmet.length === 0) return;
  if (process.getuid?.() !== 0) {
    const { packages } = choosePackages(unmet, offeredPackages(allNames(unmet)));
    throw new SetupError(
      adviceFor({ manager: 'apt', packages: packages.length > 0 ? packages : unmet.map(({ any }) => String(any[0]?.join(' '))) }),
    );
  }
  const env = { ...systemEnv(), DEBIAN_FRONTEND: 'noninteractive' };
  say('asking for the current list of packages (apt-get update)');
  try {
    await run('apt-get', ['-qq', 'update'], { env });
  } catch {
    say('apt-get update failed; going on with the lists that are here');
  }
  const { packages, impossible } = choosePackages(unmet, offeredPackages(allNames(unmet)));
  if (impossible.length > 0) {
    throw new SetupError(
      `this distribution offers no package for: ${impossible.map(({ what, any }) => `${what} (${any.map((way) => way.join(' + ')).join(' or ')})`).join('; ')}`,
    );
  }
  say(`installing ${packages.join(' ')}`);
  await run('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', 'install', '-y', '--no-install-recommends', ...packages], { env });
};

/**
 * @param {readonly Group[]} groups
 * @returns {Promise<void>}
 */
export const setup = async (groups) => {
  if (process.platform !== 'linux') throw new SetupError('Ringtail reads the Linux kernel: it needs Linux');
  if (process.arch !== 'x64' && process.arch !== 'arm64') throw new SetupError(`Ringtail runs on x64 and arm64, not on ${process.arch}`);
  await installSystemPackages([...new Set(/** @type {Group[]} */ (['run', ...groups]))]);
  await installNpmPackages(say);
  await build(say);
};

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  await runMain(() => setup(/** @type {Group[]} */ (process.argv.slice(2))));
}
