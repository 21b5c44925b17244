/** A kernel side whose maps and records the test fills, and which remembers what is asked of it. */
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelBatch, KernelFrame } from '../../../src/kernel/frames.ts';
import { eventKind, netFlag, netTransport, sessionFlag, sessionKnownBy, sessionRole } from '../../../src/kernel/layouts.gen.ts';
import { exclusively } from '../../../src/kernel/sockets/counts.ts';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import type { Reading } from '../../../src/kernel/sums.ts';
import type { ReportKernel } from '../../../src/live/report/report.ts';
import { createSessionMaps } from '../../receivers/sockets/maps.ts';

export type FakeRecord = {
  readonly kind?: 'start' | 'end';
  readonly unixMs?: number;
  readonly cgroup?: number;
  readonly transport?: keyof typeof netTransport;
  readonly role?: keyof typeof sessionRole;
  readonly localPort?: number;
  readonly peerPort?: number;
  readonly sent?: number;
  readonly error?: number;
  /** Of the thread that owns it; undefined: nobody is known. */
  readonly comm?: Uint8Array | string | undefined;
};

const LOCAL = Uint8Array.of(192, 0, 2, 1);
const PEER = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 9 : 0));

export const frameOf = (records: readonly FakeRecord[]): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n, sequence: 1 });
  for (const record of records) {
    const { kind = 'start', unixMs = 1, cgroup = 7, transport = 'tcp', role = 'client', localPort = 1, peerPort = 80, sent, error } = record;
    const comm = 'comm' in record ? record.comm : 'curl';
    const actor = builder.addActor({ pid: comm === undefined ? 0 : 42, euid: 1000, ...(comm === undefined ? {} : { comm }) });
    builder.addRow(kind === 'start' ? eventKind.sessionStart : eventKind.sessionEnd, {
      bootNs: BigInt(unixMs) * 1_000_000n,
      actor,
      columns: {
        cgroupId: BigInt(cgroup), transport: netTransport[transport], role: sessionRole[role], local: LOCAL, peer: PEER, localPort, peerPort,
        netFlags: netFlag.isInet, flags: sent === undefined ? 0 : sessionFlag.hasBytes, sent: BigInt(sent ?? 0), received: 5n,
        error: error ?? 0, knownBy: comm === undefined ? sessionKnownBy.not : sessionKnownBy.byEvent,
      },
    });
  } // prettier-ignore
  return builder.build();
};

export const createFakeKernel = () => {
  const side = createSessionMaps();
  const takenListeners = new Set<(taken: Reading) => void>();
  const subscribers = new Set<Parameters<ReportKernel['hub']['subscribe']>[0]>();
  const claims = new Set<SocketNeeds>();
  const required: string[] = [];
  const status = { rung: 'ebpf' as 'ebpf' | 'procfs' | 'none', notes: [] as string[] };
  const state = { reconfigured: 0, failure: undefined as Error | undefined, containerClaims: 0 };
  const socketMaps: ReportKernel['socketMaps'] = {
    ...side.maps,
    takeSums: (map, keys) =>
      exclusively(socketMaps, async () => {
        const taken = await side.maps.takeSums(map, keys);
        for (const listener of takenListeners) listener(taken!);
        return taken;
      }),
    onTaken(listener) {
      takenListeners.add(listener);
      return () => takenListeners.delete(listener);
    },
  };
  const containers = new Map<number, { readonly id: string; readonly name?: string }>();
  const paths = new Map<number, string>([[7, '/system.slice/web.service']]);
  const changes = new Set<Parameters<ReportKernel['cgroups']['onChange']>[0]>();
  const infoOf = (id: number) => ({ id: BigInt(id), path: paths.get(id)!, hierarchy: 0, goneAtMs: undefined });
  const kernel: ReportKernel = {
    socketMaps,
    needSockets(needs) {
      const mine = { ...needs };
      claims.add(mine);
      return { change() {}, end: () => void claims.delete(mine) };
    },
    sockets: () => ({ hooks: [], pushDown: { places: [] }, ...status }),
    async reconfigure() {
      state.reconfigured++;
      if (state.failure !== undefined) throw state.failure;
    },
    caughtUp: async () => {},
    hub: {
      subscribe(subscriber) {
        subscribers.add(subscriber);
        return () => subscribers.delete(subscriber);
      },
    },
    processes: { resolve: ({ actors }) => new Uint32Array(actors.count), executablePath: () => undefined },
    users: {
      resolve: ({ actors }) => ({ owners: new Uint32Array(actors.count), logins: new Uint32Array(actors.count), missing: [] }),
      ownerSource: { size: () => 0, write: (_id, _out, at) => at, entries: () => [] },
    },
    gate: {
      require(need) {
        required.push(need);
        return () => void required.splice(required.indexOf(need), 1);
      },
    },
    cgroups: {
      path: (id) => paths.get(Number(id)),
      living: () => Array.from(paths.keys(), infoOf),
      onChange(listener) {
        changes.add(listener);
        return () => changes.delete(listener);
      },
    },
    containers: {
      claim() {
        state.containerClaims++;
        return () => void state.containerClaims--;
      },
      ofCgroup(id) {
        const { id: containerId, name } = containers.get(Number(id)) ?? {};
        if (containerId === undefined) return undefined;
        return { id: containerId, identity: { containerId }, state: name === undefined ? undefined : { name }, attributes: [] };
      },
    },
  };
  return {
    ...side, kernel, claims, required, status, state, containers, paths, subscribers,
    deliver(records: readonly FakeRecord[]): void {
      const frame = frameOf(records);
      for (const subscriber of subscribers)
        for (const batch of frame.batches as readonly KernelBatch[]) if (subscriber.kinds.includes(batch.kind)) subscriber.onBatch(batch, frame);
    },
    removeCgroup(id: number): void {
      const cgroup = infoOf(id);
      paths.delete(id);
      for (const listener of changes) listener({ kind: 'gone', cgroup, pid: 0 });
    },
    takeKeys: (keys: Uint8Array) => kernel.socketMaps.takeSums('session_counts', keys),
    left: () => [claims.size, required.length, state.containerClaims, subscribers.size, takenListeners.size, changes.size],
  };
}; // prettier-ignore
