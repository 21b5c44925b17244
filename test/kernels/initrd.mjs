import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, copyFileSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { inRoot } from '../../scripts/lib/paths.mjs';
import { findBpftool } from '../../scripts/lib/tools.mjs';
import { kernelModules } from './fetch.mjs';

const nodePackage = () => inRoot('node_modules', `node-linux-${process.arch}`, 'bin', 'node');

/** What a package needs when it runs. */
const RUNTIME_FILES = new Set(['.js', '.mjs', '.cjs', '.json', '.proto', '']);

const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /tmp; mount -t tmpfs r /run
mount -t tracefs t /sys/kernel/tracing; mount -t cgroup2 c /sys/fs/cgroup; mount -t bpf b /sys/fs/bpf
for module in ${kernelModules.join(' ')}; do
  file=/modules/$(uname -r)/$module.ko
  if [ -e $file ]; then insmod $file; fi
done
ifconfig lo 127.0.0.1 up
hostname guest
cd /ringtail
export HOME=/tmp PATH=/bin RINGTAIL_GUEST=1
/ringtail/node --max-old-space-size=768 /ringtail/test/kernels/guest-main.js
echo "@@RESULT rc=$?"
sync
poweroff -f
`;

/** @param {string} command @param {readonly string[]} args */
const run = (command, args) => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? ''}${stderr}${stdout}`);
  return stdout;
};

/** Shared libraries of a binary, with the loader. @param {string} path */
const librariesOf = (path) =>
  run('ldd', [path])
    .split('\n')
    .flatMap((line) => line.match(/(?:=> )?(\/\S+) \(0x/)?.[1] ?? []);

/** Large, and loaded only for Ringtail's own spans, which no scenario has. */
const notInGuests = new Set(['@opentelemetry/sdk-node', '@opentelemetry/exporter-trace-otlp-grpc']);

/** Packages that src/ needs at run time, with what these need. */
const runtimePackages = () => {
  const found = new Set();
  /** @param {string} name @param {string} from */
  const visit = (name, from) => {
    let folder = from;
    while (!existsSync(join(folder, 'node_modules', name))) {
      if (folder === dirname(folder)) return;
      folder = dirname(folder);
    }
    const place = join(folder, 'node_modules', name);
    if (found.has(place)) return;
    found.add(place);
    const { dependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
    for (const inner of Object.keys(dependencies)) visit(inner, place);
  };
  for (const name of Object.keys(JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).dependencies))
    if (!notInGuests.has(name)) visit(name, inRoot());
  return [...found];
};

/**
 * A root file system with Node, the product as JavaScript, its objects, the workloads and the scenarios. Not compressed: under
 * emulation unpacking costs more than loading. Modules of the kernels lie in `modules/<release>`.
 * @param {{ work: string, kernels: readonly { release: string, modules: string }[], guestArguments: { only?: string | undefined, table?: boolean | undefined } }} options
 * @returns {string} path of the initrd
 */
export const buildInitrd = ({ work, kernels, guestArguments }) => {
  const root = join(work, 'root');
  const home = join(root, 'ringtail');
  rmSync(root, { recursive: true, force: true });
  for (const folder of ['bin', 'sbin', 'usr/bin', 'proc', 'sys', 'dev', 'tmp', 'run', 'etc', 'lib64', 'ringtail/build'])
    mkdirSync(join(root, folder), { recursive: true });
  run(process.execPath, [inRoot('node_modules/typescript/bin/tsc'), '-p', inRoot('test/kernels/tsconfig.json'), '--outDir', home]);
  writeFileSync(join(home, 'package.json'), readFileSync(inRoot('package.json')));
  writeFileSync(join(home, 'arguments'), JSON.stringify(guestArguments));
  for (const folder of ['bpf', 'workloads']) cpSync(inRoot('build', folder), join(home, 'build', folder), { recursive: true });
  mkdirSync(join(home, 'build/native'));
  const addon = inRoot('build/native/ringtail.node');
  copyFileSync(addon, join(home, 'build/native/ringtail.node'));
  copyFileSync(nodePackage(), join(home, 'node'));
  const bpftool = findBpftool();
  copyFileSync(bpftool, join(root, 'bin/bpftool'));
  for (const library of new Set([nodePackage(), addon, bpftool].flatMap(librariesOf))) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  for (const place of runtimePackages()) {
    cpSync(place, join(home, place.slice(inRoot().length)), {
      recursive: true,
      filter: (path) => basename(path) !== '.bin' && (RUNTIME_FILES.has(extname(path)) || !/\.[a-z]+$/.test(basename(path))),
    });
  }
  copyFileSync(run('sh', ['-c', 'command -v busybox']).trim(), join(root, 'bin/busybox'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  for (const { release, modules } of kernels) cpSync(modules, join(root, 'modules', release), { recursive: true });
  writeFileSync(join(root, 'init'), init);
  chmodSync(join(root, 'init'), 0o755);
  const image = join(work, 'initrd');
  const out = openSync(image, 'w');
  try {
    const { status, stderr } = spawnSync('sh', ['-c', 'find . | cpio -o -H newc'], {
      cwd: root,
      stdio: ['ignore', out, 'pipe'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`cpio: ${stderr}`);
  } finally {
    closeSync(out);
  }
  rmSync(root, { recursive: true, force: true });
  return image;
};
