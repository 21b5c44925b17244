/** Requests into a file, one after the other: whole, or not at all. */
import { constants } from 'node:fs';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf, RuntimeError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { RequestSignal } from '../../otlp/request.ts';
import { compressorOf } from '../shared/compress.ts';
import type { Outcome, Transport } from '../shared/transport.ts';
import type { FileConfig } from './config.ts';
import { encodeMessage } from './encode.ts';
import { deleteOld, putAside } from './rotation.ts';

const MEBIBYTE = 2 ** 20;
/**
 * That somebody moved the file away is noticed so soon. Asking before each request would cost as many turns of the event loop as writing it, and
 * in a flood a turn is as long as it takes to encode a frame.
 */
const NOTICED_MS = 100;
/** A capture of what happens on a host: its owner's business. */
const MODE = 0o600;

export type FileTransportOptions = {
  readonly config: Pick<FileConfig, 'path' | 'format' | 'compression' | 'rotation' | 'append' | 'create_directory' | 'fsync'>;
  readonly logger: Logger;
  /** For tests: what opens files. */
  readonly openFile?: typeof open;
};

/** As `a`, but what was there before goes. */
const ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;

/**
 * Who writes to a file, by its path: after a reload the old exporter sends what it holds beside the new one. They take turns, and the
 * second one does not begin the file anew.
 */
const lanes = new Map<string, { writers: number; last: Promise<unknown> }>();

/** `askedMs`: when the name led to it last. */
type Target = { readonly file: FileHandle; readonly inode: number; size: number; askedMs: number };

/** What is left of the parts behind so many bytes. */
const behind = (parts: readonly Buffer[], bytes: number): readonly Buffer[] => {
  let skipped = bytes;
  return parts.flatMap((part) => {
    const rest = part.subarray(Math.min(skipped, part.length));
    skipped -= part.length - rest.length;
    return rest.length === 0 ? [] : [rest];
  });
};

/** Opens the file. Throws a RuntimeError when it cannot be. */
export const openFileTransport = async ({ config, logger, openFile = open }: FileTransportOptions): Promise<Transport> => {
  const { path, rotation, append, fsync } = config;
  const compress = compressorOf({ compression: config.compression, compression_params: {} });
  let target: Target | undefined;
  let closed = false;
  let left = false;
  const key = resolve(path);
  const lane = lanes.get(key) ?? { writers: 0, last: Promise.resolve() };
  lanes.set(key, lane);
  const leave = (): void => {
    lane.writers--;
    void lane.last.then(() => lane.writers === 0 && lanes.delete(key));
  };

  const openTarget = async (flags: 'a' | typeof ANEW): Promise<Target> => {
    const file = await openFile(path, flags, MODE);
    try {
      const facts = await file.stat();
      if (!facts.isFile()) throw new RuntimeError(`${path} is not a file`);
      return { file, inode: facts.ino, size: facts.size, askedMs: performance.now() };
    } catch (error) {
      await file.close();
      throw error;
    }
  };

  /** The file under the name: another one when somebody has moved ours away. */
  const current = async (): Promise<Target> => {
    if (target !== undefined) {
      const now = performance.now();
      if (lane.writers === 1 && now - target.askedMs < NOTICED_MS) return target;
      const there = await stat(path).catch(() => undefined);
      if (there?.ino === target.inode) {
        // another exporter may have written to it
        target.size = there.size;
        target.askedMs = now;
        return target;
      }
      const { file } = target;
      target = undefined;
      await file.close();
    }
    return (target = await openTarget('a'));
  };

  const rotate = async (full: Target): Promise<Target> => {
    await putAside(path, rotation!);
    target = undefined;
    await full.file.close();
    target = await openTarget('a');
    try {
      await deleteOld(path, rotation!);
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'files that were put aside could not be deleted');
    }
    return target;
  };

  const writeAll = async ({ file }: Target, parts: readonly Buffer[]): Promise<void> => {
    let rest = parts;
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest);
      if (bytesWritten === 0) throw new Error('the file takes nothing more');
      rest = behind(rest, bytesWritten);
    }
    if (fsync) await file.datasync();
  };

  const write = async (request: Buffer, signal: RequestSignal): Promise<Outcome> => {
    if (closed) return { kind: 'permanent', message: 'the file is closed' };
    let parts: readonly Buffer[];
    try {
      parts = await encodeMessage(request, signal, config.format, compress);
    } catch (error) {
      return { kind: 'permanent', message: messageOf(error) };
    }
    try {
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      let into = await current();
      if (rotation !== undefined && into.size > 0 && into.size + bytes > rotation.max_megabytes * MEBIBYTE) into = await rotate(into);
      try {
        await writeAll(into, parts);
      } catch (error) {
        // half a request would make the rest of the file unreadable
        into.askedMs = -Infinity;
        await into.file.truncate(into.size);
        throw error;
      }
      into.size += bytes;
      return { kind: 'success' };
    } catch (error) {
      return { kind: 'retryable', message: messageOf(error) };
    }
  };

  const begin = async (): Promise<void> => {
    if (config.create_directory) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    target = await openTarget(append || lane.writers > 1 ? 'a' : ANEW);
  };
  lane.writers++;
  try {
    await begin();
  } catch (error) {
    leave();
    throw new RuntimeError('the file cannot be opened for writing', {
      cause: error,
      advice: 'see its folder and its permissions, or set create_directory',
    });
  }
  return {
    send(request, _timeoutMs, signal) {
      const outcome = lane.last.then(() => write(request, signal));
      lane.last = outcome;
      return outcome;
    },
    close() {
      if (left) return;
      left = true;
      leave();
      void lane.last.then(async () => {
        closed = true;
        await target?.file.close().catch(() => {});
      });
    },
  };
};
