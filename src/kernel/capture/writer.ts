/** Chunks to a file, off the main thread, through a queue that is bounded: what finds no room is the caller's to tell. */
import { open, type FileHandle } from 'node:fs/promises';
import { RuntimeError } from '../../core/errors.ts';
import { encodeFileHeader } from './format.ts';

/** Eight full frames: a disk that stands still for a moment costs nothing. */
export const MAX_HELD_BYTES = 32 << 20;
/** Kept free under the limit of the file for what must still be said when it is reached. */
const RESERVED_BYTES = 64 << 10;
/** Less is not worth a file. */
export const SMALLEST_CAPTURE_BYTES = 1 << 20;
/** One write takes at most about so much, so that a stop does not wait behind all of the queue. */
const WRITE_BYTES = 4 << 20;

export type CaptureWriter = {
  /** Takes a chunk; false when there is no room for it, and nothing of it is taken. `always` is for the few words that end a recording. */
  put(chunk: readonly Uint8Array[], always?: boolean): boolean;
  /** Bytes in the file and on their way into it. */
  readonly bytes: number;
  /** Resolves when the limit of the file is reached or writing failed. */
  readonly ended: Promise<{ readonly reason: 'size' } | { readonly reason: 'failed'; readonly error: Error }>;
  /** Writes what is held, lets the disk have it, closes. Throws what writing threw. */
  close(): Promise<void>;
};

/** Makes the file, readable by its owner alone; one that is there already is not touched. Throws a RuntimeError. */
export const openCaptureWriter = async (path: string, maxBytes: number, maxHeldBytes = MAX_HELD_BYTES): Promise<CaptureWriter> => {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    throw new RuntimeError('the capture cannot be written', {
      cause: error,
      advice: 'name a file that is not there yet, in a folder that is',
    });
  }
  return createCaptureWriter(file, maxBytes, maxHeldBytes);
};

export const createCaptureWriter = (
  file: Pick<FileHandle, 'writev' | 'sync' | 'close'>,
  maxBytes: number,
  maxHeldBytes = MAX_HELD_BYTES,
): CaptureWriter => {
  const ended = Promise.withResolvers<{ reason: 'size' } | { reason: 'failed'; error: Error }>();
  let held: Uint8Array[] = [encodeFileHeader()];
  let heldBytes = held[0]!.length;
  let underWay = 0;
  let bytes = heldBytes;
  let isFull = false;
  let failure: Error | undefined;
  let writing: Promise<void> | undefined;

  const writeAll = async (parts: readonly Uint8Array[]): Promise<void> => {
    let rest = parts;
    while (rest.length > 0) {
      let { bytesWritten } = await file.writev(rest as Uint8Array[]);
      if (bytesWritten === 0) throw new Error('the file takes nothing more');
      let whole = 0;
      while (whole < rest.length && bytesWritten >= rest[whole]!.length) bytesWritten -= rest[whole++]!.length;
      rest = rest.slice(whole);
      if (bytesWritten > 0) rest = [rest[0]!.subarray(bytesWritten), ...rest.slice(1)];
    }
  };

  const drain = async (): Promise<void> => {
    while (held.length > 0 && failure === undefined) {
      let size = 0;
      let parts = 0;
      // IOV_MAX is 1024
      while (parts < held.length && parts < 512 && size < WRITE_BYTES) size += held[parts++]!.length;
      const next = held.slice(0, parts);
      held = held.slice(parts);
      heldBytes -= size;
      underWay = size;
      try {
        await writeAll(next);
      } catch (error) {
        failure = new RuntimeError('the capture cannot be written', { cause: error });
        ended.resolve({ reason: 'failed', error: failure });
      }
      underWay = 0;
    }
  };
  const pump = (): void => {
    writing ??= drain().finally(() => {
      writing = undefined;
      if (held.length > 0 && failure === undefined) pump();
    });
  };
  pump();

  return {
    put(chunk, always = false) {
      const size = chunk.reduce((sum, part) => sum + part.length, 0);
      if (failure !== undefined) return false;
      if (!always) {
        if (isFull || bytes + size > maxBytes - RESERVED_BYTES) {
          isFull = true;
          ended.resolve({ reason: 'size' });
          return false;
        }
        if (heldBytes + underWay + size > maxHeldBytes) return false;
      }
      for (const part of chunk) if (part.length > 0) held.push(part);
      heldBytes += size;
      bytes += size;
      pump();
      return true;
    },
    get bytes() {
      return bytes;
    },
    ended: ended.promise,
    async close() {
      const settled = async (): Promise<void> => {
        if (writing === undefined) return;
        await writing;
        await settled();
      };
      await settled();
      try {
        if (failure === undefined) await file.sync();
      } catch (error) {
        failure = new RuntimeError('the capture may not be on the disk', { cause: error });
      } finally {
        await file.close();
      }
      if (failure !== undefined) throw failure;
    },
  };
};
