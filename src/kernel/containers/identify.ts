/**
 * What the path of a cgroup says by itself: whose container, pod or unit it is. Sources: the drivers of runc and crun (`<slice>:<prefix>:<id>` becomes
 * `<prefix>-<id>.scope`), kubelet (pkg/kubelet/cm), lxc(7), systemd-nspawn(1), and trees as these lay them out.
 */
import type { CgroupIdentity, ContainerRuntime, QosClass } from './types.ts';

const hex64 = /^[0-9a-f]{64}$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Of a static pod: the hash of its manifest. */
const hex32 = /^[0-9a-f]{32}$/;

/** What stands before the id in names of scopes, and of folders where no systemd makes them. Monitors (`crio-conmon-`) are not among them. */
const runtimeOfPrefix: ReadonlyMap<string, ContainerRuntime> = new Map([
  ['docker', 'docker'],
  ['cri-containerd', 'containerd'],
  ['nerdctl', 'containerd'],
  ['crio', 'cri-o'],
  ['libpod', 'podman'],
  ['libpod-payload', 'podman'],
]);
const prefixed = /^([a-z-]+)-([0-9a-f]{64})(?:\.scope)?$/;
/** Runtimes that are run by hand name scopes after any id that they are given. */
const bareScope = /^(runc|crun)-(.+)\.scope$/;
/** The driver without systemd, given the path that is meant for the one with it. */
const unsplit = /^(.+\.slice):([a-z-]+):([^:]+)$/;
/** Ids of steps of a build: 25 characters of base 36. */
const buildStep = /^(?:buildkit-)?([0-9a-z]{25})(?:\.scope)?$/;
/** Folders that hold containers, by their names. */
const runtimeOfFolder: ReadonlyMap<string, ContainerRuntime> = new Map([
  ['docker', 'docker'],
  ['moby', 'docker'],
  ['k8s.io', 'containerd'],
  ['default', 'containerd'],
  ['nerdctl', 'containerd'],
]);
const fargateTask = /^[0-9a-f]{32}-\d{1,12}$/;
const podSlice = /(?:^|-)kubepods(?:-(guaranteed|burstable|besteffort))?(?:-pod([0-9a-f_-]+))?\.slice$/;
const machineSlice = /^machine(?:-.+)?\.slice$/;
const machineScope = /^machine-(.+)\.scope$/;
const nspawnService = /^systemd-nspawn@(.+)\.service$/;
const libvirtContainer = /^lxc-\d+-(.+)$/;
const unitName = /\.(?:service|scope|socket|mount|swap)$/;

/** `\x2d` in the name of a unit is a character; systemd.unit(5). */
export const unescapeUnit = (name: string): string =>
  Buffer.from(
    name.replace(/[^\\]+|\\x([0-9a-f]{2})|\\/g, (text, code: string | undefined) =>
      code === undefined ? Buffer.from(text).toString('latin1') : String.fromCharCode(parseInt(code, 16)),
    ),
    'latin1',
  ).toString('utf8');

type Pod = { readonly podUid: string; readonly qos: QosClass };
type Found = { readonly containerId: string; readonly runtime?: ContainerRuntime };

const podUidOf = (text: string): string | undefined => {
  const uid = text.replaceAll('_', '-');
  return uuid.test(uid) || hex32.test(uid) ? uid : undefined;
};

const podOf = (parts: readonly string[], at: number): Pod | undefined => {
  const slice = podSlice.exec(unsplit.exec(parts[at]!)?.[1] ?? parts[at]!);
  if (slice?.[2] !== undefined) {
    const podUid = podUidOf(slice[2]);
    return podUid === undefined ? undefined : { podUid, qos: (slice[1] as QosClass | undefined) ?? 'guaranteed' };
  }
  if (!parts[at]!.startsWith('pod')) return undefined;
  const above = parts[at - 1];
  const qos = above === 'burstable' || above === 'besteffort' || above === 'guaranteed' ? above : undefined;
  if (parts[qos === undefined ? at - 1 : at - 2] !== 'kubepods') return undefined;
  const podUid = podUidOf(parts[at]!.slice('pod'.length));
  return podUid === undefined ? undefined : { podUid, qos: qos ?? 'guaranteed' };
};

/** By its own name, wherever it stands. */
const byName = (name: string): Found | undefined => {
  const match = prefixed.exec(name);
  if (match !== null) {
    const runtime = runtimeOfPrefix.get(match[1]!);
    return runtime === undefined ? undefined : { containerId: match[2]!, runtime };
  }
  const whole = unsplit.exec(name);
  if (whole !== null) {
    const runtime = runtimeOfPrefix.get(whole[2]!);
    return runtime === undefined || !hex64.test(whole[3]!) ? undefined : { containerId: whole[3]!, runtime };
  }
  const scope = bareScope.exec(name);
  if (scope !== null) return { containerId: scope[2]!, runtime: scope[1] as ContainerRuntime };
  if (name.startsWith('lxc.payload.') && name.length > 'lxc.payload.'.length)
    return { containerId: name.slice('lxc.payload.'.length), runtime: 'lxc' };
  const step = name.startsWith('buildkit-') ? buildStep.exec(name) : null;
  return step === null ? undefined : { containerId: step[1]! };
};

const machineOf = (parts: readonly string[], at: number): Found | undefined => {
  const service = nspawnService.exec(parts[at]!);
  // The part of it that watches over the container runs on the host.
  if (service !== null)
    return parts[at + 1] === 'supervisor' ? undefined : { containerId: unescapeUnit(service[1]!), runtime: 'systemd-nspawn' };
  const scope = machineSlice.test(parts[at - 1] ?? '') ? machineScope.exec(parts[at]!) : null;
  if (scope === null) return undefined;
  const name = unescapeUnit(scope[1]!);
  if (name.startsWith('qemu-')) return undefined;
  const libvirt = libvirtContainer.exec(name);
  return libvirt === null ? { containerId: name, runtime: 'systemd-nspawn' } : { containerId: libvirt[1]!, runtime: 'lxc' };
};

/** By the folder that it stands in. `isTop`: that folder is a root, of the hierarchy or of what a container sees. */
const byFolder = (parts: readonly string[], at: number, inPod: boolean, isTop: boolean): Found | undefined => {
  const name = parts[at]!;
  const above = parts[at - 1];
  if (above === undefined) return undefined;
  if (hex64.test(name)) {
    if (inPod) return { containerId: name };
    const runtime = runtimeOfFolder.get(above);
    if (runtime !== undefined) return { containerId: name, runtime };
  }
  if (parts[at - 2] === 'ecs') {
    if (hex64.test(name)) return { containerId: name, runtime: 'docker' };
    if (fargateTask.test(name)) return { containerId: name, runtime: 'containerd' };
  }
  if (above === 'lxc.payload' || (above === 'lxc' && isTop)) return { containerId: name, runtime: 'lxc' };
  const step = above === 'buildkit' ? buildStep.exec(name) : null;
  return step === null ? undefined : { containerId: step[1]! };
};

/** Of several that stand in each other the innermost counts. `path` is from the root of a hierarchy; undefined when it says nothing. */
export const identifyCgroup = (path: string): CgroupIdentity | undefined => {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  let container: Found | undefined;
  let pod: Pod | undefined;
  let podAt = -1;
  let top = 0;
  let unit: string | undefined;
  for (let at = 0; at < parts.length; at++) {
    const name = parts[at]!;
    const foundPod = podOf(parts, at);
    if (foundPod !== undefined) [pod, podAt] = [foundPod, at];
    const found = byName(name) ?? machineOf(parts, at) ?? byFolder(parts, at, podAt === at - 1 && podAt >= 0, at - 1 === top);
    if (found !== undefined) [container, top] = [found, at + 1];
    else if (unitName.test(name) && !(name === 'init.scope' && unit !== undefined)) unit = name;
  }
  if (container !== undefined) return { ...container, ...pod };
  if (pod !== undefined) return pod;
  return unit === undefined ? undefined : { unit };
};

/**
 * Who it may be although the path does not tell, because a folder was chosen for it: an id of 64 digits, and what containerd calls namespace and id.
 * Only what the runtime left on disk can say that it is a container.
 */
export const guessOf = (path: string): { readonly hexId?: string; readonly folder: string; readonly name: string } | undefined => {
  const parts = path.split('/').filter((part) => part !== '');
  const name = parts.at(-1);
  if (name === undefined) return undefined;
  const hexId = parts.findLast((part) => hex64.test(part));
  return { ...(hexId === undefined ? {} : { hexId }), folder: parts.at(-2) ?? '', name };
};

/** Of a service the name without its ending and instance: all instances of a template are one service. Undefined for other units. */
export const serviceNameOfUnit = (unit: string): string | undefined => {
  if (!unit.endsWith('.service')) return undefined;
  const name = unescapeUnit(unit.slice(0, -'.service'.length).split('@')[0]!);
  return name === '' ? undefined : name;
};
