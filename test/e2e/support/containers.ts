/** Containers made by real runtimes without an image: their root is a folder with one static program. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, type TestContext } from 'vitest';
import { leaveNothing, newContainerId } from './cgroups.ts';
import { workload } from './places.ts';
import { type Ended, type Running, start, until } from './processes.ts';

export type ContainerOptions = {
  /** `linux.cgroupsPath`; by default what the runtime chooses. */
  readonly cgroupsPath?: string;
  /** 64 digits as an engine gives it; by default a name. */
  readonly id?: string;
};

export type RunningContainer = {
  /** As `container.id` tells it. */
  readonly id: string;
  /** As `container.name` tells it, where it has one. */
  readonly name: string | undefined;
  /** Of the only program in it: no other process of the host has it. */
  readonly executable: string;
  readonly running: Running;
  /** The program does it all once more. */
  act(): Promise<void>;
  /** How often it did. */
  acts(): number;
  /** Resolves when the container is gone. */
  end(): Promise<Ended>;
};

export type Runtime = {
  readonly name: 'runc' | 'crun' | 'podman';
  /** Why it cannot be used here; undefined: it can. */
  readonly reason: () => string | undefined;
  /** For one test. */
  readonly prepare: () => Engine;
};

export type Engine = {
  /** Where it keeps what it knows, as `resolve_container` is told under `runtimes`; else by default. */
  readonly folders: object;
  start(options?: ContainerOptions): Promise<RunningContainer>;
};

/** A root with a static program, under a name of its own. */
const makeRoot = (folder: string, program = 'container-life'): { readonly root: string; readonly executable: string } => {
  const root = join(folder, 'rootfs');
  for (const name of ['dev', 'etc', 'proc', 'run', 'sys', 'tmp', 'var']) mkdirSync(join(root, name), { recursive: true });
  const executable = `life-${randomBytes(4).toString('hex')}`;
  copyFileSync(workload(program), join(root, executable));
  return { root, executable };
};

/** On a disk: the storage of podman does not like a tmpfs below it that goes away. */
const makeFolder = (): string => {
  const folder = mkdtempSync('/var/tmp/ringtail-e2e-');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const wrap = (running: Running, about: Pick<RunningContainer, 'id' | 'name' | 'executable'>): RunningContainer => {
  const acts = () => running.stdout().split('\n').filter((line) => line === 'acted').length; // prettier-ignore
  const acted = async (many: number): Promise<void> => {
    await until(
      () => {
        if (acts() >= many) return true;
        if (running.hasEnded()) throw new Error(`the container ended\n${running.stdout()}${running.stderr()}`);
        return false;
      },
      'the program in the container',
      { otherwise: running.stderr },
    );
  };
  return {
    ...about,
    running,
    acts,
    async act() {
      const many = acts();
      running.child.stdin!.write('again\n');
      await acted(many + 1);
    },
    async end() {
      await acted(1);
      running.child.stdin!.end();
      return await running.ended;
    },
  };
};

const missing = (command: string): string | undefined =>
  spawnSync(command, ['--version']).status === 0 ? undefined : `${command} is not installed`;

type Spec = {
  process: { terminal: boolean; args: string[] };
  root: { path: string; readonly: boolean };
  linux: { cgroupsPath?: string; resources?: object };
};

/** What the runtime proposes for a bundle, with our program. */
const makeBundle = (
  folder: string,
  command: string,
  cgroupsPath: string | undefined,
  program?: string,
  args: readonly string[] = [],
): string => {
  const { root, executable } = makeRoot(folder, program);
  const { status, stderr } = spawnSync(command, ['spec'], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} spec: ${stderr}`);
  const spec = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Spec;
  spec.process = { ...spec.process, terminal: false, args: [`/${executable}`, ...args] };
  spec.root = { path: root, readonly: false };
  const { resources: _, ...linux } = spec.linux;
  spec.linux = { ...linux, ...(cgroupsPath === undefined ? {} : { cgroupsPath }) };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(spec));
  return executable;
};

const ociRuntime = (command: 'runc' | 'crun', commandOf: (id: string) => readonly string[]): Runtime => ({
  name: command,
  reason: () => missing(command),
  prepare: () => ({
    folders: {},
    async start({ cgroupsPath, id = `ringtail-${randomBytes(4).toString('hex')}` } = {}) {
      const folder = makeFolder();
      const executable = makeBundle(folder, command, cgroupsPath);
      leaveNothing(cgroupsPath ?? `/${id}`);
      onTestFinished(() => void spawnSync(command, ['delete', '--force', id]));
      const [program, ...args] = commandOf(id) as [string, ...string[]];
      const running = start(program, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
      return wrap(running, { id, name: id, executable });
    },
  }),
});

/** It refuses v1 beside v2: it gets a view of its own with v2 alone. */
const V2_ALONE = 'mount -t cgroup2 none /sys/fs/cgroup && exec crun run "$1"';
const isHybrid = (): boolean => existsSync('/sys/fs/cgroup/unified');

const PODMAN_CONF = `[containers]
default_ulimits = []
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
`;

/** What it has mounted below a folder. */
const unmountAll = (folder: string): void => {
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const place = line.split(' ')[1];
    if (place?.startsWith(`${folder}/`) === true) spawnSync('umount', ['-l', place]);
  }
};

const podman: Runtime = {
  name: 'podman',
  reason: () => missing('podman') ?? missing('runc'),
  prepare() {
    const home = makeFolder();
    onTestFinished(() => unmountAll(home));
    const place = (name: string) => join(home, name);
    writeFileSync(place('containers.conf'), PODMAN_CONF);
    const env = { ...process.env, CONTAINERS_CONF: place('containers.conf') };
    const storage = ['--root', place('storage'), '--runroot', place('run'), '--tmpdir', place('tmp'), '--storage-driver', 'vfs', '--runtime', 'runc'];
    const isolation = ['--network', 'none', '--security-opt', 'seccomp=unconfined'];
    leaveNothing('/libpod_parent/conmon');
    return {
      folders: { podman: [place('run'), place('storage')] },
      async start() {
        const { root, executable } = makeRoot(makeFolder());
        const name = `ringtail-${randomBytes(4).toString('hex')}`;
        const idFile = place(`${name}.id`);
        onTestFinished(() => void spawnSync('podman', [...storage, 'rm', '--force', '--time', '0', name], { env }));
        const options = ['--rm', '-i', ...isolation, '--name', name, '--cidfile', idFile, '--rootfs', root];
        const running = start('podman', [...storage, 'run', ...options, `/${executable}`], { env, stdio: ['pipe', 'pipe', 'pipe'] });
        const id = await until(
          () => {
            if (running.hasEnded() && !existsSync(idFile)) throw new Error(`podman ended\n${running.stderr()}`);
            return existsSync(idFile) && readFileSync(idFile, 'utf8').trim();
          },
          'podman to make the container',
          { otherwise: running.stderr },
        );
        return wrap(running, { id, name, executable });
      },
    };
  },
}; // prettier-ignore

export const runc: Runtime = ociRuntime('runc', (id) => ['runc', 'run', id]);
const crunOf = (id: string): readonly string[] =>
  isHybrid() ? ['unshare', '-m', '--propagation', 'private', 'sh', '-c', V2_ALONE, 'sh', id] : ['crun', 'run', id];
export const crun: Runtime = ociRuntime('crun', crunOf);

/** A container of crun whose only program runs with these arguments; `command` runs it, in the folder. */
export const crunJob = (program: string, args: readonly string[]) => {
  const folder = makeFolder();
  const executable = makeBundle(folder, 'crun', undefined, program, args);
  const id = `ringtail-${randomBytes(4).toString('hex')}`;
  leaveNothing(`/${id}`);
  onTestFinished(() => void spawnSync('crun', ['delete', '--force', id]));
  return { folder, executable, id, command: crunOf(id) };
};
export const runtimes: readonly Runtime[] = [runc, crun, podman];

/** Paths of cgroups as engines and kubelets lay them out, and what they say of the container. */
export const layouts = () => {
  const [a, b, c, d, e] = Array.from({ length: 5 }, newContainerId) as [string, string, string, string, string];
  const uid = '7b1c6e0a-4d0f-4d51-9f3a-2c8a5e9d1b60';
  return [
    { name: 'docker', id: a, path: `/docker/${a}`, runtime: 'docker' },
    { name: 'docker by systemd', id: b, path: `/system.slice/docker-${b}.scope`, runtime: 'docker' },
    { name: 'containerd under Kubernetes', id: c, path: `/kubepods/burstable/pod${uid}/${c}`, pod: uid, qos: 'burstable' },
    {
      name: 'containerd under Kubernetes by systemd',
      id: d,
      path: `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${d}.scope`,
      runtime: 'containerd',
      pod: uid,
      qos: 'besteffort',
    },
    { name: 'cri-o', id: e, path: `/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/crio-${e}.scope`, runtime: 'cri-o', pod: uid, qos: 'guaranteed' },
  ] as const satisfies readonly { name: string; id: string; path: string; runtime?: string; pod?: string; qos?: string }[]; // prettier-ignore
};

/** Skips a test of a runtime that this machine lacks, and says which. */
export const need = ({ reason }: Runtime, context: TestContext): void => {
  const why = reason();
  if (why !== undefined) context.skip(why);
};
