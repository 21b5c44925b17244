/**
 * One who reads events: lines wait for it in a bounded queue. What it is not given is counted, and told in its place as soon as there is room: lines given and counts told
 * are together what matched.
 */
import { objectLine } from '../../text/json.ts';
import type { LiveEnd, MissedEvents } from './types.ts';

export type Line = { readonly text: string; readonly bytes: number; readonly unixNs: bigint };

/** What became of an event that matched. */
export type TakenEvents = 'sent' | MissedEvents['reason'];

/** Each item is one or several whole lines. Ends with the streams, or when it is closed. */
export type EventReader = AsyncIterable<string> & {
  /** Asks for the line when there is room for it; `make` gives none when there is no time. */
  take(nowMs: number, make: () => Line | undefined): TakenEvents;
  /** What has to be told: whatever the rate is, and with as much room again beyond the buffer. */
  tell(line: Line): TakenEvents;
  /** What was taken in this turn of the event loop is handed on in the order in which it happened: batches come one kind behind the other. */
  endTurn(): void;
  end(reason: string): void;
  /** Forgets everything that waits. */
  close(): void;
};

export type EventReaderOptions = {
  readonly eventsPerSecond: number;
  readonly bufferBytes: number;
  readonly now: () => number;
  readonly onClose: () => void;
};

/** What is given at once, about. */
const CHUNK_BYTES = 64 * 1024;
/** When the rate is used up, lines come again after as much of a second, and not one by one. */
const PAUSE_SHARE = 0.1;
/** A reader that misses everything is told so often. */
const TELL_MS = 250;
/** Messages of our own, which always have room. */
const own = (message: MissedEvents | LiveEnd, unixNs: bigint): Line => {
  const text = `${objectLine(message)}\n`;
  return { text, bytes: text.length, unixNs };
};

export const createEventReader = ({ eventsPerSecond, bufferBytes, now, onClose }: EventReaderOptions): EventReader => {
  let turn: Line[] = [];
  let queue: Line[] = [];
  let head = 0;
  let bytes = 0;
  let [tokens, at, isPaused] = [eventsPerSecond, now(), false];
  /** Nothing is taken until something was read. */
  let isFull = false;
  let state: 'open' | 'ended' | 'closed' = 'open';
  const missed = { slow_reader: 0, rate: 0 };
  let timer: NodeJS.Timeout | undefined;
  let wake: (() => void) | undefined;

  const put = (line: Line): void => {
    queue.push(line);
    bytes += line.bytes;
  };
  const missedLines = (unixNs: bigint): readonly Line[] =>
    (['slow_reader', 'rate'] as const).flatMap((reason) => {
      const count = missed[reason];
      missed[reason] = 0;
      return count === 0 ? [] : [own({ type: 'missed', count, reason }, unixNs)];
    });
  const tellMissed = (): void => {
    timer = undefined;
    if (isFull) return; // what is read makes room
    for (const line of missedLines(0n)) put(line);
    if (head < queue.length) wake?.();
  };
  const miss = (reason: MissedEvents['reason']): TakenEvents => {
    missed[reason]++;
    timer ??= setTimeout(tellMissed, TELL_MS).unref();
    return reason;
  };

  const hasRate = (nowMs: number): boolean => {
    tokens = Math.min(eventsPerSecond, tokens + ((nowMs - at) * eventsPerSecond) / 1000);
    at = nowMs;
    if (isPaused) isPaused = tokens < Math.max(1, eventsPerSecond * PAUSE_SHARE);
    else isPaused = tokens < 1;
    return !isPaused;
  };

  const push = (line: Line): TakenEvents => {
    for (const one of [...missedLines(line.unixNs), line]) {
      turn.push(one);
      bytes += one.bytes;
    }
    return 'sent';
  };

  const close = (): void => {
    if (state === 'closed') return;
    const wasOpen = state === 'open';
    state = 'closed';
    clearTimeout(timer);
    turn = [];
    queue = [];
    head = bytes = 0;
    wake?.();
    if (wasOpen) onClose();
  };

  /** Lines for one chunk; empty: there are none now. */
  const chunk = (): string => {
    let [text, size] = ['', 0];
    while (head < queue.length && size < CHUNK_BYTES) {
      const line = queue[head++]!;
      text += line.text;
      size += line.bytes;
    }
    bytes -= size;
    if (head === queue.length || head > 1024) {
      queue = queue.slice(head);
      head = 0;
    }
    if (size > 0 && isFull) {
      isFull = false;
      for (const line of missedLines(0n)) put(line);
    }
    return text;
  };

  async function* chunks(): AsyncGenerator<string> {
    try {
      for (;;) {
        const text = chunk();
        if (text !== '') yield text;
        else if (state === 'open') {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        } else return;
      }
    } finally {
      close();
    }
  }

  return {
    take(nowMs, make) {
      if (!hasRate(nowMs)) return miss('rate');
      if (isFull || (bytes >= bufferBytes && bytes > 0)) {
        isFull = true;
        return miss('slow_reader');
      }
      const line = make();
      if (line === undefined) return miss('rate');
      if (bytes > 0 && bytes + line.bytes > bufferBytes) {
        isFull = true;
        return miss('slow_reader');
      }
      tokens--;
      return push(line);
    },
    tell: (line) => (bytes + line.bytes > 2 * bufferBytes ? miss('slow_reader') : push(line)),
    endTurn() {
      if (turn.length === 0) return;
      turn.sort((a, b) => (a.unixNs < b.unixNs ? -1 : a.unixNs > b.unixNs ? 1 : 0));
      for (const line of turn) queue.push(line);
      turn = [];
      wake?.();
    },
    end(reason) {
      if (state !== 'open') return;
      this.endTurn();
      clearTimeout(timer);
      for (const line of [...missedLines(0n), own({ type: 'end', reason }, 0n)]) put(line);
      state = 'ended';
      onClose();
      wake?.();
    },
    close,
    [Symbol.asyncIterator]: chunks,
  };
};
