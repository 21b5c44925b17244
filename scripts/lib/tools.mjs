import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, readSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inRoot } from './paths.mjs';
import { SetupError } from './errors.mjs';

/** Where tools live that only root has on PATH. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** PATH of this process with the folders of system tools behind it, without the project's own `.bin` in front. */
const searchPath = () => {
  const own = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '' && !folder.endsWith('node_modules/.bin'));
  return [...own, ...SYSTEM_FOLDERS.filter((folder) => !own.includes(folder))];
};

/** Environment for tools that come from the system, npm among them: the pinned Node is not in front. */
export const systemEnv = () => ({ ...process.env, PATH: searchPath().join(delimiter) });

/**
 * Environment for tools that call `node` or `bpftool` by name.
 * @param {readonly string[]} [folders] in front of everything else
 */
export const toolEnv = (folders = []) => ({
  ...process.env,
  PATH: [...folders, inRoot('node_modules/.bin'), ...searchPath()].join(delimiter),
});

/**
 * The full path of a program, symbolic links resolved.
 * @param {string} name
 * @returns {string | undefined}
 */
export const which = (name) => {
  for (const folder of searchPath()) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return realpathSync(path);
    } catch {
      continue;
    }
  }
  return undefined;
};

/**
 * The first of several programs that exists.
 * @param {string} what
 * @param {readonly string[]} names
 */
export const firstOf = (what, names) => {
  for (const name of names) {
    const path = which(name);
    if (path !== undefined) return path;
  }
  throw new SetupError(`no ${what} found; tried ${names.join(', ')}`);
};

/** Newest first; 14 is the oldest that compiles the programs. */
export const clangNames = ['clang-19', 'clang-18', 'clang-17', 'clang-16', 'clang-15', 'clang-14', 'clang'];

export const findClang = () => firstOf('clang', clangNames);

export const findClangFormat = () => firstOf('clang-format', ['clang-format-19', 'clang-format']);

/** @param {string} path */
const isElf = (path) => {
  const file = openSync(path, 'r');
  try {
    const magic = Buffer.alloc(4);
    return readSync(file, magic, 0, 4, 0) === 4 && magic.toString('latin1') === '\u007fELF';
  } finally {
    closeSync(file);
  }
};

/**
 * bpftool itself. Ubuntu's `/usr/sbin/bpftool` is a script that wants the build of the running kernel; any build will do for us, and they lie in
 * `/usr/lib/linux-tools*`.
 * @param {string} [libraries]
 */
export const findBpftool = (libraries = '/usr/lib') => {
  const plain = which('bpftool');
  if (plain !== undefined && isElf(plain)) return plain;
  const folders = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.startsWith('linux-tools')) : [];
  const builds = folders
    .flatMap((name) => [join(libraries, name), ...readdirSync(join(libraries, name)).map((version) => join(libraries, name, version))])
    .map((folder) => join(folder, 'bpftool'))
    .filter((path) => existsSync(path));
  const newest = builds.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (newest === undefined) throw new SetupError('no bpftool found');
  return realpathSync(newest);
};

/** libbpf before 1.0 has another interface; distributions of 2022 and older ship it. */
export const requireLibbpf = (header = '/usr/include/bpf/libbpf_version.h') => {
  const version = existsSync(header) ? /LIBBPF_MAJOR_VERSION (\d+)/.exec(readFileSync(header, 'utf8'))?.[1] : undefined;
  if (version === undefined || Number(version) < 1) {
    throw new SetupError(
      `libbpf ${version === undefined ? 'headers are missing' : 'is older than 1.0'}: Ringtail builds on Debian 12, Ubuntu 24.04 and newer`,
    );
  }
};
