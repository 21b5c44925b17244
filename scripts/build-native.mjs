import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { inRoot, root } from './lib/paths.mjs';
import { inParallel, run } from './lib/run.mjs';
import { buildWhenStale, filesIn, hashInputs, toolFact } from './lib/stamp.mjs';
import { firstOf, requireLibbpf } from './lib/tools.mjs';

const languageFlags = '-std=c++20 -g -fPIC -fno-exceptions -fvisibility=hidden -Wall -Wextra -Werror -pthread'.split(' ');
const napiFlags = '-DNAPI_VERSION=9 -DNAPI_DISABLE_CPP_EXCEPTIONS -DNODE_ADDON_API_DISABLE_DEPRECATED'.split(' ');
const commonFlags = [...languageFlags, ...napiFlags];

const variants = {
  // _FORTIFY_SOURCE belongs to optimised builds; sanitizers look closer than it does.
  plain: { folder: 'build/native', flags: ['-O3', '-D_FORTIFY_SOURCE=2', '-fstack-protector-strong'] },
  sanitized: {
    folder: 'build/native-asan',
    flags: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'],
  },
};

/** Headers of others: their warnings are not ours. */
const includes = () => ['node-addon-api', 'node-api-headers/include'].flatMap((path) => ['-isystem', inRoot('node_modules', path)]);

/** Versions of the header packages. */
const headerFacts = () =>
  ['node-addon-api', 'node-api-headers'].map(
    (name) => JSON.parse(readFileSync(inRoot('node_modules', name, 'package.json'), 'utf8')).version,
  );

/**
 * native/*.cc → build/native/ringtail.node; every source that did not change keeps its object file.
 * @param {(line: string) => void} say
 * @param {{ sanitize?: boolean }} [options]
 */
export const buildNative = async (say, { sanitize = false } = {}) => {
  const sources = filesIn(inRoot('native'), ['.cc']);
  if (sources.length === 0) return;
  requireLibbpf();
  const compiler = firstOf('C++ compiler', ['g++']);
  const { folder, flags } = sanitize ? variants.sanitized : variants.plain;
  const target = inRoot(folder, 'ringtail.node');
  const headers = [...filesIn(inRoot('native'), ['.h']), inRoot('bpf/events.h')];
  const libbpf = '/usr/include/bpf/libbpf_version.h';
  const facts = [...commonFlags, ...flags, ...headerFacts(), toolFact(compiler), ...(existsSync(libbpf) ? [toolFact(libbpf)] : [])];
  await buildWhenStale(inRoot(`build/stamps/${basename(folder)}`), {
    hash: hashInputs(root, [...sources, ...headers], facts),
    outputs: [target],
    build: async () => {
      say(`compiling the addon${sanitize ? ' with sanitizers' : ''}`);
      const objects = sources.map((source) => ({ source, object: inRoot(folder, 'objects', `${basename(source)}.o`) }));
      mkdirSync(inRoot(folder, 'objects'), { recursive: true });
      const jobs = objects.map(
        ({ source, object }) =>
          () =>
            compile({ source, object, headers, facts, compiler, flags }),
      );
      await inParallel(jobs, availableParallelism());
      // A running Ringtail has the old file mapped: it keeps it, since the name moves to a new file.
      const fresh = join(dirname(target), `ringtail.${process.pid}.node`);
      try {
        await run(compiler, [
          '-shared',
          '-pthread',
          ...flags,
          ...objects.map(({ object }) => object),
          '-o',
          fresh,
          '-lbpf',
          '-Wl,-z,relro,-z,now',
        ]);
        renameSync(fresh, target);
      } finally {
        rmSync(fresh, { force: true });
      }
    },
  });
};

/** native/launcher/launcher.c → build/native/launcher. @param {(line: string) => void} say */
export const buildLauncher = async (say) => {
  const source = inRoot('native/launcher/launcher.c');
  const compiler = firstOf('C compiler', ['gcc']);
  const target = inRoot('build/native/launcher');
  const flags = ['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-D_FORTIFY_SOURCE=2', '-fstack-protector-strong', '-Wl,-z,relro,-z,now'];
  await buildWhenStale(inRoot('build/stamps/launcher'), {
    hash: hashInputs(root, [source], [...flags, toolFact(compiler)]),
    outputs: [target],
    build: async () => {
      say('compiling the launcher of commands');
      mkdirSync(dirname(target), { recursive: true });
      const fresh = `${target}.${process.pid}`;
      try {
        await run(compiler, [...flags, source, '-o', fresh]);
        renameSync(fresh, target);
      } finally {
        rmSync(fresh, { force: true });
      }
    },
  });
};

/** @param {{ source: string, object: string, headers: string[], facts: string[], compiler: string, flags: string[] }} unit */
const compile = async ({ source, object, headers, facts, compiler, flags }) => {
  const stampFile = `${object}.stamp`;
  await buildWhenStale(stampFile, {
    hash: hashInputs(root, [source, ...headers], facts),
    outputs: [object],
    build: async () => {
      const fresh = `${object}.${process.pid}`;
      try {
        await run(compiler, [...commonFlags, ...flags, ...includes(), '-c', source, '-o', fresh]);
        renameSync(fresh, object);
      } finally {
        rmSync(fresh, { force: true });
      }
    },
  });
};
