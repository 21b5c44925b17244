/**
 * Lines to a stream that may be slow: a bounded buffer, then what does not fit is dropped. The batches of a frame come one kind after the
 * other, within one turn of the event loop; a reader wants the order in which things happened, so the lines of a turn are sorted.
 */
import type { Writable } from 'node:stream';

/** Enough for a reader that stalls for a moment; a reader that has stopped costs no more than this. */
export const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** What is written to the stream at once, about. */
const CHUNK_LENGTH = 64 * 1024;
/** Lines are gathered up to about this size within a turn; a full frame has less. */
const MAX_GATHERED_LENGTH = 2 * 1024 * 1024;

export type OutputEvents = {
  written(records: number): void;
  /** The stream is gone. */
  failed(records: number): void;
};

export type LineOutput = {
  /** Adds lines, each ended by a line feed, that stand for `records` and tell what was at `unixNs`. False: there is no room. */
  add(text: string, records: number, unixNs: bigint): boolean;
  /** Hands what was gathered to the stream in order, now instead of at the end of the turn. */
  flush(): void;
  heldRecords(): number;
  /** Waits until the stream has taken everything, at most until the deadline. Returns the records that it has not; nothing is told of them later. */
  close(deadlineMs: number): Promise<number>;
};

export const createLineOutput = (stream: Writable, events: OutputEvents): LineOutput => {
  let gathered: { readonly text: string; readonly records: number; readonly unixNs: bigint }[] = [];
  let gatheredLength = 0;
  let turn: NodeJS.Immediate | undefined;
  let held = 0;
  let closed = false;
  let onIdle: (() => void) | undefined;
  const write = (chunk: string, records: number): void => {
    stream.write(chunk, (error) => {
      if (closed) return;
      held -= records;
      if (error) events.failed(records);
      else events.written(records);
      if (held === 0) onIdle?.();
    });
  };
  const flush = (): void => {
    clearImmediate(turn);
    turn = undefined;
    const lines = gathered.sort((a, b) => (a.unixNs < b.unixNs ? -1 : a.unixNs > b.unixNs ? 1 : 0));
    gathered = [];
    gatheredLength = 0;
    let chunk = '';
    let records = 0;
    for (const line of lines) {
      chunk += line.text;
      records += line.records;
      if (chunk.length < CHUNK_LENGTH) continue;
      write(chunk, records);
      chunk = '';
      records = 0;
    }
    if (chunk !== '') write(chunk, records);
  };
  return {
    add(text, records, unixNs) {
      if (closed || stream.writableLength + gatheredLength + text.length > MAX_BUFFERED_BYTES) return false;
      gathered.push({ text, records, unixNs });
      gatheredLength += text.length;
      held += records;
      if (gatheredLength >= MAX_GATHERED_LENGTH) flush();
      else turn ??= setImmediate(flush);
      return true;
    },
    flush,
    heldRecords: () => held,
    async close(deadlineMs) {
      flush();
      if (held > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, deadlineMs);
          onIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      closed = true;
      const left = held;
      held = 0;
      return left;
    },
  };
};
