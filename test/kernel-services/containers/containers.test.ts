import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import { createFrameBuilder } from '../../../src/core/frame-builder.ts';
import type { CgroupChange, CgroupInfo, Cgroups } from '../../../src/kernel/cgroup-types.ts';
import { createContainers, type ContainersOptions } from '../../../src/kernel/containers/containers.ts';
import { serviceNameOf } from '../../../src/kernel/containers/describe.ts';
import type { Containers } from '../../../src/kernel/containers/types.ts';
import { containerFolders, createStateRoot, dockerFile, dockerState, type StateRoot } from '../../support/container-state.ts';

const id = 'ab'.repeat(32);
const other = 'cd'.repeat(32);

/** Cgroups that are told by a test. */
const createFake = () => {
  const known = new Map<number, CgroupInfo>();
  const listeners = new Set<(change: CgroupChange) => void>();
  let version = 0;
  const fetched: number[] = [];
  const put = (number: number, path: string, goneAtMs?: number): CgroupInfo => {
    const info = { id: BigInt(number), path, hierarchy: 0, goneAtMs };
    known.set(number, info);
    version++;
    return info;
  };
  const cgroups: Pick<Cgroups, 'path' | 'info' | 'living' | 'onChange' | 'fetch' | 'version'> = {
    path: (number) => known.get(Number(number))?.path,
    info: (number) => known.get(Number(number)),
    living: () => Array.from(known.values()).filter(({ goneAtMs }) => goneAtMs === undefined),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async fetch(questions) {
      fetched.push(...questions.map((question) => Number(question.id)));
    },
    get version() {
      return version;
    },
  };
  return {
    cgroups: cgroups as Cgroups,
    put,
    fetched,
    forget: (number: number) => (known.delete(number), version++),
    tell(kind: CgroupChange['kind'], number: number, path: string) {
      const cgroup = put(number, path);
      for (const listener of listeners) listener({ kind, cgroup, pid: 1 });
    },
    listeners,
  };
};

let disk: StateRoot;
let fake: ReturnType<typeof createFake>;
let nowMs: number;
beforeEach(() => {
  disk = createStateRoot();
  fake = createFake();
  nowMs = 1_000_000;
});
afterEach(() => disk.dispose());

const create = (options: Partial<ContainersOptions> = {}): Containers =>
  createContainers({ root: disk.root, cgroups: fake.cgroups, counters: createCounters(), nowMs: () => nowMs, ...options });
const claimed = (options: Partial<ContainersOptions> = {}): Containers => {
  const containers = create(options);
  containers.claim({ folders: containerFolders, wantsLabel: () => false });
  return containers;
};
const frameOf = (...cgroups: readonly number[]) => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  cgroups.forEach((cgroup, n) => builder.addActor({ pid: n + 1, cgroupId: BigInt(cgroup) }));
  return builder.build();
};
/** As a frame on its way through the gate. */
const look = async (containers: Containers, ...cgroups: readonly number[]) => {
  const { missing } = containers.resolve(frameOf(...cgroups));
  await containers.fetch(missing);
  const frame = frameOf(...cgroups);
  const { containers: numbers } = containers.resolve(frame);
  return Array.from(numbers, (number, actor) => ({
    container: containers.container(number),
    flag: containers.source.entries(containers.flags(frame)[actor]!)[0]?.[1],
  }));
};
const namesOf = async (containers: Containers, ...cgroups: readonly number[]) =>
  (await look(containers, ...cgroups)).map(({ container }) => container?.state?.name);

describe('containers', () => {
  it('are told by the path of their cgroup, at once and without a disk', () => {
    const containers = create();
    fake.put(1, `/docker/${id}`);
    fake.put(2, '/system.slice/nginx.service');
    fake.put(3, '/user.slice');
    const frame = frameOf(1, 2, 3, 4, 0, 1);
    const { containers: numbers, missing } = containers.resolve(frame);
    expect(Array.from(numbers, (number) => containers.container(number)?.id ?? containers.container(number)?.identity.unit)).toEqual(
      [id, 'nginx.service', undefined, undefined, undefined, id], // prettier-ignore
    );
    expect(Array.from(containers.flags(frame), (flag) => containers.source.entries(flag)[0]?.[1])).toEqual(
      [true, false, false, undefined, undefined, true], // prettier-ignore
    );
    expect(missing).toEqual([{ cgroupId: 4n, pid: 4 }]);
    expect(containers.container(numbers[0]!)!.attributes).toEqual([
      ['container.id', id],
      ['container.runtime.name', 'docker'],
    ]);
  });

  it('have all that is known on their resource', async () => {
    const uid = '3a9b1c2d-4e5f-6071-8293-a4b5c6d7e8f9';
    disk.write(`run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}/config.json`, {
      annotations: {
        'io.kubernetes.cri.container-name': 'cart',
        'io.kubernetes.cri.image-name': 'shop/cart:1',
        'io.kubernetes.cri.sandbox-name': 'cart-0',
        'io.kubernetes.cri.sandbox-namespace': 'shop',
        'io.kubernetes.cri.sandbox-uid': uid,
      },
    });
    const containers = claimed();
    fake.put(1, `/kubepods/burstable/pod${uid}/${id}`);
    const [found] = await look(containers, 1);
    expect(found!.container!.attributes).toEqual([
      ['container.id', id],
      ['container.runtime.name', 'containerd'],
      ['container.image.name', 'shop/cart'],
      ['container.image.tags', ['1']],
      ['k8s.pod.uid', uid],
      ['k8s.namespace.name', 'shop'],
      ['k8s.pod.name', 'cart-0'],
      ['k8s.container.name', 'cart'],
      ['ringtail.k8s.qos', 'burstable'],
    ]);
    expect(serviceNameOf(found!.container!)).toBe('cart');
  });

  it('are one for all their cgroups, and keep their number', async () => {
    const containers = claimed();
    disk.write(dockerFile(id), dockerState(id, 'web'));
    fake.put(1, `/docker/${id}`);
    fake.put(2, `/docker/${id}/init`);
    fake.put(3, `/system.slice/docker-${other}.scope`);
    const [first, second, third] = await look(containers, 1, 2, 3);
    expect(first!.container).toBe(second!.container);
    expect(third!.container!.id).toBe(other);
    expect(first!.container!.state!.name).toBe('web');
  });

  it('get their names when these come later; what failed is asked for again, each time a longer while later', async () => {
    const containers = claimed();
    fake.put(1, `/docker/${id}`);
    const ask = () => containers.resolve(frameOf(1)).missing.length;
    expect(await namesOf(containers, 1)).toEqual([undefined]);
    for (const pauseMs of [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]) {
      nowMs += pauseMs - 1;
      expect(ask()).toBe(0);
      nowMs += 1;
      expect(ask()).toBe(1);
      await look(containers, 1);
    }
    disk.write(dockerFile(id), dockerState(id, 'web'));
    nowMs += 60_000;
    expect(await namesOf(containers, 1)).toEqual(['web']);
    nowMs += 1_000_000;
    expect(ask()).toBe(0);
  });

  it('are not asked for again when their cgroup is gone', async () => {
    const containers = claimed();
    fake.put(1, `/docker/${id}`, 5);
    await look(containers, 1);
    disk.write(dockerFile(id), dockerState(id, 'web'));
    nowMs += 60_000;
    expect(await namesOf(containers, 1)).toEqual([undefined]);
  });

  it('are read ahead when a cgroup is made, and again when one is made anew', async () => {
    const containers = claimed();
    disk.write(dockerFile(id), dockerState(id, 'web'));
    fake.tell('made', 1, `/docker/${id}`);
    await vi.waitFor(() => expect(containers.ofCgroup(1n)?.state?.name).toBe('web'));
    disk.write(dockerFile(id), dockerState(id, 'renamed'));
    fake.tell('made', 2, `/docker/${id}`);
    await vi.waitFor(() => expect(containers.ofCgroup(2)?.state?.name).toBe('renamed'));
    expect(containers.ofCgroup(1)?.state?.name).toBe('renamed');
  });

  it('are read at start, all that are there', async () => {
    disk.write(dockerFile(id), dockerState(id, 'web'));
    fake.put(1, `/docker/${id}`);
    const containers = claimed();
    await containers.start();
    expect(containers.ofCgroup(1)?.state?.name).toBe('web');
  });

  it('are known for longer than their cgroup', async () => {
    const containers = claimed();
    disk.write(dockerFile(id), dockerState(id, 'web'));
    fake.put(1, `/docker/${id}`);
    await look(containers, 1);
    fake.forget(1);
    expect(containers.ofCgroup(1)?.state?.name).toBe('web');
    expect(await namesOf(containers, 1)).toEqual(['web']);
  });

  it('of numbers that nobody told have their cgroup asked for, now and then', () => {
    const containers = claimed();
    expect([containers.ofCgroup(7), containers.ofCgroup(0), containers.ofCgroup(8)]).toEqual([undefined, undefined, undefined]);
    expect(fake.fetched).toEqual([7]);
    nowMs += 1_000;
    containers.ofCgroup(9);
    expect(fake.fetched).toEqual([7, 8, 9]);
  });

  it('are bounded; numbers of those that went are given to others', async () => {
    const containers = create({ capacity: 2 });
    for (let number = 1; number <= 4; number++) {
      fake.put(number, `/docker/${String(number).padStart(64, '0')}`);
      containers.ofCgroup(number);
    }
    expect(containers.size).toBe(2);
    const { containers: numbers } = containers.resolve(frameOf(3, 4));
    expect(Array.from(numbers, (number) => containers.container(number)!.id!.at(-1))).toEqual(['3', '4']);
    expect(Math.max(...numbers)).toBeLessThanOrEqual(3);
  });
});

describe('containers of runc and crun without an engine', () => {
  it('are found by what they write, however short a while after the cgroup', async () => {
    const containers = claimed();
    fake.tell('made', 1, '/box');
    expect(await look(containers, 1)).toEqual([{ container: undefined, flag: false }]);
    disk.write('run/runc/box/state.json', { config: { cgroups: { path: '/box' } } });
    const [found] = await look(containers, 1);
    expect(found).toMatchObject({ flag: true, container: { id: 'box', identity: { runtime: 'runc' }, state: { name: 'box' } } });
  });

  it('are not those that had a cgroup of that path before', async () => {
    disk.write('proc/mounts', 'cg /cg cgroup2 rw 0 0\n');
    disk.folder('cg/box');
    const number = statSync(`${disk.root}/cg/box`).ino;
    const containers = claimed();
    disk.write('run/runc/box/state.json', { config: { cgroups: { path: '/box' } } });
    fake.tell('made', number, '/box');
    expect((await look(containers, number))[0]!.flag).toBe(true);
    disk.remove('run/runc/box');
    fake.tell('made', number + 1, '/box');
    expect(await look(containers, number + 1)).toEqual([{ container: undefined, flag: false }]);
    expect((await look(containers, number))[0]!.flag).toBe(true);
  });

  it('are looked for again in an old cgroup when something is moved into it', async () => {
    const containers = claimed();
    fake.put(1, '/jobs');
    await containers.start();
    await look(containers, 1);
    disk.write('run/crun/box/status', { 'cgroup-path': '/jobs' });
    fake.tell('attached', 1, '/jobs');
    expect((await look(containers, 1))[0]!.container!.id).toBe('box');
  });

  it('and of docker with a parent of its own are told when the disk says so', async () => {
    const containers = claimed();
    disk.write(dockerFile(id), dockerState(id, 'web'));
    fake.put(1, `/jobs/${id}`);
    fake.put(2, `/jobs/${other}`);
    const [first, second] = await look(containers, 1, 2);
    expect(first).toMatchObject({ flag: true, container: { id, state: { name: 'web' } } });
    expect(second).toEqual({ container: undefined, flag: false });
  });
});

describe('claims', () => {
  it('are served together: folders and labels of all', async () => {
    const containers = create();
    disk.write(dockerFile(id), dockerState(id, 'web', 'nginx', { app: 'shop', tier: 'front', none: 'x' }));
    fake.put(1, `/docker/${id}`);
    const nothing = Object.fromEntries(Object.keys(containerFolders).map((runtime) => [runtime, []])) as never;
    const endFirst = containers.claim({ folders: nothing, wantsLabel: (key) => key === 'app' });
    expect(await namesOf(containers, 1)).toEqual([undefined]);
    const endSecond = containers.claim({ folders: containerFolders, wantsLabel: (key) => key === 'tier' });
    await look(containers, 1);
    expect([...containers.ofCgroup(1)!.state!.labels!.keys()]).toEqual(['app', 'tier']);
    endFirst();
    expect(fake.listeners.size).toBe(1);
    endSecond();
    endSecond();
    expect(fake.listeners.size).toBe(0);
    expect(containers.resolve(frameOf(1)).missing).toEqual([]);
    expect(containers.ofCgroup(1)!.state!.name).toBe('web');
  });
});

describe('resources', () => {
  it('are one object for equal ones, whose names go before those of the host', () => {
    const containers = create();
    const host = {
      attributes: [
        ['service.name', 'ringtail'],
        ['host.name', 'h'],
      ] as const,
    };
    const told = () =>
      [
        ['container.id', 'x'],
        ['service.name', 'web'],
      ] as const;
    const resource = containers.resourceOf(told(), host);
    expect(resource.attributes).toEqual([
      ['host.name', 'h'],
      ['container.id', 'x'],
      ['service.name', 'web'],
    ]);
    expect(containers.resourceOf(told(), host)).toBe(resource);
    expect(containers.resourceOf(told(), { attributes: host.attributes })).not.toBe(resource);
    expect(containers.resourceOf([], host)).toBe(host);
  });
});
