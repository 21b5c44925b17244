import { statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHandMade } from '../../../src/kernel/containers/hand-made.ts';
import { readGuess, readState } from '../../../src/kernel/containers/read-state.ts';
import { createStateFiles, imageOf, type StateFiles } from '../../../src/kernel/containers/state-files.ts';
import type { CgroupIdentity } from '../../../src/kernel/containers/types.ts';
import { containerFolders, createStateRoot, dockerFile, dockerState, type StateRoot } from '../../support/container-state.ts';

const id = 'ab'.repeat(32);
const tasks = 'run/containerd/io.containerd.runtime.v2.task';
const pod = {
  'io.kubernetes.pod.uid': 'u-1',
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.pod.name': 'cart-0',
  'io.kubernetes.container.name': 'cart',
};
const podState = { podUid: 'u-1', podNamespace: 'shop', podName: 'cart-0', podContainerName: 'cart' };

let disk: StateRoot;
let problems: string[];
let files: StateFiles;
let nowMs: number;
beforeEach(() => {
  disk = createStateRoot();
  problems = [];
  nowMs = 0;
  files = createStateFiles({
    root: disk.root,
    folders: containerFolders,
    report: (...problem) => problems.push(problem.join(' ')),
    wantsLabel: (key) => key.startsWith('app') || key === 'lxc.uts.name',
    nowMs: () => nowMs,
  });
});
afterEach(() => {
  disk.dispose();
  if (problems.length > 0) throw new Error(problems.join('\n'));
});

const read = (identity: CgroupIdentity = { containerId: id }) =>
  readState(
    files,
    createHandMade(disk.root, () => nowMs),
    identity,
  );

describe('the state of a container', () => {
  it('of docker', async () => {
    disk.write(dockerFile(id), dockerState(id, 'web', 'registry.example:5000/shop/web:2.1', { app: 'shop', other: 'x' }));
    expect(await read({ containerId: id, runtime: 'docker' })).toEqual({
      runtime: 'docker',
      name: 'web',
      imageName: 'registry.example:5000/shop/web',
      imageTags: ['2.1'],
      labels: new Map([['app', 'shop']]),
    });
  });

  it('of docker in Kubernetes; what holds the pod together is no container of it', async () => {
    disk.write(dockerFile(id), dockerState(id, 'k8s_cart_cart-0_shop_u-1_0', 'cart:1', pod));
    expect(await read()).toMatchObject({ runtime: 'docker', name: 'k8s_cart_cart-0_shop_u-1_0', ...podState });
    disk.write(dockerFile(id), dockerState(id, 'k8s_POD', 'pause:3.9', { ...pod, 'io.kubernetes.container.name': 'POD' }));
    expect(await read()).not.toHaveProperty('podContainerName');
  });

  it('of containerd under Kubernetes, whatever other namespaces there are', async () => {
    disk.folder(`${tasks}/moby`);
    disk.write(`${tasks}/k8s.io/${id}/config.json`, {
      ociVersion: '1.1.0',
      annotations: {
        'io.kubernetes.cri.container-type': 'container',
        'io.kubernetes.cri.container-name': 'cart',
        'io.kubernetes.cri.image-name': 'docker.io/library/cart:1.0@sha256:0123',
        'io.kubernetes.cri.sandbox-name': 'cart-0',
        'io.kubernetes.cri.sandbox-namespace': 'shop',
        'io.kubernetes.cri.sandbox-uid': 'u-1',
        'app.kubernetes.io/name': 'cart',
      },
    });
    expect(await read({ containerId: id, runtime: 'containerd' })).toEqual({
      runtime: 'containerd',
      ...podState,
      imageName: 'docker.io/library/cart',
      imageTags: ['1.0'],
      labels: new Map([['app.kubernetes.io/name', 'cart']]),
    });
  });

  it('of containerd for nerdctl and for docker', async () => {
    disk.write(`${tasks}/default/${id}/config.json`, { annotations: { 'nerdctl/name': 'box' } });
    expect(await read()).toEqual({ runtime: 'containerd', name: 'box' });
    disk.remove(tasks);
    disk.write(`${tasks}/moby/${id}/config.json`, {});
    expect(await read({ containerId: id, runtime: 'docker' })).toEqual({ runtime: 'docker' });
  });

  it('of cri-o', async () => {
    disk.write(`run/containers/storage/overlay-containers/${id}/userdata/config.json`, {
      annotations: {
        ...pod,
        'io.container.manager': 'cri-o',
        'io.kubernetes.cri-o.Name': 'k8s_cart_cart-0_shop_u-1_0',
        'io.kubernetes.cri-o.ImageName': 'quay.io/shop/cart:1.0',
      },
    });
    expect(await read({ containerId: id, runtime: 'cri-o' })).toEqual({
      runtime: 'cri-o',
      name: 'k8s_cart_cart-0_shop_u-1_0',
      imageName: 'quay.io/shop/cart',
      imageTags: ['1.0'],
      ...podState,
    });
  });

  it.each(['overlay', 'vfs'])('of podman, whose names stand in the index of its storage (%s)', async (driver) => {
    const metadata = JSON.stringify({ 'image-name': 'docker.io/library/redis:7', name: 'cache' });
    disk.write(`var/lib/containers/storage/${driver}-containers/containers.json`, [
      { id: 'cd'.repeat(32), names: ['other'] },
      { id, names: ['cache'], metadata },
    ]);
    disk.write(`run/containers/storage/${driver}-containers/${id}/userdata/config.json`, { annotations: { 'app.tier': 'back' } });
    expect(await read({ containerId: id, runtime: 'podman' })).toEqual({
      runtime: 'podman',
      name: 'cache',
      imageName: 'docker.io/library/redis',
      imageTags: ['7'],
      labels: new Map([['app.tier', 'back']]),
    });
  });

  it('of lxc', async () => {
    disk.write('var/lib/lxc/web/config', '# made by hand\nlxc.uts.name = web.example\nlxc.net.0.type=veth\nlxc.empty =\n');
    expect(await read({ containerId: 'web', runtime: 'lxc' })).toEqual({
      runtime: 'lxc',
      name: 'web',
      labels: new Map([['lxc.uts.name', 'web.example']]),
    });
  });

  it('of systemd-nspawn, which is all in its name', async () => {
    expect(await read({ containerId: 'box', runtime: 'systemd-nspawn' })).toEqual({ name: 'box' });
  });

  it('of runc and crun by id', async () => {
    disk.write('run/runc/box/state.json', { id: 'box', config: { labels: ['bundle=/b', 'app=shop'] }, cgroup_paths: {} });
    expect(await read({ containerId: 'box', runtime: 'runc' })).toEqual({
      runtime: 'runc',
      name: 'box',
      labels: new Map([['app', 'shop']]),
    });
    disk.write('run/crun/box/status', { 'cgroup-path': '/system.slice/crun-box.scope', bundle: '/bundles/box' });
    disk.write('bundles/box/config.json', { annotations: { app: 'mine', 'org.opencontainers.image.ref.name': 'busybox:1.36' } });
    expect(await read({ containerId: 'box', runtime: 'crun' })).toEqual({
      runtime: 'crun',
      name: 'box',
      imageName: 'busybox',
      imageTags: ['1.36'],
      labels: new Map([['app', 'mine']]),
    });
  });
});

describe('containers of runc and crun', () => {
  const paths = { runc: 'run/runc/box/state.json', crun: 'run/crun/box/status' };

  it.each([
    ['runc on v2', { cgroup_paths: { '': '/sys/fs/cgroup/jobs/box' } }],
    ['runc on v1', { cgroup_paths: { memory: '/sys/fs/cgroup/memory/jobs/box', 'name=systemd': '/sys/fs/cgroup/systemd/jobs/box' } }],
    ['runc on a hybrid host', { cgroup_paths: { '': '/sys/fs/cgroup/unified/jobs/box', pids: '/sys/fs/cgroup/pids/jobs/box' } }],
    ['runc with mounts elsewhere', { cgroup_paths: { memory: '/cg/mem/jobs/box' }, config: { cgroups: { path: '/jobs/box' } } }],
  ])('of %s are found by their cgroup, and by those below', async (_, state) => {
    disk.write(paths.runc, state);
    const handMade = createHandMade(disk.root, () => nowMs);
    await handMade.scan(files);
    for (const path of ['/jobs/box', '/jobs/box/init', '/jobs/box/a/b'])
      expect(handMade.ofCgroup(1, path)).toMatchObject({ runtime: 'runc', id: 'box' });
    for (const path of ['/jobs', '/jobs/boxes', '/', '/box']) expect(handMade.ofCgroup(1, path)).toBeUndefined();
  });

  it.each(['/jobs/box', 'jobs/box'])('of crun are found by %s', async (path) => {
    disk.write(paths.crun, { pid: 1, 'cgroup-path': path });
    const handMade = createHandMade(disk.root, () => nowMs);
    await handMade.scan(files);
    expect(handMade.ofCgroup(1, '/jobs/box/container')).toMatchObject({ runtime: 'crun', id: 'box' });
  });

  it('come, go and come again with another cgroup', async () => {
    const handMade = createHandMade(disk.root, () => nowMs);
    disk.folder('run/runc/box');
    await handMade.scan(files);
    expect(handMade.size).toBe(1);
    disk.write(paths.runc, { config: { cgroups: { path: '/a' } } });
    await handMade.scan(files);
    expect(handMade.ofCgroup(1, '/a')?.id).toBe('box');
    disk.remove('run/runc/box');
    await handMade.scan(files);
    expect([handMade.ofCgroup(1, '/a'), handMade.size]).toEqual([undefined, 0]);
    disk.write(paths.runc, { config: { cgroups: { path: '/b' } } });
    await handMade.scan(files);
    disk.write(paths.runc, { config: { cgroups: { path: '/c' } } });
    nowMs = 2_000;
    await handMade.scan(files);
    expect([handMade.ofCgroup(1, '/b'), handMade.ofCgroup(1, '/c')?.id]).toEqual([undefined, 'box']);
  });

  it('that cannot be read are not read again by every scan', async () => {
    disk.write(paths.runc, '{');
    const handMade = createHandMade(disk.root, () => nowMs);
    await handMade.scan(files);
    await handMade.scan(files);
    expect(problems.splice(0)).toEqual([`not_json /run/runc/box/state.json`]);
    nowMs = 200;
    disk.write(paths.runc, { config: { cgroups: { path: '/a' } } });
    await handMade.scan(files);
    expect(handMade.ofCgroup(1, '/a')?.id).toBe('box');
  });

  it('are looked for by a scan of its own when one is under way already', async () => {
    const handMade = createHandMade(disk.root, () => nowMs);
    const first = handMade.scan(files);
    const [second, third] = [handMade.scan(files), handMade.scan(files)];
    expect(second).toBe(third);
    await first;
    disk.write(paths.runc, { config: { cgroups: { path: '/a' } } });
    await second;
    expect(handMade.ofCgroup(1, '/a')?.id).toBe('box');
  });
});

describe('containers of runc and crun that last some milliseconds', () => {
  const makeCgroup = (path: string): number => {
    disk.write('proc/mounts', 'cg /cg cgroup2 rw 0 0\n');
    disk.folder(`cg${path}`);
    return statSync(`${disk.root}/cg${path}`).ino;
  };
  const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

  it.each(['a folder that is there', 'one that is made for it'])(
    'are seen while they are there, in %s, and known when they are gone',
    async (where) => {
      if (where === 'a folder that is there') disk.folder('run/runc');
      else disk.folder('run');
      const handMade = createHandMade(disk.root, Date.now);
      handMade.follow(files);
      try {
        for (const name of ['first', 'second']) {
          const number = makeCgroup(`/jobs/${name}`);
          disk.folder(`run/runc/${name}`);
          await soon(() => expect(handMade.isAwaited).toBe(true));
          disk.write(`run/runc/${name}/state.json`, { cgroup_paths: { '': `/sys/fs/cgroup/jobs/${name}` } });
          await soon(() => expect(handMade.ofCgroup(number, `/jobs/${name}`)?.id).toBe(name));
          disk.remove(`run/runc/${name}`);
          disk.remove(`cg/jobs/${name}`);
          await soon(() => expect(handMade.size).toBe(0));
          expect(handMade.ofCgroup(number, `/jobs/${name}`)?.id).toBe(name);
          expect(handMade.ofCgroup(number + 1, `/jobs/${name}`)).toBeUndefined();
          expect(handMade.isAwaited).toBe(false);
        }
      } finally {
        handMade.follow(undefined);
      }
    },
  );

  it('are seen in a folder that was removed and made again', async () => {
    disk.folder('run/crun');
    const handMade = createHandMade(disk.root, Date.now);
    handMade.follow(files);
    try {
      disk.write('run/crun/a/status', { 'cgroup-path': '/a' });
      await soon(() => expect(handMade.ofCgroup(0, '/a')?.id).toBe('a'));
      disk.remove('run/crun');
      await soon(() => expect(handMade.size).toBe(0));
      disk.write('run/crun/b/status', { 'cgroup-path': '/b' });
      await soon(() => expect(handMade.ofCgroup(0, '/b')?.id).toBe('b'));
    } finally {
      handMade.follow(undefined);
    }
  });

  it('are forgotten after a while', async () => {
    const handMade = createHandMade(disk.root, () => nowMs);
    const number = makeCgroup('/a');
    disk.write('run/runc/box/state.json', { config: { cgroups: { path: '/a' } } });
    await handMade.scan(files);
    disk.remove('run/runc/box');
    await handMade.scan(files);
    nowMs = 59_999;
    await handMade.scan(files);
    expect(handMade.ofCgroup(number, '/a')?.id).toBe('box');
    nowMs = 60_000;
    await handMade.scan(files);
    expect(handMade.ofCgroup(number, '/a')).toBeUndefined();
  });
});

describe('a guess', () => {
  it('counts when the disk says so', async () => {
    expect(await readGuess(files, { hexId: id, folder: 'jobs', name: id })).toBeUndefined();
    disk.write(dockerFile(id), dockerState(id, 'web'));
    nowMs = 1_000;
    expect(await readGuess(files, { hexId: id, folder: 'jobs', name: id })).toMatchObject({
      id,
      state: { runtime: 'docker', name: 'web' },
    });
    disk.write(`${tasks}/default/redis/config.json`, {});
    expect(await readGuess(files, { folder: 'default', name: 'redis' })).toEqual({ id: 'redis', state: { runtime: 'containerd' } });
    expect(await readGuess(files, { folder: 'system.slice', name: 'nginx.service' })).toBeUndefined();
    expect(await readGuess(files, { folder: '', name: 'redis' })).toBeUndefined();
  });
});

it.each([
  ['nginx', { imageName: 'nginx' }],
  ['nginx:1.27', { imageName: 'nginx', imageTags: ['1.27'] }],
  ['localhost:5000/nginx', { imageName: 'localhost:5000/nginx' }],
  ['localhost:5000/a/nginx:x@sha256:00ff', { imageName: 'localhost:5000/a/nginx', imageTags: ['x'] }],
  ['nginx@sha256:00ff', { imageName: 'nginx' }],
  ['sha256:00ff', {}],
  [id, {}],
  ['nginx:', { imageName: 'nginx' }],
  ['', {}],
  [undefined, {}],
])('the image %s', (reference, image) => {
  expect(imageOf(reference)).toEqual(image);
});
