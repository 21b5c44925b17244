/** The records of sessions as the kernel side writes them, without a receiver, and each session put together from them. */
import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { constants } from 'node:os';
import { LENGTH_MASK, NO_ACTOR } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { KernelFacts } from '../../../src/kernel/addon.ts';
import { eventKind, netTransport, sessionFlag, sessionRole, sessionState } from '../../../src/kernel/layouts.gen.ts';
import { createKernelServices, type KernelServices } from '../../../src/kernel/services.ts';
import { sessionStateNames, type SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import type { Loss } from '../../../src/otlp/loss.ts';
import { waitFor } from './pipeline.ts';

export type SessionRecord = {
  readonly kind: 'start' | 'state' | 'end' | 'listen';
  readonly id: bigint;
  readonly bootNs: bigint;
  /** Thread group of the owner; 0 = nobody. */
  readonly pid: number;
  readonly comm: string;
  readonly role: 'client' | 'server' | 'unknown';
  readonly transport: number;
  /** Unix: thread group at the other end; 0 = not known. */
  readonly peerPid: number;
  /** As ss shows it: `127.0.0.1:80`, `[fe80::1%lo]:80`, `*:80`; `-` without an address. Unix: the name, an abstract one with `@`. */
  readonly local: string;
  readonly peer: string;
  readonly sent: number;
  readonly received: number;
  readonly unacked: number;
  readonly state: string;
  /** Name of an errno, or `-`. */
  readonly error: string;
  readonly flags: number;
  readonly knownBy: number;
  readonly netnsCookie: bigint;
  readonly cgroupId: bigint;
  readonly durationNs: bigint;
};

export type SessionRecorder = {
  readonly kernel: KernelServices;
  readonly records: readonly SessionRecord[];
  settle(): Promise<void>;
  change(needs: Partial<SocketNeeds>): Promise<void>;
  /** Throws when the books are wrong. */
  stop(): Promise<void>;
};

const KINDS = [eventKind.sessionStart, eventKind.sessionState, eventKind.sessionEnd, eventKind.sessionListen];
const kindNames = new Map<number, SessionRecord['kind']>([
  [eventKind.sessionStart, 'start'],
  [eventKind.sessionState, 'state'],
  [eventKind.sessionEnd, 'end'],
  [eventKind.sessionListen, 'listen'],
]);
const roleNames = new Map<number, SessionRecord['role']>([
  [sessionRole.client, 'client'],
  [sessionRole.server, 'server'],
  [sessionRole.unknown, 'unknown'],
]);
const errnoNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
const STOP_MS = 5000;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

export const allSessionNeeds: SocketNeeds = {
  events: new Set(['start', 'state', 'end', 'listen']),
  states: new Set(sessionStateNames.keys()),
  protocols: new Set(['tcp', 'udp', 'icmp', 'raw']),
  families: new Set(['ipv4', 'ipv6']),
  loopback: true,
  idleTimeoutMs: { udp: 60_000, icmp: 60_000, raw: 60_000 },
  counted: false,
  mode: 'ebpf',
  cgroup: undefined,
  maxSessions: 65_536,
  procfsIntervalMs: 1_000,
  ruleSets: [],
};

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The shortest form, as inet_ntop writes it. */
const ipv6Text = (bytes: Uint8Array): string => {
  const mapped = Buffer.from(bytes.subarray(0, 12)).equals(Buffer.from('00000000000000000000ffff', 'hex'));
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index]! << 8) | bytes[2 * index + 1]!).toString(16)).join(':');
  return mapped ? `::ffff:${bytes.slice(12).join('.')}` : new URL(`http://[${groups}]`).hostname.slice(1, -1);
};

const endText = (bytes: Uint8Array, port: number): string => {
  if (bytes.length === 0) return '-';
  if (bytes.length === 1) return `*:${port}`;
  if (bytes.length === IPV4_BYTES) return `${bytes.join('.')}:${port}`;
  const zone = Buffer.from(bytes.subarray(IPV6_BYTES)).toString();
  const address = ipv6Text(bytes.subarray(0, IPV6_BYTES));
  assert(!isIPv4(address));
  return `[${address}${zone === '' ? '' : `%${zone}`}]:${port}`;
};

const nameText = (bytes: Uint8Array): string => (bytes.length === 0 ? '-' : Buffer.from(bytes).toString().replace('\0', '@'));

const running = new Set<SessionRecorder>();

export const recordSessions = async ({
  needs = {},
  injectedFacts = {},
}: {
  readonly needs?: Partial<SocketNeeds>;
  readonly injectedFacts?: Partial<KernelFacts>;
} = {}): Promise<SessionRecorder> => {
  const records: SessionRecord[] = [];
  const losses: Loss[] = [];
  const kernel = createKernelServices({
    ringBytes: 8 << 20,
    flushRows: 8192,
    flushIntervalMs: 5,
    rootPath: '/',
    rung: 'auto',
    procfsIntervalMs: 100,
    counters: createCounters(),
    logger: silent,
    injectedFacts,
  });
  const claim = kernel.needSockets({ ...allSessionNeeds, ...needs });
  const unsubscribe = kernel.hub.subscribe({
    kinds: KINDS,
    onLoss: (loss) => losses.push(loss),
    onBatch({ kind, rows, columns, bootNsHi, bootNsLo, actor }, { actors, strings }) {
      const at = (name: string, row: number): number => columns[name]![row]!;
      const wide = (name: string, row: number): bigint => (BigInt(at(`${name}Hi`, row)) << 32n) | BigInt(at(`${name}Lo`, row));
      const bytesOf = (id: number): Uint8Array => {
        const start = strings.offsets[id]!;
        return strings.bytes.slice(start, start + (strings.lengths[id]! & LENGTH_MASK));
      };
      for (let row = 0; row < rows; row++) {
        const owner = actor[row]!;
        const textOf = (end: 'local' | 'peer'): string => {
          const bytes = bytesOf(at(end, row));
          return at('transport', row) === netTransport.unix ? nameText(bytes) : endText(bytes, at(`${end}Port`, row));
        };
        const pid = owner === NO_ACTOR ? 0 : actors.pid[owner]!;
        records.push({
          kind: kindNames.get(kind)!,
          id: wide('id', row),
          bootNs: (BigInt(bootNsHi[row]!) << 32n) | BigInt(bootNsLo[row]!),
          pid,
          comm: owner === NO_ACTOR ? '' : Buffer.from(bytesOf(actors.comm[owner]!)).toString(),
          role: roleNames.get(at('role', row)) ?? 'unknown',
          transport: at('transport', row),
          peerPid: at('peerPid', row),
          local: textOf('local'),
          peer: textOf('peer'),
          sent: Number(wide('sent', row)),
          received: Number(wide('received', row)),
          unacked: Number(wide('unacked', row)),
          state: at('state', row) === sessionState.none ? '-' : (sessionStateNames.get(at('state', row)) ?? '?'),
          error: errnoNames.get(-(at('error', row) | 0)) ?? '-',
          flags: at('flags', row),
          knownBy: at('knownBy', row),
          netnsCookie: wide('netnsCookie', row),
          cgroupId: wide('cgroupId', row),
          durationNs: wide('durationNs', row),
        });
      }
    },
  });
  const settle = (): Promise<void> => {
    const isThrough = kernel.ring()?.mark() ?? (() => true);
    return waitFor('the ring to be read', () => isThrough() && kernel.hub.pending === 0);
  };
  const recorder: SessionRecorder = {
    kernel,
    records,
    settle,
    async change(changed) {
      claim.change({ ...allSessionNeeds, ...needs, ...changed });
      await kernel.reconfigure();
    },
    async stop() {
      running.delete(recorder);
      await kernel.quiesce(STOP_MS);
      unsubscribe();
      claim.end();
      await kernel.stop(STOP_MS);
      assert.deepEqual(losses, []);
    },
  };
  running.add(recorder);
  await kernel.start();
  if ((needs.mode ?? allSessionNeeds.mode) === 'ebpf') assert.equal(kernel.sockets().rung, 'ebpf', kernel.sockets().notes.join('; '));
  return recorder;
};

/** Those that a scenario did not stop itself, because it failed. */
export const stopRecorders = async (): Promise<void> => void (await Promise.allSettled(Array.from(running, (recorder) => recorder.stop())));

/** One session of TCP put together: what the workload `sessions` says in a line. */
export const sessionLine = (records: readonly SessionRecord[]): string => {
  const start = records.find(({ kind }) => kind === 'start');
  const end = records.find(({ kind }) => kind === 'end');
  for (const one of ['start', 'end']) assert(records.filter(({ kind }) => kind === one).length <= 1, `more than one ${one}`);
  const states = records.filter(({ kind }) => kind === 'state').map(({ state }) => state);
  if (end === undefined) return `no end: ${records.map(({ kind, state, local, peer }) => `${kind} ${state} ${local} ${peer}`).join(', ')}`;
  assert((end.flags & sessionFlag.hasState) !== 0);
  const path = states.length === 0 ? '-' : states.join(',');
  return [end.role, end.local, end.peer, start?.pid ?? 0, end.pid, end.sent, end.received, end.unacked, end.error, path].join(' ');
};

/** Records by session, those of listeners apart from the rest. */
export const bySession = (records: readonly SessionRecord[]): readonly (readonly SessionRecord[])[] => [
  ...Map.groupBy(
    // the time of a start is that of its beginning: the order of the ring counts for states alone
    records,
    ({ id }) => id,
  ).values(),
];
