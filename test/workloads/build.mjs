import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findClang } from '../../scripts/lib/tools.mjs';

const sources = fileURLToPath(new URL('.', import.meta.url));
/** Where the programs are. */
export const workloadFolder = fileURLToPath(new URL('../../build/workloads', import.meta.url));

const usual = ['-O2', '-static', '-pthread', '-Wall', '-Wextra', '-Werror'];
/** Where the compiler of the machine looks for its headers: neither BPF nor 32 bit have such a place of their own. */
const machineHeaders = () => `-I/usr/include/${spawnSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).stdout.trim()}`;

/** No C library for 32 bit is needed; only the compiler must know the processor. */
const compat = ['-m32', '-O2', '-static', '-nostdlib', '-fno-builtin', '-fno-pie', '-no-pie', '-fno-stack-protector', '-Wall', '-Werror'];
const flagsOf = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  compat,
  'calls-compat': [...compat, machineHeaders()],
  // what it gives to the kernel lies below 4 GiB
  'calls-int80': [...usual, '-fno-pie', '-no-pie'],
});
/** Programs that some machines cannot build; tests say so. */
const optional = new Set(Object.keys(flagsOf));

/** Objects that ask what Ringtail's own headers say: they need the description of the kernel's types, which the build writes. */
const ownHeaders = new Set(['rules.bpf', 'rules_legacy.bpf', 'session-rules.bpf', 'session-rules_legacy.bpf']);
const inRepository = (/** @type {string} */ path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const architecture = process.arch === 'x64' ? 'x86' : 'arm64';

const objectFlags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Werror'];

/** A BPF object beside the programs. @param {string} source @param {string} target @param {boolean} own */
const buildObject = (source, target, own) =>
  spawnSync(
    findClang(),
    [
      ...objectFlags,
      ...(own ? [`-I${inRepository('build')}`, `-I${inRepository('bpf')}`, `-D__TARGET_ARCH_${architecture}`] : [machineHeaders()]),
      '-c',
      source,
      '-o',
      target,
    ],
    { encoding: 'utf8' },
  );

/** Compiles test/workloads/*.c into build/workloads when they are newer. */
export const buildWorkloads = () => {
  mkdirSync(workloadFolder, { recursive: true });
  const modified = (/** @type {string} */ path) => statSync(path).mtimeMs;
  const newestIn = (/** @type {string} */ folder, /** @type {string} */ ending) =>
    Math.max(0, ...readdirSync(folder).flatMap((name) => (name.endsWith(ending) ? [modified(join(folder, name))] : [])));
  const newestHeader = newestIn(sources, '.h');
  // a flavour of an object includes its source
  const newestOfObjects = Math.max(newestIn(inRepository('bpf'), '.h'), newestIn(sources, '.bpf.c'));
  for (const source of readdirSync(sources).filter((name) => name.endsWith('.c'))) {
    const name = source.slice(0, -2);
    const target = join(workloadFolder, name.endsWith('.bpf') ? `${name}.o` : name);
    const newest = Math.max(newestHeader, ownHeaders.has(name) ? newestOfObjects : 0, modified(join(sources, source)));
    if (existsSync(target) && modified(target) > newest) continue;
    const fresh = `${target}.${process.pid}`;
    const { status, stderr, error } = name.endsWith('.bpf')
      ? buildObject(join(sources, source), fresh, ownHeaders.has(name))
      : spawnSync('gcc', [...(flagsOf[name] ?? usual), '-o', fresh, join(sources, source)], { encoding: 'utf8' });
    if (status === 0) renameSync(fresh, target);
    else if (!optional.has(name)) throw new Error(`cannot compile ${source}: ${error?.message ?? stderr}`);
  }
};
