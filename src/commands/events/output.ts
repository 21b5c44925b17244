/** Standard output of a command that prints as things happen: a turn's lines in one write, and a reader that is slow is waited for. */
import type { LineStream } from '../../service/logging.ts';

/** As of process.stdout, as far as a stream has it. */
export type OutputStream = LineStream & {
  readonly columns?: number;
  readonly writableNeedDrain?: boolean;
  once?(event: 'drain', listener: () => void): unknown;
};

export type EventsOutput = {
  add(text: string): void;
  /** Writes what was added, now instead of at the end of the turn. */
  flush(): void;
  /** A promise that settles when it is worth adding more; undefined: it is now. */
  room(): Promise<void> | undefined;
  /** From now on a slow reader is not waited for. */
  release(): void;
  /** Of the terminal; undefined: it is none, or it does not say. */
  columns(): number | undefined;
};

/** About what a pipe holds. */
const CHUNK_LENGTH = 64 * 1024;

export const createEventsOutput = (stream: OutputStream): EventsOutput => {
  let text = '';
  let turn: NodeJS.Immediate | undefined;
  let isReleased = false;
  let wake = (): void => {};
  const flush = (): void => {
    clearImmediate(turn);
    turn = undefined;
    const all = text;
    text = '';
    if (all !== '') stream.write(all);
  };
  return {
    add(more) {
      text += more;
      if (text.length >= CHUNK_LENGTH) flush();
      else turn ??= setImmediate(flush);
    },
    flush,
    room() {
      if (isReleased || stream.writableNeedDrain !== true || stream.once === undefined) return undefined;
      return new Promise((resolve) => {
        wake = resolve;
        stream.once!('drain', resolve);
      });
    },
    release() {
      isReleased = true;
      wake();
    },
    // a terminal that nobody told its size says that it has 0 columns
    columns: () => (stream.isTTY === true && stream.columns !== 0 ? stream.columns : undefined),
  };
};
