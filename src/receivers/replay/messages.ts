/**
 * Messages out of a file, as the Collector's file exporter writes them: a line of JSON each, or a length of four bytes, the highest first, and
 * so many bytes; these may be compressed, each message for itself.
 */
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { RuntimeError } from '../../core/errors.ts';

/** A request is about 4 MB; what says to be larger is damaged, or meant to do harm. */
export const MAX_MESSAGE_BYTES = 64 << 20;
const READ_BYTES = 256 << 10;

const OPEN_BRACE = 0x7b;
const LINE_FEED = 0x0a;

const inflate = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) };

const compressionOf = (bytes: Buffer): keyof typeof inflate | undefined => {
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2f_b528) return 'zstd';
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? 'gzip' : undefined;
};

const damaged = (path: string, at: number, what: string, cause?: unknown): RuntimeError =>
  new RuntimeError(`${path} is damaged at byte ${at}: ${what}`, cause === undefined ? {} : { cause });

const plain = async (path: string, at: number, message: Buffer): Promise<Buffer> => {
  const compression = compressionOf(message);
  if (compression === undefined) return message;
  try {
    return await inflate[compression](message, { maxOutputLength: MAX_MESSAGE_BYTES });
  } catch (error) {
    throw damaged(path, at, 'a message cannot be decompressed', error);
  }
};

/** What stands at the beginning of a file: lines are told by their brace, which as a length would be two gigabytes. */
export const isLines = (start: Uint8Array): boolean => start.length === 0 || start[0] === OPEN_BRACE;

/** `last`: nothing marks its end but that of the file, so it may have been cut off. */
export type Message = { readonly bytes: Buffer; readonly at: number; readonly last: boolean };

/**
 * The messages of a file in order, decompressed, with their places in the file. Returns true when the file ends with a whole message. Throws
 * a RuntimeError when it is damaged.
 */
export async function* readMessages(file: Pick<FileHandle, 'read'>, path: string): AsyncGenerator<Message, boolean, void> {
  let held: Buffer = Buffer.alloc(0);
  let at = 0;
  const more = async (): Promise<boolean> => {
    const chunk = Buffer.allocUnsafeSlow(Math.max(READ_BYTES, held.length));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    held = held.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([held, chunk.subarray(0, bytesRead)]);
    return bytesRead > 0;
  };
  const take = (length: number, rest: number): Buffer => {
    const taken = held.subarray(rest - length, rest);
    held = held.subarray(rest);
    at += rest;
    return taken;
  };
  await more();
  if (isLines(held)) {
    let searched = 0;
    for (;;) {
      const end = held.indexOf(LINE_FEED, searched);
      if (end < 0) {
        if (held.length > MAX_MESSAGE_BYTES) throw damaged(path, at, 'a line is too long');
        searched = held.length;
        if (await more()) continue;
        // the last line needs no end, unless it was cut off, which shows when it is read
        if (held.length > 0) yield { bytes: held, at, last: true };
        return true;
      }
      const place = at;
      const line = held.subarray(0, end);
      held = held.subarray(end + 1);
      at += end + 1;
      searched = 0;
      if (line.length > 0) yield { bytes: line, at: place, last: false };
    }
  }
  for (;;) {
    while (held.length < 4) if (!(await more())) return held.length === 0;
    const length = held.readUInt32BE(0);
    if (length > MAX_MESSAGE_BYTES) throw damaged(path, at, `a message of ${length} bytes`);
    while (held.length < 4 + length) if (!(await more())) return false;
    const place = at;
    const bytes = await plain(path, place, take(length, 4 + length));
    yield { bytes, at: place, last: false };
  }
}
