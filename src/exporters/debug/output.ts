/** Lines to a stream that may be slow: a bounded buffer, then what does not fit is dropped. */
import type { Writable } from 'node:stream';

/** Enough for a reader that stalls for a moment; a reader that has stopped costs no more than this. */
export const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** Lines are gathered up to about this size before they go to the stream. */
const CHUNK_LENGTH = 64 * 1024;

export type OutputEvents = {
  written(records: number): void;
  /** The stream is gone. */
  failed(records: number): void;
};

export type LineOutput = {
  /** Adds lines, each ended by a line feed, that stand for `records`. False: there is no room. */
  add(text: string, records: number): boolean;
  /** Hands what was gathered to the stream. */
  flush(): void;
  heldRecords(): number;
  /** Waits until the stream has taken everything, at most until the deadline. Returns the records that it has not; nothing is told of them later. */
  close(deadlineMs: number): Promise<number>;
};

export const createLineOutput = (stream: Writable, events: OutputEvents): LineOutput => {
  let text = '';
  let gathered = 0;
  let held = 0;
  let closed = false;
  let onIdle: (() => void) | undefined;
  const flush = (): void => {
    if (text === '') return;
    const records = gathered;
    const chunk = text;
    text = '';
    gathered = 0;
    stream.write(chunk, (error) => {
      if (closed) return;
      held -= records;
      if (error) events.failed(records);
      else events.written(records);
      if (held === 0) onIdle?.();
    });
  };
  return {
    add(lines, records) {
      if (closed || stream.writableLength + text.length + lines.length > MAX_BUFFERED_BYTES) return false;
      text += lines;
      gathered += records;
      held += records;
      if (text.length >= CHUNK_LENGTH) flush();
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
