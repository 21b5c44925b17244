/** Reads and writes that the kernel has added up, by program, file and direction. */
import type { ActorInput } from '../../core/frame-builder.ts';
import type { MapEntries } from '../addon.ts';
import { actorLayout, mapLayout } from '../layouts.gen.ts';

/** `TOTAL_ENTRIES` of bpf/file_total.bpf.h. */
export const MOST_TOTALS = 8192;

/** What only grows. */
export type TotalSums = { readonly calls: bigint; readonly requested: bigint; readonly transferred: bigint };

export type IoTotal = TotalSums & {
  /** Of the first call. */
  readonly actor: ActorInput & { readonly startNs: bigint; readonly execId: number };
  /** Boot time of the last call, ns. */
  readonly lastNs: bigint;
  /** -1: several. */
  readonly fd: number;
  /** `enum call_id`; 0: several. */
  readonly call: number;
  readonly fileKind: number;
  readonly pathFlags: number;
  /** Raw bytes. */
  readonly path: Uint8Array;
};

export type TotalEntry = {
  /** As the map has it, to take the entry out. */
  readonly key: Buffer;
  /** `enum event_kind`: a read or a write. */
  readonly kind: number;
  readonly total: IoTotal;
};

const { ioTotal, ioTotalKey } = mapLayout;

const placeOf = Object.fromEntries(actorLayout.fields.map(({ name, offset }) => [name, ioTotal.actor + offset]));
const COMM_BYTES = 16;

const actorAt = (value: Buffer): IoTotal['actor'] => {
  const u32 = (name: string): number => value.readUInt32LE(placeOf[name]!);
  const u64 = (name: string): bigint => value.readBigUInt64LE(placeOf[name]!);
  const comm = value.subarray(placeOf['comm']!, placeOf['comm']! + COMM_BYTES);
  const end = comm.indexOf(0);
  return {
    pid: u32('pid'),
    tid: u32('tid'),
    ppid: u32('ppid'),
    execId: u32('execId'),
    startNs: u64('startNs'),
    parentStartNs: u64('parentStartNs'),
    cgroupId: u64('cgroupId'),
    uid: u32('uid'),
    euid: u32('euid'),
    loginUid: u32('loginUid'),
    vpid: u32('vpid'),
    flags: u32('flags'),
    parentExecId: u32('parentExecId'),
    comm: end < 0 ? comm : comm.subarray(0, end),
  };
};

/** A value of the map `io_totals`. */
export const decodeTotal = (value: Buffer): IoTotal => ({
  actor: actorAt(value),
  lastNs: value.readBigUInt64LE(ioTotal.lastNs),
  calls: value.readBigUInt64LE(ioTotal.calls),
  requested: value.readBigUInt64LE(ioTotal.requested),
  transferred: value.readBigUInt64LE(ioTotal.transferred),
  fd: value.readInt32LE(ioTotal.fd),
  call: value.readUInt32LE(ioTotal.call),
  fileKind: value.readUInt32LE(ioTotal.fileKind),
  pathFlags: value.readUInt32LE(ioTotal.pathFlags),
  path: value.subarray(ioTotal.path, ioTotal.path + Math.min(value.readUInt32LE(ioTotal.pathLen), ioTotal.size - ioTotal.path)),
});

/** All entries of the map. */
export const decodeTotals = ({ count, keyBytes, valueBytes, keys, values }: MapEntries): readonly TotalEntry[] =>
  Array.from({ length: count }, (_, index) => {
    const key = keys.subarray(index * keyBytes, (index + 1) * keyBytes);
    return {
      key,
      kind: key.readUInt32LE(ioTotalKey.kind),
      total: decodeTotal(values.subarray(index * valueBytes, (index + 1) * valueBytes)),
    };
  });
