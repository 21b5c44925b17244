/**
 * The file of a capture: what the ring held, frame by frame, and what was known of users, cgroups and programs when each frame went on.
 * docs/captures.md describes it. All numbers are little-endian but those inside of records, which are as the recorder's machine had them.
 */
import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import { RuntimeError } from '../../core/errors.ts';
import {
  ACTOR_OFFSET, actorLayout, callFlag, callId, eventKind, eventLayouts, execFlag, fileKind, forkFlag, HEAD_SIZE, headFlag, netFlag, netTransport,
  pathFlag,
} from '../layouts.gen.ts'; // prettier-ignore

const meanings = [eventKind, headFlag, pathFlag, execFlag, forkFlag, callId, callFlag, fileKind, netTransport, netFlag];

/** The first byte is no text, and a transfer that changes line ends is noticed. */
export const CAPTURE_MAGIC = Buffer.from('\x89RTCAP\r\n', 'latin1');
export const CAPTURE_VERSION = 1;
export const FILE_HEADER_BYTES = 36;
export const CHUNK_HEADER_BYTES = 12;
/** A frame's records fit the arena of a frame, which has 4 MiB; a chunk that says more is damaged. */
export const MAX_CHUNK_BYTES = 16 << 20;
/** As values JSON takes up to twenty times its length. */
export const MAX_JSON_BYTES = 4 << 20;
export const FRAME_HEAD_BYTES = 32;
/** No name of a user or path of a cgroup is longer: PATH_MAX is 4096. */
export const MAX_TEXT_LENGTH = 8_192;

export const chunkType = {
  /** JSON: where and how it was recorded. The first chunk, once. */
  about: 1,
  /** Records of one frame; the process table takes them in. */
  frame: 2,
  /** JSON: the process table takes the last frame in once more. */
  again: 3,
  /** JSON: the program of a process as procfs told it. */
  program: 4,
  /** What the actors of the last frame were called; the frame goes to the receivers. */
  names: 5,
  /** JSON: records that the kernel side lost. */
  loss: 6,
  /** JSON: frames that could not be captured, the disk being slower than the ring. */
  gap: 7,
  /** JSON: totals. The last chunk; without it the recording ended by accident. */
  end: 8,
} as const;
export type ChunkType = (typeof chunkType)[keyof typeof chunkType];

/** What a capture can be damaged by, or why this Ringtail cannot read it. */
export class CaptureError extends RuntimeError {}

export const isChunkType = (type: number): type is ChunkType => type >= chunkType.about && type <= chunkType.end;

const BYTE_ORDER = endianness() === 'LE' ? 1 : 2;

let hash: Buffer | undefined;

/** Tells whether records mean the same: where each field stands, and the numbers of kinds, calls and flags. */
export const layoutHash = (): Buffer =>
  (hash ??= createHash('sha256')
    .update(JSON.stringify([HEAD_SIZE, ACTOR_OFFSET, actorLayout, eventLayouts, ...meanings]))
    .digest()
    .subarray(0, 16));

export const encodeFileHeader = (): Buffer => {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  CAPTURE_MAGIC.copy(header);
  header.writeUInt16LE(CAPTURE_VERSION, 8);
  header.writeUInt16LE(BYTE_ORDER, 10);
  layoutHash().copy(header, 16);
  header.writeUInt32LE(crc32(header.subarray(0, 32)), 32);
  return header;
};

/** Throws a CaptureError that says why the file cannot be replayed here. */
export const checkFileHeader = (header: Uint8Array): void => {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  if (bytes.length < FILE_HEADER_BYTES || !bytes.subarray(0, 8).equals(CAPTURE_MAGIC)) throw new CaptureError('this is no capture');
  const version = bytes.readUInt16LE(8);
  if (version !== CAPTURE_VERSION) {
    throw new CaptureError(`the capture has version ${version} of the format, this Ringtail reads version ${CAPTURE_VERSION}`, {
      advice: 'replay it with the Ringtail that recorded it',
    });
  }
  if (crc32(bytes.subarray(0, 32)) !== bytes.readUInt32LE(32)) throw new CaptureError('the head of the capture is damaged');
  if (bytes.readUInt16LE(10) !== BYTE_ORDER)
    throw new CaptureError('the capture was recorded on a machine with the other byte order and cannot be replayed here');
  if (!bytes.subarray(16, 32).equals(layoutHash())) {
    throw new CaptureError('the records of the capture have another layout than those of this Ringtail', {
      advice: 'replay it with the version that recorded it, or record it again',
    });
  }
};

/** Head and payload of a chunk as they stand in the file. */
export const encodeChunk = (type: ChunkType, parts: readonly Uint8Array[]): readonly Uint8Array[] => {
  const head = Buffer.alloc(CHUNK_HEADER_BYTES);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(
    parts.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  let sum = crc32(head.subarray(0, 8));
  for (const part of parts) sum = crc32(part, sum);
  head.writeUInt32LE(sum, 8);
  return [head, ...parts];
};

export const encodeJson = (type: ChunkType, value: unknown): readonly Uint8Array[] =>
  encodeChunk(type, [Buffer.from(JSON.stringify(value), 'utf8')]);

export type FrameChunk = {
  readonly sequence: number;
  readonly wallOffsetNs: bigint;
  /** Unix time, ms, at which the process table took the frame in. */
  readonly atMs: number;
  readonly rows: number;
  readonly records: Uint8Array;
};

export const encodeFrame = ({ sequence, wallOffsetNs, atMs, rows, records }: FrameChunk): readonly Uint8Array[] => {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeDoubleLE(sequence, 0);
  head.writeBigInt64LE(wallOffsetNs, 8);
  head.writeDoubleLE(atMs, 16);
  head.writeUInt32LE(rows, 24);
  return encodeChunk(chunkType.frame, [head, records]);
};

/** Dates that JavaScript can tell, so that nothing behind it has to doubt the time. */
const MAX_TIME_MS = 8.64e15;
const isTimeMs = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) <= MAX_TIME_MS;

export const decodeFrameChunk = (payload: Buffer): FrameChunk => {
  if (payload.length < FRAME_HEAD_BYTES) throw new CaptureError('a frame is shorter than its head');
  const sequence = payload.readDoubleLE(0);
  const atMs = payload.readDoubleLE(16);
  if (!Number.isSafeInteger(sequence) || sequence < 0 || !isTimeMs(atMs)) throw new CaptureError('a frame has an impossible head');
  return {
    sequence,
    wallOffsetNs: payload.readBigInt64LE(8),
    atMs,
    rows: payload.readUInt32LE(24),
    records: payload.subarray(FRAME_HEAD_BYTES),
  };
};

/** Names by actor: 0 = none known, else the place in `texts` counted from 1. */
export type NamesChunk = {
  readonly texts: readonly string[];
  readonly owners: Uint32Array;
  readonly logins: Uint32Array;
  readonly cgroups: Uint32Array;
};

const bytesOf = (words: Uint32Array): Uint8Array => {
  if (BYTE_ORDER === 1) return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const out = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => out.writeUInt32LE(word, i * 4));
  return out;
};

export const encodeNames = ({ texts, owners, logins, cgroups }: NamesChunk): readonly Uint8Array[] => {
  const json = Buffer.from(JSON.stringify(texts), 'utf8');
  const head = Buffer.alloc(8);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(owners.length, 4);
  return encodeChunk(chunkType.names, [head, json, bytesOf(owners), bytesOf(logins), bytesOf(cgroups)]);
};

export const decodeNames = (payload: Buffer): NamesChunk => {
  const damaged = () => new CaptureError('the names of a frame are damaged');
  if (payload.length < 8) throw damaged();
  const [jsonBytes, actors] = [payload.readUInt32LE(0), payload.readUInt32LE(4)];
  if (8 + jsonBytes + 12 * actors !== payload.length) throw damaged();
  const texts = parseJson(payload.subarray(8, 8 + jsonBytes));
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string' && text.length <= MAX_TEXT_LENGTH)) throw damaged();
  const column = (index: number): Uint32Array =>
    Uint32Array.from({ length: actors }, (_, i) => payload.readUInt32LE(8 + jsonBytes + 4 * (index * actors + i)));
  const names = { texts, owners: column(0), logins: column(1), cgroups: column(2) };
  if ([names.owners, names.logins, names.cgroups].some((ids) => ids.some((id) => id > texts.length))) throw damaged();
  return names;
};

export const parseJson = (payload: Uint8Array): unknown => {
  if (payload.length > MAX_JSON_BYTES) throw new CaptureError('a chunk has too much JSON');
  try {
    return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
  } catch (error) {
    throw new CaptureError('a chunk that should be JSON is none', { cause: error });
  }
};
