/** Chunks out of a file, in order, each checked; a file that was cut off ends where its last whole chunk does. */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import {
  CaptureError, CHUNK_HEADER_BYTES, checkFileHeader, chunkType, FILE_HEADER_BYTES, isChunkType, MAX_CHUNK_BYTES, type ChunkType,
} from './format.ts'; // prettier-ignore

export type Chunk = { readonly type: ChunkType; /** Valid until the next chunk is asked for. */ readonly payload: Buffer };

/** What chunks are read from: `read` fills `into` and says how much of it, less than its length at the end only. */
export type ByteSource = { read(into: Uint8Array): Promise<number> };

/** A file from its beginning. */
export const fileSource = (file: Pick<FileHandle, 'read'>): ByteSource => ({
  async read(into) {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await file.read(into, filled, into.length - filled, null);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  },
});

export const bytesSource = (bytes: Uint8Array): ByteSource => {
  let at = 0;
  return {
    async read(into) {
      const part = bytes.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
  };
};

const FIRST_PAYLOAD_BYTES = 64 << 10;

/**
 * The chunks of a capture. Returns `complete` behind the chunk that ends a recording, `cut` when the file ends without one. Throws a
 * CaptureError, with the place in the file, when something is damaged or cannot be read here.
 */
export async function* readChunks(source: ByteSource): AsyncGenerator<Chunk, 'complete' | 'cut', void> {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  checkFileHeader(header.subarray(0, await source.read(header)));
  const head = Buffer.alloc(CHUNK_HEADER_BYTES);
  let memory = Buffer.allocUnsafeSlow(FIRST_PAYLOAD_BYTES);
  let at = FILE_HEADER_BYTES;
  let isFirst = true;
  for (;;) {
    if ((await source.read(head)) < CHUNK_HEADER_BYTES) return 'cut';
    const [type, length, sum] = [head.readUInt32LE(0), head.readUInt32LE(4), head.readUInt32LE(8)];
    const damaged = (what: string, cause?: unknown) => new CaptureError(`the capture is damaged at byte ${at}: ${what}`, { cause });
    if (!isChunkType(type)) throw damaged(`a chunk of the unknown type ${type}`);
    if (length > MAX_CHUNK_BYTES) throw damaged(`a chunk of ${length} bytes`);
    if (memory.length < length) memory = Buffer.allocUnsafeSlow(Math.min(MAX_CHUNK_BYTES, Math.max(length, memory.length * 2)));
    const payload = memory.subarray(0, length);
    if ((await source.read(payload)) < length) return 'cut';
    if (crc32(payload, crc32(head.subarray(0, 8))) !== sum) throw damaged('a chunk whose checksum is wrong');
    if (isFirst !== (type === chunkType.about)) throw damaged(isFirst ? 'it does not begin with what it is about' : 'it begins twice');
    isFirst = false;
    yield { type, payload };
    if (type === chunkType.end) return 'complete';
    at += CHUNK_HEADER_BYTES + length;
  }
}
