/** Captures made by hand: records as the kernel side writes them, and the chunks around them. */
import {
  ACTOR_OFFSET, actorLayout, callId, eventKind, eventLayouts, netFlag, netTransport, mapLayout, type FieldLayout,
} from '../../src/kernel/layouts.gen.ts'; // prettier-ignore
import { loadAddon } from '../../src/kernel/addon.ts';
import { type About, programJson } from '../../src/kernel/capture/facts.ts';
import {
  CaptureError, CHUNK_HEADER_BYTES, chunkType, encodeChunk, encodeFileHeader, encodeFrame, encodeJson, encodeNames, FILE_HEADER_BYTES,
  type ChunkType,
} from '../../src/kernel/capture/format.ts'; // prettier-ignore
import { bytesSource, readChunks } from '../../src/kernel/capture/reader.ts';
import { createReplay, type Replay } from '../../src/kernel/capture/replay.ts';
import { silentLogger } from '../../src/core/logger.ts';

type Values = Readonly<Record<string, number | bigint | string | readonly string[]>>;

const put = (out: Buffer, base: number, { offset, width, role }: FieldLayout, value: Values[string]): void => {
  const at = base + offset;
  if (role === 'chars') out.write(String(value), at, width, 'latin1');
  else if (width === 8) out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as number | bigint)), at);
  else if (width === 4) out.writeUInt32LE(Number(value) >>> 0, at);
  else out.writeUIntLE(Number(value), at, width);
};

/** One record; what is not given is 0 or empty. Texts are put behind it. */
export const recordOf = (name: keyof typeof eventLayouts, bootNs: bigint, actor: Values, values: Values = {}): Buffer => {
  const { kind, size, fields } = eventLayouts[name];
  const tails: Buffer[] = [];
  const head = Buffer.alloc(size);
  for (const field of fields as readonly FieldLayout[]) {
    const value = values[field.name];
    if (field.role === 'text' || field.role === 'list') {
      const texts = value === undefined ? [] : [value].flat();
      const tail = Buffer.from(field.role === 'list' ? texts.map((text) => `${text}\0`).join('') : texts.join(''), 'latin1');
      tails.push(tail);
      head.writeUInt32LE(tail.length, field.offset);
    } else if (value !== undefined) put(head, 0, field, value);
  }
  for (const field of actorLayout.fields) if (actor[field.name] !== undefined) put(head, ACTOR_OFFSET, field, actor[field.name]!);
  const record = Buffer.concat([head, ...tails]);
  record.writeUInt16LE(kind, 0);
  record.writeUInt16LE(1, 2);
  record.writeUInt32LE(record.length, 4);
  record.writeBigUInt64LE(bootNs, 8);
  return record;
};

export const about: About = {
  version: '1.2.3',
  kernel: { release: '6.1.0', machine: 'x86_64' },
  startedAt: '2026-11-21T06:00:00.000Z',
  resource: [['host.name', 'elsewhere']],
};

const WALL_OFFSET_NS = 1_795_000_000_000_000_000n;
const at = (ms: number): number => Date.UTC(2026, 10, 21, 6) + ms;

/** A process with all its life, as actor values. */
const process = (pid: number, execId: number, comm: string, uid = 1000): Values => ({
  pid, tid: pid, ppid: 1, execId, startNs: BigInt(pid) * 1_000_000n, parentStartNs: 1n, cgroupId: 77n, uid, euid: uid, loginUid: 0xffff_ffff, vpid: pid, comm,
}); // prettier-ignore

/** The record of a thread that is in a trace. The ids, 16 and 8 bytes, may be wrong on purpose. */
export const inTrace = (record: Buffer, traceId: Buffer, spanId: Buffer): Buffer => {
  const { size, kind, version, len, context } = mapLayout.contextHead;
  const head = Buffer.alloc(context);
  head.writeUInt16LE(CONTEXT_KIND, kind);
  head.writeUInt16LE(1, version);
  head.writeUInt32LE(size + record.length, len);
  return Buffer.concat([head, traceId, spanId, record]);
};
/** In bpf/events.h. */
const CONTEXT_KIND = 0xffff;

export const sampleTrace = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
export const sampleSpan = Buffer.from('a0a1a2a3a4a5a6a7', 'hex');

/** Two frames with every kind of chunk: 6 records that become events, one of them in a trace, and one task. */
export const sampleChunks = (): readonly (readonly Uint8Array[])[] => {
  const frame = (sequence: number, atMs: number, records: readonly Buffer[]) =>
    encodeFrame({ sequence, wallOffsetNs: WALL_OFFSET_NS, atMs: at(atMs), rows: records.length, records: Buffer.concat(records) });
  const names = (texts: readonly string[], owners: readonly number[], cgroups: readonly number[]) =>
    encodeNames({
      texts,
      owners: Uint32Array.from(owners),
      logins: new Uint32Array(owners.length),
      cgroups: Uint32Array.from(cgroups),
    });
  const first = [
    recordOf('task', 1n, process(10, 1, 'init'), { path: '/sbin/init' }),
    recordOf('fork', 2_000n, process(10, 1, 'init'), { childPid: 11, childTid: 11, childStartNs: 11_000_000n, childExecId: 1, childVpid: 11, syscallNr: 56, cloneFlags: 17n }),
    recordOf('exec', 3_000n, process(11, 2, 'cat'), { path: '/bin/cat', cwd: '/tmp', file: 'cat', args: ['cat', '--password', 'x y'], argc: 3, syscallNr: 59 }),
  ]; // prettier-ignore
  const second = [
    recordOf('execFailed', 4_000n, process(11, 2, 'cat'), { ret: -2, file: '/no/such', syscallNr: 59 }),
    recordOf('exec', 5_000n, process(11, 3, 'ls\xff'), { path: '/bin/ls\xfe', cwd: '/', file: 'ls', args: ['ls'], argc: 1, syscallNr: 59 }),
    inTrace(recordOf('exit', 6_000n, process(11, 3, 'ls\xff'), { exitCode: 3, durationNs: 12345n }), sampleTrace, sampleSpan),
    recordOf('exit', 7_000n, process(12, 5, 'sh', 0), { exitSignal: 9 }),
  ];
  return [
    encodeJson(chunkType.about, about),
    frame(0, 0, first),
    names(['alice', '/user.slice'], [1, 1], [2, 2]),
    encodeJson(chunkType.loss, { reason: 'ring_full', startMs: at(1), endMs: at(2), lostByKind: [[2, 7]] }),
    encodeJson(chunkType.gap, { frames: 1, startMs: at(2), endMs: at(3), recordsByKind: [[3, 4]] }),
    frame(2, 50, second),
    encodeJson(
      chunkType.program,
      programJson({
        atMs: at(51),
        wallOffsetNs: WALL_OFFSET_NS,
        actor: {
          pid: 12,
          tid: 12,
          ppid: 1,
          execId: 5,
          startNs: 12_000_000n,
          parentStartNs: 1n,
          parentExecId: 0,
          flags: 0,
          comm: Buffer.from('sh'),
        },
        path: Buffer.from('/bin/sh'),
        pathFlags: 0,
      }),
    ),
    encodeJson(chunkType.again, { atMs: at(52) }),
    names(['alice', 'root', '/user.slice'], [1, 1, 2], [3, 3, 0]),
    encodeJson(chunkType.end, { reason: 'signal', frames: 2, records: 7, skipped: 4, lost: 7 }),
  ];
};

/** One frame of system calls, recorded on arm64; addresses as text of one byte a character. */
export const callChunks = (): readonly (readonly Uint8Array[])[] => {
  const actor = process(20, 1, 'sshd');
  const records = [
    recordOf('open', 1_000n, actor, { call: callId.openat, ret: 3, flags: 0o40000, path: '/etc', name: '/etc' }),
    recordOf('open', 2_000n, actor, { call: 0xffff, ret: 3, path: '/of/another/version' }),
    recordOf('connect', 3_000n, actor, { call: callId.connect, ret: 0, family: 2, transport: netTransport.tcp, netFlags: netFlag.isInet, peer: '\x7f\0\0\x01', peerPort: 22 }),
    recordOf('read', 4_000n, actor, { call: callId.read, ret: -9, fd: 1 }),
  ]; // prettier-ignore
  const owners = new Uint32Array(1);
  return [
    encodeJson(chunkType.about, { ...about, kernel: { release: '6.1.0', machine: 'aarch64' } }),
    encodeFrame({ sequence: 0, wallOffsetNs: WALL_OFFSET_NS, atMs: at(0), rows: records.length, records: Buffer.concat(records) }),
    encodeNames({ texts: [], owners, logins: owners, cgroups: owners }),
    encodeJson(chunkType.loss, { reason: 'rate_limited', startMs: at(1), endMs: at(2), lostByKind: [[eventKind.connect, 5]] }),
    encodeJson(chunkType.end, { reason: 'signal', frames: 1, records: 4, skipped: 0, lost: 5 }),
  ];
};

export const fileOf = (chunks: readonly (readonly Uint8Array[])[]): Buffer => Buffer.concat([encodeFileHeader(), ...chunks.flat()]);

/** Types and payloads of a whole capture. */
export const takeApart = (file: Buffer): { type: ChunkType; payload: Buffer }[] => {
  const parts: { type: ChunkType; payload: Buffer }[] = [];
  for (let place = FILE_HEADER_BYTES; place < file.length;) {
    const length = file.readUInt32LE(place + 4);
    const from = place + CHUNK_HEADER_BYTES;
    parts.push({ type: file.readUInt32LE(place) as ChunkType, payload: file.subarray(from, from + length) });
    place = from + length;
  }
  return parts;
};

/** With checksums that are right, whatever the payloads hold. */
export const putTogether = (parts: readonly { readonly type: number; readonly payload: Uint8Array }[]): Buffer =>
  fileOf(parts.map(({ type, payload }) => encodeChunk(type as ChunkType, [payload])));

/** Plays a capture that is in memory. `watch` may subscribe to the hub of the replay before the first chunk. */
export const playBytes = async (
  bytes: Uint8Array,
  watch: (replay: Replay) => void = () => {},
): Promise<{ readonly records: number; readonly ending: 'complete' | 'cut' } | CaptureError> => {
  const replay = createReplay({ addon: loadAddon(), logger: silentLogger, maxRows: 256, maxProcesses: 64 });
  try {
    watch(replay);
    const chunks = readChunks(bytesSource(bytes));
    for (;;) {
      const step = await chunks.next();
      if (step.done === true) return { records: replay.records, ending: step.value };
      replay.play(step.value);
    }
  } catch (error) {
    if (error instanceof CaptureError) return error;
    throw error;
  } finally {
    replay.close();
  }
};
