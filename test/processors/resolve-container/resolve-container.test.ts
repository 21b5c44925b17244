import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Subject } from 'rxjs';
import { NO_ACTOR, resourceOfRow, type Attribute, type Batch } from '../../../src/core/batch.ts';
import type { Processor } from '../../../src/core/component.ts';
import type { MetricBatch } from '../../../src/core/metric-batch.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import { eventKind, sessionKnownBy } from '../../../src/kernel/layouts.gen.ts';
import type { KernelLookups } from '../../../src/kernel/service-types.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { resolveContainerConfig } from '../../../src/processors/resolve-container/config.ts';
import { resolveContainerProcessor } from '../../../src/processors/resolve-container/index.ts';
import { createStateRoot, dockerFile, dockerState, type StateRoot } from '../../support/container-state.ts';
import { batchesOf, createLookups, runThrough, settingsOf } from '../harness.ts';

const id = 'ab'.repeat(32);
const uid = '3a9b1c2d-4e5f-6071-8293-a4b5c6d7e8f9';
const host: readonly (readonly [string, string])[] = [
  ['service.name', 'ringtail'],
  ['host.name', 'h'],
];

let disk: StateRoot;
let kernel: KernelLookups;
let paths: Map<bigint, string>;
beforeEach(() => {
  disk = createStateRoot();
  disk.write('proc/mounts', 'cg /cg cgroup2 rw 0 0\n');
  disk.folder('cg');
  paths = new Map();
  kernel = createLookups({ cgroups: { root: disk.root } });
});
afterEach(() => disk.dispose());

const cgroup = (path: string): bigint => {
  disk.folder(`cg${path}`);
  const number = BigInt(statSync(`${disk.root}/cg${path}`).ino);
  paths.set(number, path);
  return number;
};
/** As /proc tells where a process is. */
const place = (pid: number, number: bigint): void => {
  const path = paths.get(number);
  if (path !== undefined) disk.write(`proc/${pid}/cgroup`, `0::${path}\n`);
};
const create = async (config: object = {}): Promise<Processor> => {
  const settings = { ...settingsOf(kernel, 'resolve_container'), resource: host };
  const processor = resolveContainerProcessor.create(settings as never, resolveContainerConfig.parse(config) as never);
  await processor.start();
  await kernel.gate.start();
  return processor;
};
/** A row for each cgroup; 0: of nobody. */
const admit = async (...cgroups: readonly bigint[]): Promise<readonly Batch[]> => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  for (const [n, cgroupId] of cgroups.entries()) {
    place(n + 1, cgroupId);
    builder.addRow(eventKind.exec, { bootNs: 1n, actor: builder.addActor({ pid: n + 1, cgroupId }), columns: { path: '/x' } });
  }
  const frame = builder.build();
  await kernel.gate.admit(frame);
  // a busy machine may take longer than a frame waits
  await kernel.cgroups.fetch(cgroups.map((number, n) => ({ id: number, pid: n + 1 })));
  await kernel.containers.fetch(cgroups.map((cgroupId) => ({ cgroupId, pid: 0 })));
  return batchesOf(frame);
};
const own = (batch: Batch, row: number): readonly Attribute[] | undefined =>
  resourceOfRow(batch, row)?.attributes.filter((pair) => !host.some((one) => one[0] === pair[0] && one[1] === pair[1]));
const flagOf = (batch: Batch, row: number) => attributesOf(batch, row).find(([name]) => name === 'ringtail.container')?.[1];

describe('the options', () => {
  it('have defaults', () => {
    expect(resolveContainerConfig.parse({})).toEqual({
      service_name: 'auto',
      labels: [],
      process_environment: false,
      runtimes: {
        docker: ['/var/lib/docker', '/var/snap/docker/common/var-lib-docker'],
        containerd: ['/run/containerd', '/run/k3s/containerd', '/run/k0s/containerd', '/var/snap/microk8s/common/run/containerd'],
        crio: ['/run/containers/storage', '/var/lib/containers/storage'],
        podman: ['/run/containers/storage', '/var/lib/containers/storage'],
        lxc: ['/var/lib/lxc'],
        runc: ['/run/runc'],
        crun: ['/run/crun'],
      },
    });
  });

  it.each([
    { service_name: 'on' },
    { labels: ['('] },
    { labels: [1] },
    { runtimes: { docker: ['var/lib/docker'] } },
    { runtimes: { rkt: ['/x'] } },
    { other: 1 },
  ])('refuse %o', (config) => {
    expect(resolveContainerConfig.safeParse(config).success).toBe(false);
  });
});

describe('warnings', () => {
  const none = Object.fromEntries(['docker', 'containerd', 'crio', 'podman', 'lxc', 'runc', 'crun'].map((runtime) => [runtime, []]));
  it.each([
    [{}, 'metrics', []],
    [{ process_environment: true }, 'logs', []],
    [{ process_environment: true }, 'metrics', [['process_environment']]],
    [{ labels: ['a'] }, 'logs', []],
    [{ labels: ['a'], runtimes: none }, 'logs', [['labels']]],
    [{ runtimes: none }, 'logs', []],
  ] as const)('of %j in a pipeline of %s are of %j', (config, signal, options) => {
    const graph = [{ id: signal, signal, receivers: [], processors: ['resolve_container'] }];
    const use = { pipelines: [signal], all: [signal], graph };
    const warnings = resolveContainerProcessor.warnings!(resolveContainerConfig.parse(config) as never, use);
    expect(warnings.map(({ option }) => option)).toEqual(options);
  });
});

describe('records', () => {
  it('belong to the container of their process, the others to the host; each says which', async () => {
    disk.write(dockerFile(id), dockerState(id, 'web', 'nginx:1.27', { app: 'shop', secret: 'x' }));
    const processor = await create({ labels: ['app'] });
    const [batch] = runThrough(
      processor,
      await admit(
        cgroup(`/docker/${id}`),
        cgroup('/user.slice'),
        cgroup('/system.slice/nginx.service'),
        cgroup(`/docker/${id}/init`),
        12_345n,
      ),
    );
    const resource = [
      ['container.id', id],
      ['container.runtime.name', 'docker'],
      ['container.name', 'web'],
      ['container.image.name', 'nginx'],
      ['container.image.tags', ['1.27']],
      ['container.label.app', 'shop'],
      ['service.name', 'web'],
    ];
    expect([0, 1, 2, 3, 4].map((row) => own(batch!, row))).toEqual([resource, undefined, [['service.name', 'nginx']], resource, undefined]);
    expect(resourceOfRow(batch!, 0)).toBe(resourceOfRow(batch!, 3));
    expect(resourceOfRow(batch!, 0)!.attributes[0]).toEqual(['host.name', 'h']);
    expect([0, 1, 2, 3, 4].map((row) => flagOf(batch!, row))).toEqual([true, false, false, true, undefined]);
    expect(batch!.mayRepeat).not.toBe(true);
  });

  it('of the host alone are left as they are but for the mark', async () => {
    const processor = await create();
    const [batch] = runThrough(processor, await admit(cgroup('/user.slice')));
    expect([batch!.rowResources, batch!.resource, flagOf(batch!, 0)]).toEqual([undefined, undefined, false]);
  });

  it('keep their service.name with service_name: off, and whole labels are asked for', async () => {
    disk.write(dockerFile(id), dockerState(id, 'web', 'nginx', { app: 'shop', 'my-app': 'x', 'app.x': 'y' }));
    const processor = await create({ service_name: 'off', labels: ['app', String.raw`app\..*`] });
    const [batch] = runThrough(processor, await admit(cgroup(`/docker/${id}`), cgroup('/system.slice/nginx.service')));
    expect(own(batch!, 0)!.slice(4)).toEqual([
      ['container.label.app', 'shop'],
      ['container.label.app.x', 'y'],
    ]);
    expect(resourceOfRow(batch!, 0)!.attributes.filter(([name]) => name === 'service.name')).toEqual([['service.name', 'ringtail']]);
    expect(resourceOfRow(batch!, 1)).toBeUndefined();
  });

  it('stand on the resource that a processor before gave them', async () => {
    const processor = await create();
    const [plain] = await admit(cgroup(`/kubepods/besteffort/pod${uid}`), cgroup('/a'));
    const given = { attributes: [['deployment.environment.name', 'test']] as const };
    const [single] = [{ attributes: [['only', 'row']] as const }];
    const rowResources = { ids: Uint32Array.of(1, 1), list: [undefined, single] };
    const [batch, byRow] = runThrough(processor, [
      { ...plain!, resource: given },
      { ...plain!, rowResources },
    ]);
    const pod = [
      ['k8s.pod.uid', uid],
      ['ringtail.k8s.qos', 'besteffort'],
    ];
    expect(resourceOfRow(batch!, 0)!.attributes).toEqual([...given.attributes, ...pod]);
    expect(resourceOfRow(batch!, 1)).toBe(given);
    expect(resourceOfRow(byRow!, 0)!.attributes).toEqual([...single!.attributes, ...pod]);
    expect(resourceOfRow(byRow!, 1)).toBe(single);
  });

  it('without a process belong to the cgroup of their own', async () => {
    const processor = await create();
    const [inContainer, inHost] = [cgroup(`/lxc/web`), cgroup('/a')];
    place(1, inHost);
    place(2, inContainer);
    await kernel.cgroups.fetch([{ id: inContainer, pid: 2 }]);
    const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
    const actor = builder.addActor({ pid: 1, cgroupId: inHost });
    for (const cgroupId of [inContainer, inHost, 0n])
      builder.addRow(eventKind.sessionEnd, { bootNs: 1n, actor, columns: { knownBy: sessionKnownBy.not, cgroupId } });
    const frame = builder.build();
    await kernel.gate.admit(frame);
    const [plain] = batchesOf(frame);
    await kernel.containers.fetch([{ cgroupId: inContainer, pid: 0 }]);
    const [batch] = runThrough(processor, [{ ...plain!, actor: Uint32Array.of(NO_ACTOR, NO_ACTOR, NO_ACTOR) }]);
    expect(own(batch!, 0)).toEqual([
      ['container.id', 'web'],
      ['container.runtime.name', 'lxc'],
    ]);
    expect([1, 2].map((row) => resourceOfRow(batch!, row))).toEqual([undefined, undefined]);
    expect([0, 1, 2].map((row) => flagOf(batch!, row))).toEqual([true, false, undefined]);
  });

  it('are given it once, however many instances there are', async () => {
    const [first, second] = [await create(), await create()];
    const batches = await admit(cgroup(`/docker/${id}`));
    const once = runThrough(first, batches);
    const twice = runThrough(second, once);
    expect(resourceOfRow(twice[0]!, 0)!.attributes).toEqual(resourceOfRow(once[0]!, 0)!.attributes);
    expect(twice[0]!.actorAttributes).toEqual(once[0]!.actorAttributes);
    const apart = runThrough(second, batches);
    expect(resourceOfRow(apart[0]!, 0)).toBe(resourceOfRow(once[0]!, 0));
  });

  it('of which a part is shown only that part is looked at', async () => {
    const processor = await create();
    const [plain] = await admit(cgroup('/a'), cgroup(`/docker/${id}`));
    const [batch] = runThrough(processor, [{ ...plain!, selection: Uint32Array.of(1) }]);
    expect(own(batch!, 1)).toHaveLength(2);
    expect(batch!.selection).toEqual(Uint32Array.of(1));
  });
});

describe('what processes say of themselves', () => {
  it('goes before what is known of their container, with process_environment', async () => {
    const said: readonly Attribute[] = [
      ['service.name', 'mine'],
      ['service.version', '2'],
    ];
    const environments = { resolve: () => ({ attributes: [said, undefined, said], missing: [] }), version: 0, size: 0 } as never;
    kernel = { ...kernel, environments };
    const [on, off] = [await create({ process_environment: true }), await create()];
    const batches = await admit(cgroup('/lxc.payload.web'), cgroup('/system.slice/nginx.service'), cgroup('/a'));
    const [batch] = runThrough(on, batches);
    expect([0, 1, 2].map((row) => own(batch!, row))).toEqual([
      [['container.id', 'web'], ['container.runtime.name', 'lxc'], ...said],
      [['service.name', 'nginx']],
      said,
    ]);
    const [without] = runThrough(off, batches);
    expect(own(without!, 2)).toBeUndefined();
  });
});

describe('points', () => {
  it('with a cgroup belong to its container', async () => {
    disk.write(dockerFile(id), dockerState(id, 'web'));
    const [inContainer, inUnit] = [cgroup(`/docker/${id}`), cgroup('/system.slice/nginx.service')];
    const processor = await create();
    const point = (attributes: readonly Attribute[]) => ({ attributes, startUnixNs: 0n, timeUnixNs: 1n, value: 1n });
    const points = [
      point([['ringtail.cgroup.id', inContainer]]),
      point([['ringtail.cgroup.id', Number(inUnit)]]),
      point([['ringtail.cgroup.id', 99n]]),
      point([['otel.metric.overflow', true]]),
    ];
    const batch: MetricBatch = {
      receiver: 'process',
      resource: undefined,
      metrics: [
        { name: 'a', description: '', unit: '1', type: 'sum', monotonic: true, temporality: 'cumulative', points },
        { name: 'b', description: '', unit: '1', type: 'gauge', points: points.slice(2) },
      ],
    };
    const source$ = new Subject<MetricBatch>();
    const out: MetricBatch[] = [];
    processor.metrics!(source$).subscribe((one) => out.push(one));
    source$.next(batch);
    source$.next(batch);
    source$.next({ ...batch, metrics: batch.metrics.slice(1) });
    const [first, second] = out.map(({ metrics }) => metrics[0]!.points);
    expect(first!.map(({ resource }) => resource && Object.fromEntries(resource.attributes))).toEqual([
      expect.objectContaining({ 'container.name': 'web', 'service.name': 'web', 'host.name': 'h' }),
      { 'service.name': 'nginx', 'host.name': 'h' },
      undefined,
      undefined,
    ]);
    expect(second![0]!.resource).toBe(first![0]!.resource);
    expect(first![0]!.attributes).toBe(points[0]!.attributes);
    expect(out[0]!.metrics[1]).toBe(batch.metrics[1]);
    expect(out[2]!.metrics[0]).toBe(batch.metrics[1]);
  });
});
