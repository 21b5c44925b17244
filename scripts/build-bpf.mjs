import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, release, version } from 'node:os';
import { basename, join } from 'node:path';
import { inRoot, root } from './lib/paths.mjs';
import { SetupError } from './lib/errors.mjs';
import { inParallel, run } from './lib/run.mjs';
import { definedNames, withoutClashes } from './lib/vmlinux.mjs';
import { buildWhenStale, filesIn, hashInputs, toolFact } from './lib/stamp.mjs';
import { findBpftool, findClang, requireLibbpf } from './lib/tools.mjs';

/** The kernel's description of its own types; RINGTAIL_BTF names another one, to build for another kernel. */
const btfPath = () => process.env['RINGTAIL_BTF'] ?? '/sys/kernel/btf/vmlinux';

const architecture = process.arch === 'x64' ? 'x86' : 'arm64';

const compilerFlags = `-g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${architecture} -Wall -Werror`.split(' ');
const includes = [`-I${inRoot('build')}`, `-I${inRoot('bpf')}`];

/** The generator of the TypeScript layouts compiles it; no kernel loads it. */
const NO_OBJECT = 'layouts.bpf.c';

/** @param {(line: string) => void} say */
const writeVmlinux = async (say) => {
  const btf = btfPath();
  const target = inRoot('build/vmlinux.h');
  if (!existsSync(btf)) {
    throw new SetupError(
      `this kernel does not describe its types: ${btf} is missing (a kernel with CONFIG_DEBUG_INFO_BTF has it).\n  Copy that file from a machine that has it, then run again with RINGTAIL_BTF=<the copy>`,
    );
  }
  const bpftool = findBpftool();
  const ours = definedNames(filesIn(inRoot('bpf'), ['.c', '.h']).map((file) => readFileSync(file, 'utf8')));
  const facts = [btf, String(statSync(btf).size), release(), version(), toolFact(bpftool), JSON.stringify(ours)];
  await buildWhenStale(inRoot('build/stamps/vmlinux'), {
    // The file changes with the kernel only: release and build say which one this is, without reading megabytes at each start.
    hash: hashInputs(root, [], facts),
    outputs: [target],
    build: async () => {
      say('describing the types of this kernel (vmlinux.h)');
      const text = await run(bpftool, ['btf', 'dump', 'file', btf, 'format', 'c'], { stdoutOnly: true, keepAll: true });
      mkdirSync(inRoot('build'), { recursive: true });
      writeFileSync(`${target}.${process.pid}`, withoutClashes(text, ours));
      renameSync(`${target}.${process.pid}`, target);
    },
  });
};

/**
 * The name says of which kernel it is; src/kernel/sockets/kernel-types.ts looks for it by the same.
 * @param {string} object
 */
const typesOf = (object) =>
  `${object}.${`${release()} ${version()} ${statSync('/sys/kernel/btf/vmlinux').size}`.replaceAll(/[^\w.-]+/g, '_')}.btf`;

/** Objects of commands: those of the kernel's types that they need are kept beside them, so that loading them does not search all types there are. */
const QUICK = ['who'];

/**
 * @param {(line: string) => void} say
 * @param {string} folder
 * @param {string} bpftool
 */
const keepTypes = async (say, folder, bpftool) => {
  // of this kernel only, which is the one that they will be loaded into
  if (process.env['RINGTAIL_BTF'] !== undefined || !existsSync('/sys/kernel/btf/vmlinux')) return;
  for (const object of QUICK) {
    const source = join(folder, `${object}.bpf.o`);
    const target = join(folder, typesOf(object));
    await buildWhenStale(inRoot(`build/stamps/${object}.types`), {
      hash: hashInputs(root, [source], [target, toolFact(bpftool)]),
      outputs: [target],
      build: async () => {
        say(`keeping the types of this kernel that ${object} needs`);
        for (const name of readdirSync(folder)) if (name.startsWith(`${object}.`) && name.endsWith('.btf')) rmSync(join(folder, name));
        const fresh = `${target}.${process.pid}`;
        await run(bpftool, ['gen', 'min_core_btf', '/sys/kernel/btf/vmlinux', fresh, source]);
        renameSync(fresh, target);
      },
    });
  }
};

/**
 * bpf/<name>.bpf.c → build/bpf/<name>.bpf.o, stripped by `bpftool gen object`.
 * @param {(line: string) => void} say
 */
export const buildBpf = async (say) => {
  requireLibbpf();
  await writeVmlinux(say);
  const clang = findClang();
  const bpftool = findBpftool();
  const folder = inRoot('build/bpf');
  // a flavour of an object includes its source, so sources count too
  const headers = filesIn(inRoot('bpf'), ['.h', '.c']);
  const sources = filesIn(inRoot('bpf'), ['.bpf.c']).filter((source) => basename(source) !== NO_OBJECT);
  const facts = [...compilerFlags, toolFact(clang), toolFact(bpftool)];
  mkdirSync(folder, { recursive: true });
  const objects = sources.map((source) => ({ source, name: basename(source, '.c'), target: join(folder, `${basename(source, '.c')}.o`) }));
  const jobs = objects.map(
    ({ source, name, target }) =>
      () =>
        buildWhenStale(inRoot(`build/stamps/${name}`), {
          hash: hashInputs(root, [source, ...headers, inRoot('build/stamps/vmlinux')], facts),
          outputs: [target],
          build: async () => {
            say(`compiling ${name}`);
            const compiled = `${target}.${process.pid}.c.o`;
            const linked = `${target}.${process.pid}.l.o`;
            try {
              await run(clang, [...compilerFlags, ...includes, '-c', source, '-o', compiled]);
              await run(bpftool, ['gen', 'object', linked, compiled]);
              renameSync(linked, target);
            } finally {
              for (const path of [compiled, linked]) rmSync(path, { force: true });
            }
          },
        }),
  );
  await inParallel(jobs, availableParallelism());
  await keepTypes(say, folder, bpftool);
  const wanted = new Set(objects.map(({ target }) => basename(target)));
  // What other runs are writing has a number in its name; only finished objects without a source go.
  for (const name of readdirSync(folder)) if (/^\w+\.bpf\.o$/.test(name) && !wanted.has(name)) rmSync(join(folder, name));
};
