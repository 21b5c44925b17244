import { describe, expect, it } from 'vitest';
import { guessOf, identifyCgroup, serviceNameOfUnit, unescapeUnit } from '../../../src/kernel/containers/identify.ts';
import type { CgroupIdentity } from '../../../src/kernel/containers/types.ts';

const id = '8d2f1c5a7b3e4f60918273645546372819aabbccddeeff00112233445566778e';
const inner = 'ffee1c5a7b3e4f60918273645546372819aabbccddeeff001122334455667701';
const uid = '3a9b1c2d-4e5f-6071-8293-a4b5c6d7e8f9';
const escapedUid = uid.replaceAll('-', '_');
const staticUid = 'c5b8a1d2e3f40516273849506a7b8c9d';
const user = '/user.slice/user-1000.slice/user@1000.service';
const step = '0jd2x9k4m7q1w8e5r3t6y2u4i';

const docker = { containerId: id, runtime: 'docker' } as const;
const containerd = { containerId: id, runtime: 'containerd' } as const;
const crio = { containerId: id, runtime: 'cri-o' } as const;
const podman = { containerId: id, runtime: 'podman' } as const;
const lxc = (containerId: string) => ({ containerId, runtime: 'lxc' }) as const;
const nspawn = (containerId: string) => ({ containerId, runtime: 'systemd-nspawn' }) as const;
const pod = (qos: CgroupIdentity['qos'], podUid = uid) => ({ podUid, qos }) as CgroupIdentity;

const paths: readonly (readonly [path: string, identity: CgroupIdentity | undefined])[] = [
  // docker
  [`/docker/${id}`, docker],
  [`/docker/${id}/init`, docker],
  [`/docker/${id}/system.slice/nginx.service`, docker],
  [`/docker/${id}/init.scope`, docker],
  [`/system.slice/docker-${id}.scope`, docker],
  [`/system.slice/docker-${id}.scope/init.scope`, docker],
  [`/web.slice/docker-${id}.scope`, docker],
  [`${user}/user.slice/docker-${id}.scope`, docker],
  [`${user}/docker.service/docker/${id}`, docker],
  [`/system.slice/snap.docker.dockerd.service/docker/${id}`, docker],
  [`/docker/${inner}/docker/${id}`, docker],
  [`/system.slice/docker-${inner}.scope/system.slice/docker-${id}.scope`, docker],
  [`/lxc/web/docker/${id}`, docker],
  [`/lxc.payload.build/system.slice/docker-${id}.scope`, docker],
  [`/../../docker/${id}`, docker],
  [`/moby/${id}`, docker],
  // build steps of docker, and of a builder in a container
  [`/docker/buildkit/${step}`, { containerId: step }],
  [`/docker/${id}/docker/buildkit/${step}`, { containerId: step }],
  [`/system.slice/buildkit-${step}.scope`, { containerId: step }],
  // containerd, with and without Kubernetes
  [`/system.slice/cri-containerd-${id}.scope`, containerd],
  [`/k8s.io/${id}`, containerd],
  [`/default/${id}`, containerd],
  [`/system.slice/nerdctl-${id}.scope`, containerd],
  [`${user}/user.slice/nerdctl-${id}.scope`, containerd],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${escapedUid}.slice/cri-containerd-${id}.scope`,
    { ...containerd, ...pod('burstable') },
  ],
  [`/kubepods.slice/kubepods-pod${escapedUid}.slice/cri-containerd-${id}.scope`, { ...containerd, ...pod('guaranteed') }],
  [
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${escapedUid}.slice/cri-containerd-${id}.scope/system.slice/a.service`,
    { ...containerd, ...pod('besteffort') },
  ],
  [
    `/system.slice/containerd.service/kubepods-burstable-pod${escapedUid}.slice:cri-containerd:${id}`,
    { ...containerd, ...pod('burstable') },
  ],
  [`/kubepods/burstable/pod${uid}/${id}`, { containerId: id, ...pod('burstable') }],
  [`/kubepods/besteffort/pod${uid}/${id}`, { containerId: id, ...pod('besteffort') }],
  [`/kubepods/pod${uid}/${id}`, { containerId: id, ...pod('guaranteed') }],
  [`/kubepods/burstable/pod${staticUid}/${id}`, { containerId: id, ...pod('burstable', staticUid) }],
  [
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${staticUid}.slice/docker-${id}.scope`,
    { ...docker, ...pod('burstable', staticUid) },
  ],
  // kubelets in containers: of Docker Desktop, kind, minikube
  [`/kubepods/kubepods/besteffort/pod${uid}/${id}`, { containerId: id, ...pod('besteffort') }],
  [`/docker/${inner}/kubelet/kubepods/burstable/pod${uid}/${id}`, { containerId: id, ...pod('burstable') }],
  [
    `/docker/${inner}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${escapedUid}.slice/cri-containerd-${id}.scope`,
    { ...containerd, ...pod('besteffort') },
  ],
  [`/system.slice/docker-${id}.scope/kubelet.slice/kubelet.service`, docker],
  // docker in a pod: the innermost container, still of that pod
  [`/kubepods/burstable/pod${uid}/${inner}/docker/${id}`, { ...docker, ...pod('burstable') }],
  // cri-o
  [`/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${escapedUid}.slice/crio-${id}.scope`, { ...crio, ...pod('burstable') }],
  [`/kubepods.slice/kubepods-pod${escapedUid}.slice/crio-${id}.scope/container`, { ...crio, ...pod('guaranteed') }],
  [`/kubepods/besteffort/pod${uid}/crio-${id}`, { ...crio, ...pod('besteffort') }],
  [`/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${escapedUid}.slice/crio-conmon-${id}.scope`, pod('burstable')],
  [`/kubepods/besteffort/pod${uid}/crio-conmon-${id}`, pod('besteffort')],
  // pods without a container
  [`/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${escapedUid}.slice`, pod('besteffort')],
  [`/kubepods/pod${uid}`, pod('guaranteed')],
  // podman
  [`/machine.slice/libpod-${id}.scope`, podman],
  [`/machine.slice/libpod-${id}.scope/container`, podman],
  [`/libpod_parent/libpod-${id}`, podman],
  [`${user}/user.slice/libpod-${id}.scope`, podman],
  [`${user}/user.slice/user-libpod_pod_${inner}.slice/libpod-${id}.scope/container`, podman],
  [`/machine.slice/machine-libpod_pod_${inner}.slice/libpod-${id}.scope`, podman],
  [`/system.slice/web.service/libpod-payload-${id}`, podman],
  [`/libpod_parent/conmon/libpod-conmon-${id}`, undefined],
  [`/machine.slice/libpod-conmon-${id}.scope`, { unit: `libpod-conmon-${id}.scope` }],
  [`/system.slice/web.service/runtime`, { unit: 'web.service' }],
  // lxc, also of Proxmox, LXD and libvirt
  ['/lxc/web-1', lxc('web-1')],
  ['/lxc/100/ns/system.slice/ssh.service', lxc('100')],
  ['/lxc.payload.web', lxc('web')],
  ['/lxc.payload.project_web.1/init.scope', lxc('project_web.1')],
  ['/lxc.payload/web/user.slice', lxc('web')],
  [`${user}/app.slice/lxc.payload.mine`, lxc('mine')],
  ['/lxc.payload.outer/lxc.payload.inner', lxc('inner')],
  ['/lxc/outer/lxc/inner', lxc('inner')],
  [String.raw`/machine.slice/machine-lxc\x2d3021\x2ddb.scope/libvirt`, lxc('db')],
  ['/lxc.monitor.web', undefined],
  ['/lxc.monitor/web', undefined],
  ['/lxc', undefined],
  // systemd-nspawn
  ['/machine.slice/machine-debian.scope', nspawn('debian')],
  [String.raw`/machine.slice/machine-my\x2dbox.scope/payload/system.slice/ssh.service`, nspawn('my-box')],
  ['/machine.slice/systemd-nspawn@web.service/payload', nspawn('web')],
  ['/machine.slice/systemd-nspawn@web.service', nspawn('web')],
  ['/machine.slice/systemd-nspawn@web.service/supervisor', { unit: 'systemd-nspawn@web.service' }],
  [String.raw`/machine.slice/machine-qemu\x2d1\x2dvm.scope`, { unit: String.raw`machine-qemu\x2d1\x2dvm.scope` }],
  // runc and crun by hand
  ['/system.slice/runc-my container.scope', { containerId: 'my container', runtime: 'runc' }],
  [`${user}/user.slice/crun-box.scope/container`, { containerId: 'box', runtime: 'crun' }],
  // Amazon ECS
  [`/ecs/55091c13-b8cf-4801-b527-f4601742204d/${id}`, docker],
  [`/ecs/${staticUid}/${id}`, docker],
  [`/ecs/${staticUid}/${staticUid}-2531612879`, { containerId: `${staticUid}-2531612879`, runtime: 'containerd' }],
  [`/ecstasks.slice/ecstasks-${staticUid}.slice/docker-${id}.scope`, docker],
  // units
  ['/system.slice/nginx.service', { unit: 'nginx.service' }],
  ['/system.slice/system-postgresql.slice/postgresql@14-main.service', { unit: 'postgresql@14-main.service' }],
  [`${user}/app.slice/dbus.service`, { unit: 'dbus.service' }],
  [`${user}/init.scope`, { unit: 'user@1000.service' }],
  [`${user}/app.slice/app-firefox-1234.scope`, { unit: 'app-firefox-1234.scope' }],
  ['/user.slice/user-1000.slice/session-2.scope', { unit: 'session-2.scope' }],
  ['/init.scope', { unit: 'init.scope' }],
  ['/system.slice/docker.service', { unit: 'docker.service' }],
  ['/system.slice/kubelet.service', { unit: 'kubelet.service' }],
  ['/system.slice/containerd.service', { unit: 'containerd.service' }],
  // what looks like a container and is none
  ['/', undefined],
  ['', undefined],
  ['/system.slice', undefined],
  [`/${id}`, undefined],
  [`/backup/${id}`, undefined],
  [`/process_api/${staticUid}`, undefined],
  [`/docker/${id.slice(1)}`, undefined],
  [`/docker/${id.toUpperCase()}`, undefined],
  ['/docker/backup', undefined],
  [`/user.slice/user-docker.slice/${id}`, undefined],
  [`/home-docker/${id}`, undefined],
  [`/system.slice/docker-${id}.service`, { unit: `docker-${id}.service` }],
  [`/system.slice/my-docker-${id}.scope`, { unit: `my-docker-${id}.scope` }],
  [`/pod${uid}/${id}`, undefined],
  [`/kubepods/burstable/podman/${id}`, undefined],
  [`/kubepods/burstable/pod${uid}/tmp`, pod('burstable')],
  ['/user.slice/lxc/web', undefined],
  ['/system.slice/machine-debian.scope', { unit: 'machine-debian.scope' }],
  [`/ecs/${id}`, undefined],
  ['/system.slice/runc-.scope', { unit: 'runc-.scope' }],
];

describe('identifyCgroup', () => {
  it.each(paths)('%s', (path, identity) => {
    expect(identifyCgroup(path)).toEqual(identity);
  });
});

it('names what only the disk can say to be a container', () => {
  expect(guessOf(`/jobs/${id}/sub`)).toEqual({ hexId: id, folder: id, name: 'sub' });
  expect(guessOf('/default/redis')).toEqual({ folder: 'default', name: 'redis' });
  expect(guessOf('/redis')).toEqual({ folder: '', name: 'redis' });
  expect(guessOf('/')).toBeUndefined();
});

it.each([
  ['nginx.service', 'nginx'],
  ['postgresql@14-main.service', 'postgresql'],
  [String.raw`my\x2dapp.service`, 'my-app'],
  ['session-2.scope', undefined],
  ['@x.service', undefined],
])('%s is the service %s', (unit, name) => {
  expect(serviceNameOfUnit(unit)).toBe(name);
});

it.each([
  [String.raw`a\x2db`, 'a-b'],
  [String.raw`caf\xc3\xa9`, 'café'],
  ['日本', '日本'],
  [String.raw`half\x2`, String.raw`half\x2`],
])('takes the escapes out of %s', (name, text) => {
  expect(unescapeUnit(name)).toBe(text);
});
