/** Cgroups laid out as engines make them: what runs there carries the container, what runs beside it does not. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { needUnified, numberOf, withCgroups } from '../harness/cgroups.ts';
import type { Pipeline } from '../harness/pipeline.ts';
import type { Context, Scenario } from '../harness/scenario.ts';
import { EXEC, EXIT, pathOf } from './expect.ts';

const hexId = (digits: string): string => digits.repeat(64 / digits.length);
const uid = '3a9b1c2d-4e5f-6071-8293-a4b5c6d7e8f9';
const slice = `kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`;

type Layout = {
  readonly path: string;
  /** Undefined: of the host. */
  readonly id?: string;
  readonly resource: Readonly<Record<string, unknown>>;
};

const pod = { 'k8s.pod.uid': uid, 'ringtail.k8s.qos': 'burstable' };
const layouts: readonly Layout[] = [
  {
    path: `/docker/${hexId('a1')}`,
    id: hexId('a1'),
    resource: {
      'container.runtime.name': 'docker',
      'container.name': 'web',
      'container.image.name': 'nginx',
      'container.image.tags': ['1.27'],
      'service.name': 'web',
    },
  },
  {
    path: `/kubepods/burstable/pod${uid}/${hexId('b2')}`,
    id: hexId('b2'),
    resource: {
      ...pod,
      'container.runtime.name': 'containerd',
      'k8s.pod.name': 'cart-0',
      'k8s.namespace.name': 'shop',
      'k8s.container.name': 'cart',
      'service.name': 'cart',
    },
  },
  {
    path: `/kubepods.slice/kubepods-burstable.slice/${slice}/crio-${hexId('c3')}.scope`,
    id: hexId('c3'),
    resource: { ...pod, 'container.runtime.name': 'cri-o' },
  },
  { path: '/jobs/box', id: 'box', resource: { 'container.runtime.name': 'runc', 'container.name': 'box', 'service.name': 'box' } },
  { path: `/kubepods.slice/kubepods-burstable.slice/${slice}/crio-conmon-${hexId('c3')}.scope`, resource: pod },
  { path: '/system.slice/system-db.slice/db@main.service', resource: { 'service.name': 'db' } },
  { path: `/backup/${hexId('d4')}`, resource: {} },
];

const write = (file: string, content: unknown): void => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(content));
};

/** As the runtimes leave it on disk; the options that name the folders. */
const writeStates = (folder: string, top: string) => {
  write(`${folder}/docker/containers/${hexId('a1')}/config.v2.json`, { Name: '/web', Config: { Image: 'nginx:1.27' } });
  write(`${folder}/containerd/io.containerd.runtime.v2.task/k8s.io/${hexId('b2')}/config.json`, {
    annotations: {
      'io.kubernetes.cri.container-name': 'cart',
      'io.kubernetes.cri.sandbox-name': 'cart-0',
      'io.kubernetes.cri.sandbox-namespace': 'shop',
      'io.kubernetes.cri.sandbox-uid': uid,
    },
  });
  write(`${folder}/runc/box/state.json`, { config: { cgroups: { path: `${top}/jobs/box` } } });
  return {
    runtimes: {
      docker: [`${folder}/docker`],
      containerd: [`${folder}/containerd`],
      runc: [`${folder}/runc`],
      ...Object.fromEntries(['crio', 'podman', 'lxc', 'crun'].map((runtime) => [runtime, []])),
    },
  };
};

/** All folders of the layouts below a folder, each after those above it. */
const foldersOf = (top: string): readonly string[] => {
  const folders = new Set([top]);
  for (const { path } of layouts) {
    const parts = path.split('/').slice(1);
    parts.forEach((_, index) => folders.add(`${top}/${parts.slice(0, index + 1).join('/')}`));
  }
  return [...folders];
};

/** A shell that goes into the cgroup and becomes the program. */
const runIn = async ({ run, program }: Context, folder: string): Promise<number> => {
  const script = 'echo $$ > "$0/cgroup.procs" && exec "$1"';
  return (await run('quick', ['-c', script, folder, program('quick')], { path: '/bin/sh' })).pid;
};

const expectLayout = (pipeline: Pipeline, pid: number, program: string, { path, id, resource }: Layout): void => {
  const events = [
    pipeline.one(EXEC, { 'process.pid': pid, 'process.executable.path': program }),
    pipeline.one(EXIT, { 'process.pid': pid }),
  ];
  for (const event of events) {
    const told = Object.fromEntries(Object.entries(event.resource));
    assert.deepEqual(told, { ...(id === undefined ? {} : { 'container.id': id }), ...resource }, path);
    assert.equal(event.attributes['ringtail.container'], id !== undefined, path);
  }
  // what it was before it went there
  const shell = pipeline.find(EXEC, { 'process.pid': pid }).find((event) => pathOf(event) !== program)!;
  assert.equal(shell.resource['container.id'], undefined, `the shell before ${path}`);
  assert.notEqual(shell.attributes['ringtail.container'], true, `the shell before ${path}`);
};

const laidOut: Scenario = {
  name: 'containers: cgroups as docker, containerd, cri-o, runc and systemd make them, and those of the host',
  everywhere: true,
  async run(context) {
    const { start, folder, program } = context;
    const unified = await needUnified(context);
    const top = `/ringtail-containers-${process.pid}`;
    const pipeline = await start({ containers: writeStates(folder, top) });
    await withCgroups(foldersOf(`${unified}${top}`), async () => {
      for (const layout of layouts) {
        // a slow machine reads what is on disk for longer than a frame waits
        const number = numberOf(`${unified}${top}${layout.path}`);
        const isNamed = 'service.name' in layout.resource && layout.id !== undefined;
        const isKnown = () => {
          const container = pipeline.kernel.containers.ofCgroup(number);
          return pipeline.kernel.containers.flagOf(number) !== 0 && (!isNamed || container?.state !== undefined);
        };
        await pipeline.until(`what is known of ${layout.path}`, isKnown);
        const pid = await runIn(context, `${unified}${top}${layout.path}`);
        await pipeline.settle();
        expectLayout(pipeline, pid, program('quick'), layout);
      }
    });
    await pipeline.stop();
  },
};

export const containerScenarios: readonly Scenario[] = [laidOut];
