/** The maps of the kernel side, as the addon gives them, out of plain values. */
import type { MapEntries } from '../../../src/kernel/addon.ts';
import { actorLayout, callId, mapLayout } from '../../../src/kernel/layouts.gen.ts';

const CPUS = 2;

type Put = { readonly calls: number | bigint; readonly bytes?: number | bigint };

export type CountInput = Put & {
  readonly inode: number;
  readonly call: keyof typeof callId;
  readonly error?: number;
  readonly name: string;
  readonly cgroup?: number;
  readonly netns?: number;
};

const entriesOf = (keys: readonly Buffer[], values: readonly Buffer[], keyBytes: number, valueBytes: number): MapEntries => ({
  count: keys.length,
  keyBytes,
  valueBytes,
  keys: Buffer.concat(keys),
  values: Buffer.concat(values),
});

/** Spread over the CPUs. */
const countValue = ({ calls, bytes = 0 }: Put): Buffer => {
  const { size, calls: callsAt, bytes: bytesAt } = mapLayout.callCount;
  const value = Buffer.alloc(size * CPUS);
  const half = BigInt(calls) / 2n;
  for (const [cpu, share] of [half, BigInt(calls) - half].entries()) value.writeBigUInt64LE(share, cpu * size + callsAt);
  value.writeBigUInt64LE(BigInt(bytes), bytesAt);
  return value;
};

export const callCountsOf = (inputs: readonly CountInput[]): MapEntries => {
  const at = mapLayout.callCountKey;
  const keys = inputs.map(({ inode, call, error = 0, cgroup = 0, netns = 0 }) => {
    const key = Buffer.alloc(at.size);
    key.writeBigUInt64LE(BigInt(cgroup), at.cgroupId);
    key.writeBigUInt64LE(BigInt(netns), at.netnsCookie);
    key.writeBigUInt64LE(BigInt(inode), at.inode);
    key.writeUInt16LE(callId[call], at.call);
    key.writeUInt16LE(error, at.error);
    return key;
  });
  return entriesOf(keys, inputs.map(countValue), at.size, mapLayout.callCount.size * CPUS); // prettier-ignore
};

export const callNamesOf = (inputs: readonly CountInput[]): MapEntries => {
  const [at, { size, name: nameAt }] = [mapLayout.callNameKey, mapLayout.callName];
  const names = [...new Map(inputs.filter(({ name }) => name !== '').map(({ inode, name }) => [inode, name]))];
  const keys = names.map(([inode]) => {
    const key = Buffer.alloc(at.size);
    key.writeBigUInt64LE(BigInt(inode), at.inode);
    return key;
  });
  const values = names.map(([, name]) => {
    const value = Buffer.alloc(size);
    value.write(name, nameAt, 'latin1');
    return value;
  });
  return entriesOf(keys, values, at.size, size);
};

export const overflowOf = (inputs: Readonly<Partial<Record<keyof typeof callId, Put>>> = {}): MapEntries => {
  const calls = Array.from({ length: callId.ids }, (_, id) => id);
  const byId = new Map(Object.entries(inputs).map(([name, put]) => [callId[name as keyof typeof callId] as number, put]));
  const keys = calls.map((id) => Buffer.from(Uint32Array.of(id).buffer));
  return entriesOf(keys, calls.map((id) => countValue(byId.get(id) ?? { calls: 0 })), 4, mapLayout.callCount.size * CPUS); // prettier-ignore
};

export type TotalInput = {
  readonly pid: number;
  readonly startNs?: bigint;
  readonly execId?: number;
  readonly inode: number;
  readonly kind: number;
  readonly calls: number;
  readonly requested?: number;
  readonly transferred?: number;
  readonly fd?: number;
  readonly call?: keyof typeof callId;
  readonly path?: string;
  readonly lastNs?: bigint;
};

export const totalKey = ({ pid, startNs = 1n, execId = 0, inode, kind }: TotalInput): Buffer => {
  const at = mapLayout.ioTotalKey;
  const key = Buffer.alloc(at.size);
  key.writeBigUInt64LE(startNs, at.startNs);
  key.writeBigUInt64LE(BigInt(inode), at.inode);
  key.writeUInt32LE(pid, at.pid);
  key.writeUInt32LE(kind, at.kind);
  key.writeUInt32LE(execId, at.execId);
  return key;
};

export const totalValue = (input: TotalInput): Buffer => {
  const { pid, startNs = 1n, execId = 0, calls, requested = calls, transferred = requested, fd = 3, call = 'read', path = '/f' } = input;
  const at = mapLayout.ioTotal;
  const value = Buffer.alloc(at.size);
  const place = (name: string): number => at.actor + actorLayout.fields.find((field) => field.name === name)!.offset;
  value.writeUInt32LE(pid, place('pid'));
  value.writeUInt32LE(pid, place('tid'));
  value.writeUInt32LE(execId, place('execId'));
  value.writeBigUInt64LE(startNs, place('startNs'));
  value.write('comm', place('comm'));
  value.writeBigUInt64LE(input.lastNs ?? 5n, at.lastNs);
  value.writeBigUInt64LE(BigInt(calls), at.calls);
  value.writeBigUInt64LE(BigInt(requested), at.requested);
  value.writeBigUInt64LE(BigInt(transferred), at.transferred);
  value.writeInt32LE(fd, at.fd);
  value.writeUInt32LE(callId[call], at.call);
  value.writeUInt32LE(path.length, at.pathLen);
  value.write(path, at.path, 'latin1');
  return value;
};

export const totalsOf = (inputs: readonly TotalInput[]): MapEntries =>
  entriesOf(inputs.map(totalKey), inputs.map(totalValue), mapLayout.ioTotalKey.size, mapLayout.ioTotal.size);
