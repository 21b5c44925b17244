import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** Debian's cloud kernels: small, with BTF, and one for each long-term series. */
export const kernels = [
  { series: '5.10', meta: 'linux-image-cloud-amd64', suite: 'bullseye-security' },
  { series: '6.1', meta: 'linux-image-cloud-amd64', suite: 'bookworm-security' },
  { series: '6.12', meta: 'linux-image-6.12-cloud-amd64', suite: 'bookworm-security' },
];

/** What the kernels have not built in, in the order in which it is loaded. */
export const kernelModules = ['veth', 'sch_ingress', 'cls_bpf', 'llc', 'stp', 'mrp', 'garp', '8021q', 'tun'];

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export const cacheFolder = () => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'ringtail', 'kernels');

/** @param {string} command @param {readonly string[]} args @param {{ cwd?: string }} [options] */
const run = (command, args, options = {}) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
};

/** The mirror that this machine uses already, if it is a Debian; elsewhere the one that is named. */
const securityMirror = () => {
  const named = process.env['RINGTAIL_DEBIAN_SECURITY'];
  if (named) return named;
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)'], { encoding: 'utf8' });
  const line = (stdout ?? '').split('\n').find((text) => /debian\S* (bullseye|bookworm|trixie)-security$/.test(text));
  const mirror = line?.split(' ')[0];
  if (mirror === undefined) {
    throw new Error('no Debian security suite among the sources of apt: set RINGTAIL_DEBIAN_SECURITY to the address of a mirror');
  }
  return mirror;
};

/** An apt of its own, so that no other suite enters the configuration of this machine. @param {string} work */
const aptIn = (work) => {
  if (!existsSync(KEYRING)) throw new Error(`${KEYRING} is missing: install debian-archive-keyring`);
  for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(work, folder), { recursive: true });
  const mirror = securityMirror();
  const suites = [...new Set(kernels.map(({ suite }) => suite))];
  writeFileSync(join(work, 'sources.list'), suites.map((suite) => `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`).join(''));
  writeFileSync(
    join(work, 'apt.conf'),
    [
      `Dir::Etc::sourcelist "${work}/sources.list";`,
      'Dir::Etc::sourceparts "/dev/null";',
      `Dir::State::lists "${work}/lists";`,
      `Dir::Cache "${work}/cache";`,
      'Acquire::Languages "none";',
      'APT::Sandbox::User "root";',
      'APT::Architecture "amd64";',
    ].join('\n'),
  );
  const options = ['-c', join(work, 'apt.conf')];
  run('apt-get', [...options, '-qq', 'update']);
  return options;
};

/** Module files ready to be loaded; one that is built in has none. @param {string} root of the package @param {string} target */
const keepModules = (root, target) => {
  mkdirSync(target);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
  for (const name of kernelModules) {
    const file = files.find((path) => basename(path) === `${name}.ko` || basename(path) === `${name}.ko.xz`);
    if (file === undefined) continue;
    copyFileSync(join(root, file), join(target, basename(file)));
    if (file.endsWith('.xz')) run('busybox', ['unxz', join(target, basename(file))]);
  }
};

/** @param {readonly string[]} apt @param {(typeof kernels)[number]} kernel @param {string} work */
const download = (apt, { series, meta, suite }, work) => {
  const versions = run('apt-cache', [...apt, 'madison', meta]).split('\n');
  const version = versions
    .find((line) => line.includes(suite))
    ?.split('|')[1]
    ?.trim();
  if (version === undefined) throw new Error(`${suite} has no ${meta}`);
  const depends = run('apt-cache', [...apt, 'show', `${meta}=${version}`]).match(/^Depends: (.*)$/m)?.[1] ?? '';
  const image = depends.match(/linux-image-[^ ,]+/)?.[0];
  if (image === undefined) throw new Error(`${meta} names no image`);
  const folder = join(work, series);
  mkdirSync(folder);
  run('apt-get', [...apt, '-qq', 'download', image], { cwd: folder });
  run('dpkg-deb', [
    '-x',
    join(
      folder,
      /** @type {string} */ (readdirSync(folder).find((name) => name.endsWith('.deb'))),
    ),
    join(folder, 'root'),
  ]);
  const boot = join(folder, 'root', 'boot');
  const file = /** @type {string} */ (readdirSync(boot).find((name) => name.startsWith('vmlinuz-')));
  const kept = join(work, `${series}.kept`);
  mkdirSync(kept);
  renameSync(join(boot, file), join(kept, 'vmlinuz'));
  writeFileSync(join(kept, 'release'), file.slice('vmlinuz-'.length));
  keepModules(join(folder, 'root'), join(kept, 'modules'));
  return kept;
};

/** What an older version of this file kept is without modules. @param {string} folder */
const isWhole = (folder) => existsSync(join(folder, 'vmlinuz')) && existsSync(join(folder, 'modules'));

/**
 * Kernel images and modules of the wanted series; what is not in the cache is fetched from Debian's archive, checked by its keyring.
 * @param {readonly string[]} series
 * @param {(line: string) => void} say
 */
export const fetchKernels = (series, say) => {
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const missing = kernels.filter((kernel) => series.includes(kernel.series) && !isWhole(join(cache, kernel.series)));
  if (missing.length > 0) {
    // beside the cache, so that a rename suffices
    const work = mkdtempSync(join(cache, 'fetch-'));
    try {
      say(`fetching kernels: ${missing.map((kernel) => kernel.series).join(', ')}`);
      const apt = aptIn(work);
      for (const kernel of missing) {
        const kept = download(apt, kernel, work);
        const place = join(cache, kernel.series);
        if (existsSync(place)) renameSync(place, join(work, `${kernel.series}.old`));
        renameSync(kept, place);
      }
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return kernels
    .filter((kernel) => series.includes(kernel.series))
    .map((kernel) => ({
      series: kernel.series,
      image: join(cache, kernel.series, 'vmlinuz'),
      modules: join(cache, kernel.series, 'modules'),
      release: readFileSync(join(cache, kernel.series, 'release'), 'utf8').trim(),
    }));
};

export const scratchFolder = () => mkdtempSync(join(tmpdir(), 'ringtail-kernels-'));
