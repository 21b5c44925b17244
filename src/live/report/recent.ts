/** The most recent sessions that began, ended or failed, out of the frames of the kernel side: the newest are kept, the others counted. */
import { LENGTH_MASK, type Frame } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import type { KernelBatch, KernelFrame } from '../../kernel/frames.ts';
import type { Hub } from '../../kernel/hub.ts';
import { eventKind, netFlag, netTransport, sessionFlag, sessionKnownBy, sessionRole } from '../../kernel/layouts.gen.ts';
import type { ProcessTable } from '../../kernel/lifecycle/process-table.ts';
import type { Users } from '../../kernel/users.ts';
import { addressText } from '../../otlp/field-text.ts';
import { shortContainerId } from '../../text/container.ts';
import { decodeKeepingBytes } from '../../text/escape.ts';
import { timeText } from '../../text/json.ts';
import type { Names } from '../shared/names.ts';
import type { RecentSession } from './types.ts';

export type RecentKernel = {
  readonly hub: Pick<Hub, 'subscribe'>;
  readonly processes: Pick<ProcessTable, 'resolve' | 'executablePath'>;
  readonly users: Pick<Users, 'resolve' | 'ownerSource'>;
};

export type RecentOptions = {
  /** Of those that are kept. */
  readonly most: number;
  /** Whether sessions of a cgroup count. */
  readonly isMeant: (cgroupId: bigint) => boolean;
};

export type Recent = {
  /** Those until this moment that were not taken yet, in order of time, and how many there was no room for. Unix time, ms. */
  take(untilMs: number, names: Pick<Names, 'containerOf'>): { readonly recent: readonly RecentSession[]; readonly missed: number };
  close(): void;
};

type Kept = Omit<RecentSession, 'time' | 'container'> & { readonly unixNs: bigint; readonly cgroupId: bigint };

const NS_PER_MS = 1_000_000n;
/** Cut to size when there are this many times as many as are told. */
const SLACK = 4;

const transportNames: ReadonlyMap<number, string> = new Map([
  [netTransport.tcp, 'tcp'],
  [netTransport.udp, 'udp'],
  [netTransport.icmp, 'icmp'],
  [netTransport.raw, 'raw'],
]);
const roleNames: ReadonlyMap<number, string> = new Map([[sessionRole.client, 'client'], [sessionRole.server, 'server']]); // prettier-ignore

const bytesOf = ({ strings }: Frame, id: number): Uint8Array => {
  const start = strings.offsets[id]!;
  return strings.bytes.subarray(start, start + (strings.lengths[id]! & LENGTH_MASK));
};

/** `192.0.2.1:80`, `[::1]:80`; what has no ports is the address alone. */
const endText = (frame: Frame, address: number, port: number | undefined): string => {
  const host = addressText(bytesOf(frame, address), decodeKeepingBytes) ?? '';
  if (host === '' || port === undefined || port === 0) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
};

const wide = (batch: KernelBatch, column: string, row: number): bigint =>
  (BigInt(batch.columns[`${column}Hi`]![row]!) << 32n) | BigInt(batch.columns[`${column}Lo`]![row]!);

const whatOf = (batch: KernelBatch, row: number): RecentSession['what'] => {
  if (batch.kind === eventKind.sessionStart) return 'opened';
  const hasBytes = (batch.columns['flags']![row]! & sessionFlag.hasBytes) !== 0;
  return batch.columns['error']![row] !== 0 && !hasBytes ? 'failed' : 'closed';
};

/** Subscribes; the gate has to be told that processes and users are needed. */
export const createRecent = ({ hub, processes, users }: RecentKernel, { most, isMeant }: RecentOptions): Recent => {
  let kept: Kept[] = [];
  let missed = 0;

  const actorOf = (frame: Frame, actor: number): Pick<RecentSession, 'process' | 'pid' | 'user'> => {
    const { actors } = frame;
    const path = processes.executablePath(processes.resolve(frame)[actor]!);
    const owner = users.ownerSource.entries(users.resolve(frame).owners[actor]!)[0]?.[1];
    return {
      process: path ?? decodeKeepingBytes(bytesOf(frame, actors.comm[actor]!)),
      pid: actors.pid[actor]!,
      user: owner === undefined ? String(actors.euid[actor]!) : String(owner),
    };
  };

  const keep = (batch: KernelBatch, frame: KernelFrame, row: number): Kept => {
    const { columns } = batch;
    const transport = columns['transport']![row]!;
    const hasPorts =
      (columns['netFlags']![row]! & netFlag.isInet) !== 0 && (transport === netTransport.tcp || transport === netTransport.udp);
    const hasBytes = batch.kind === eventKind.sessionEnd && (columns['flags']![row]! & sessionFlag.hasBytes) !== 0;
    const error = columns['error']![row]! | 0;
    const isKnown = columns['knownBy']![row] !== sessionKnownBy.not;
    return {
      unixNs: frame.wallOffsetNs + ((BigInt(batch.bootNsHi[row]!) << 32n) | BigInt(batch.bootNsLo[row]!)),
      cgroupId: wide(batch, 'cgroupId', row),
      what: whatOf(batch, row),
      transport: transportNames.get(transport) ?? '',
      role: roleNames.get(columns['role']![row]!) ?? 'unknown',
      local: endText(frame, columns['local']![row]!, hasPorts ? columns['localPort']![row] : undefined),
      peer: endText(frame, columns['peer']![row]!, hasPorts ? columns['peerPort']![row] : undefined),
      ...(isKnown ? actorOf(frame, batch.actor[row]!) : { process: '', pid: 0, user: '' }),
      ...(hasBytes && { sentBytes: Number(wide(batch, 'sent', row)), receivedBytes: Number(wide(batch, 'received', row)) }),
      ...(error !== 0 && { error: errnoNames.get(error) ?? String(error) }),
    };
  };

  const cut = (): void => {
    kept.sort((one, other) => (one.unixNs < other.unixNs ? 1 : -1));
    missed += Math.max(0, kept.length - most);
    kept.length = Math.min(kept.length, most);
  };

  const end = hub.subscribe({
    kinds: [eventKind.sessionStart, eventKind.sessionEnd],
    onBatch(batch, frame) {
      let room = most;
      for (let row = batch.rows - 1; row >= 0; row--) {
        if (!transportNames.has(batch.columns['transport']![row]!) || !isMeant(wide(batch, 'cgroupId', row))) continue;
        if (room-- > 0) kept.push(keep(batch, frame, row));
        else missed++;
      }
      if (kept.length > SLACK * most) cut();
    },
    onLoss: ({ lost }) => void (missed += lost),
  });

  return {
    take(untilMs, names) {
      const untilNs = BigInt(Math.ceil(untilMs)) * NS_PER_MS;
      const later = kept.filter(({ unixNs }) => unixNs > untilNs);
      kept = kept.filter(({ unixNs }) => unixNs <= untilNs);
      cut();
      const recent = kept.toReversed().map(({ unixNs, cgroupId, ...session }): RecentSession => {
        const container = names.containerOf(cgroupId);
        return {
          time: timeText(unixNs),
          ...session,
          container: container === undefined ? '' : container.name || shortContainerId(container.id) || 'CTR',
        };
      });
      const result = { recent, missed };
      kept = later;
      missed = 0;
      return result;
    },
    close: end,
  };
};
