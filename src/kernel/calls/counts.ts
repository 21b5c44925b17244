/** What the kernel has counted of system calls: by executable, call and error, summed over CPUs. */
import type { MapEntries } from '../addon.ts';
import { mapLayout } from '../layouts.gen.ts';

/** Only ever grow for as long as the programs are loaded. */
export type CallCount = {
  /** Name of the executable; empty for kernel threads, and of what found no room. */
  readonly name: string;
  /** `enum call_id`. */
  readonly call: number;
  /** 0: success. */
  readonly errno: number;
  readonly calls: bigint;
  /** Transferred. */
  readonly bytes: bigint;
};

export type CallCounts = {
  /** By name, call and error; executables of the same name together. */
  readonly series: ReadonlyMap<string, CallCount>;
  /** What found no room in the map, by `enum call_id`. */
  readonly overflow: ReadonlyMap<number, CallCount>;
};

type Maps = { readonly read: (map: 'call_counts' | 'call_overflow' | 'call_names') => MapEntries | undefined };

const { callCount, callCountKey, callName, callNameKey } = mapLayout;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Sum over the values of all CPUs, one behind the other. */
const sumOf = (values: Buffer, start: number, end: number): { readonly calls: bigint; readonly bytes: bigint } => {
  let calls = 0n;
  let bytes = 0n;
  for (let at = start; at + callCount.size <= end; at += callCount.size) {
    calls += values.readBigUInt64LE(at + callCount.calls);
    bytes += values.readBigUInt64LE(at + callCount.bytes);
  }
  return { calls, bytes };
};

type Executable = { readonly inode: number; readonly dev: number; readonly generation: number };

/** Of the executable whose numbers stand at these places behind `at`. */
const executableAt = (keys: Buffer, at: number, place: Executable): string =>
  `${keys.readBigUInt64LE(at + place.inode)} ${keys.readUInt32LE(at + place.dev)} ${keys.readUInt32LE(at + place.generation)}`;

const nameAt = (values: Buffer, at: number): string => {
  const field = values.subarray(at + callName.name, at + callName.size);
  const length = field.indexOf(0);
  return decoder.decode(length < 0 ? field : field.subarray(0, length));
};

/** Names of executables, as the map `call_names` has them. */
export const readCallNames = ({ count, keyBytes, valueBytes, keys, values }: MapEntries): ReadonlyMap<string, string> =>
  new Map(
    Array.from({ length: count }, (_, entry) => [executableAt(keys, entry * keyBytes, callNameKey), nameAt(values, entry * valueBytes)]),
  );

export const seriesKey = ({ name, call, errno }: Pick<CallCount, 'name' | 'call' | 'errno'>): string => `${call} ${errno} ${name}`;

/** Undefined while nothing is counted. Throws a NativeError. */
export const readCallCounts = ({ read }: Maps): CallCounts | undefined => {
  const counts = read('call_counts');
  const rest = read('call_overflow');
  const named = read('call_names');
  if (counts === undefined || rest === undefined || named === undefined) return undefined;
  const names = readCallNames(named);
  const series = new Map<string, CallCount>();
  for (let entry = 0; entry < counts.count; entry++) {
    const keyAt = entry * counts.keyBytes;
    const valueAt = entry * counts.valueBytes;
    const call = counts.keys.readUInt16LE(keyAt + callCountKey.call);
    const errno = counts.keys.readUInt16LE(keyAt + callCountKey.error);
    const { calls, bytes } = sumOf(counts.values, valueAt, valueAt + counts.valueBytes);
    const name = names.get(executableAt(counts.keys, keyAt, callCountKey)) ?? '';
    if (calls === 0n) continue;
    const key = seriesKey({ name, call, errno });
    const before = series.get(key);
    series.set(key, { name, call, errno, calls: calls + (before?.calls ?? 0n), bytes: bytes + (before?.bytes ?? 0n) });
  }
  const overflow = new Map<number, CallCount>();
  for (let call = 0; call < rest.count; call++) {
    const { calls, bytes } = sumOf(rest.values, call * rest.valueBytes, (call + 1) * rest.valueBytes);
    if (calls > 0n) overflow.set(rest.keys.readUInt32LE(call * rest.keyBytes), { name: '', call, errno: 0, calls, bytes });
  }
  return { series, overflow };
};
