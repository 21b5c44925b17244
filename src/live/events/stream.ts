/**
 * Events for those who look, as lines of JSON. It sits behind the exporters of a pipeline, in the same turn, and so it never waits: who reads slowly or wants too much is
 * told how many were left out. While nobody looks, nothing is done.
 */
import { resourceOfRow, rowsOf, type Batch } from '../../core/batch.ts';
import type { ServiceView } from '../../core/component.ts';
import { attributesOf, unixNsOf } from '../../otlp/log-text.ts';
import { eventName } from '../../otlp/names.ts';
import { contextOf } from '../../otlp/trace-context.ts';
import { contextMembers, objectLine, timeText } from '../../text/json.ts';
import { createEventMatcher, type EventMatcher } from './match.ts';
import { createEventReader, type EventReader, type Line, type TakenEvents } from './reader.ts';
import type { EventFilter, LiveEvent } from './types.ts';

export type OpenEvents = {
  readonly filter: EventFilter;
  /** Only what goes through this one; without it an event is shown where it comes through first. */
  readonly pipeline?: string | undefined;
  readonly eventsPerSecond: number;
  /** What waits for the reader, at most; beside it up to 64 KiB are on their way. */
  readonly bufferBytes: number;
  /** Of a user of this host by name, for records that say the number alone. */
  readonly userId?: (name: string) => number | undefined;
  /** The lines end when it is aborted. */
  readonly signal?: AbortSignal;
};

export type EventStreams = {
  /** From now on; the lines end when it is closed or the streams end. */
  open(options: OpenEvents): EventReader;
  /** Tells all readers that this is the end, and why; they may still read what waits for them. */
  end(reason: string): void;
  readers(): number;
};

export type EventStreamsOptions = {
  readonly tap: ServiceView['tap'];
  /** Clock in ms that never goes back. */
  readonly now?: () => number;
  /** Part of the thread's time that lines may be made in, for all readers together: from 0 to 1. What does not fit counts as too much. */
  readonly lineShare?: number;
  /** Told of every event that matched, once a reader. */
  readonly count?: (taken: TakenEvents) => void;
};

/** Beside pipelines, which come first. */
const LINE_SHARE = 0.2;
/** What may be used at once. */
const LINE_BUDGET_MS = 200;

/** Time that may be spent, in ms: it comes back by the clock. */
export const createTimeBudget = (now: () => number, share: number, mostMs = LINE_BUDGET_MS) => {
  let [leftMs, at] = [mostMs, now()];
  return {
    /** True while there is some left. */
    has(nowMs: number): boolean {
      leftMs = Math.min(mostMs, leftMs + (nowMs - at) * share);
      at = nowMs;
      return leftMs > 0;
    },
    spend(ms: number): void {
      leftMs -= ms;
    },
  };
};

const lineOf = (batch: Batch, row: number, pipeline: string): Line => {
  const unixNs = unixNsOf(batch, row);
  const resource = resourceOfRow(batch, row)?.attributes;
  const event: LiveEvent = {
    type: 'event',
    time: timeText(unixNs),
    event: batch.kind.eventName,
    receiver: batch.receiver,
    pipeline,
    ...contextMembers(contextOf(batch, row)),
    attributes: Object.fromEntries(attributesOf(batch, row)),
    ...(resource && { resource: Object.fromEntries(resource) }),
  };
  const text = `${objectLine(event)}\n`;
  return { text, bytes: Buffer.byteLength(text), unixNs };
};

/** Readers that want the same: matched once. */
type Group = {
  readonly key: string;
  readonly pipeline: string | undefined;
  readonly matcher: EventMatcher;
  readonly readers: Set<EventReader>;
};

export const createEventStreams = ({
  tap,
  now = () => performance.now(),
  lineShare = LINE_SHARE,
  count = () => {},
}: EventStreamsOptions): EventStreams => {
  const groups = new Map<string, Group>();
  const budget = createTimeBudget(now, lineShare);
  let untap: (() => void) | undefined;
  let turn: NodeJS.Immediate | undefined;

  const endTurn = (): void => {
    turn = undefined;
    for (const { readers } of groups.values()) for (const reader of readers) reader.endTurn();
  };

  const show = (pipeline: string, batch: Batch, isFirst: boolean): void => {
    const [rows, nowMs] = [rowsOf(batch), now()];
    /** Readers have them in common. */
    const made = new Map<number, Line>();
    const mustBeTold = batch.kind.eventName === eventName.loss;
    const makeLine = (row: number): Line | undefined => {
      let line = made.get(row);
      if (line !== undefined) return line;
      const beginMs = now();
      if (!budget.has(beginMs) && !mustBeTold) return undefined;
      line = lineOf(batch, row, pipeline);
      budget.spend(now() - beginMs);
      made.set(row, line);
      return line;
    };
    for (const { pipeline: wanted, matcher, readers } of groups.values()) {
      if (wanted === undefined ? !isFirst : wanted !== pipeline) continue;
      const test = matcher.open(batch);
      if (test === undefined) continue;
      for (let i = 0; i < rows; i++) {
        const row = batch.selection?.[i] ?? i;
        if (!test(row)) continue;
        for (const reader of readers) count(mustBeTold ? reader.tell(makeLine(row)!) : reader.take(nowMs, () => makeLine(row)));
      }
    }
  };

  const onBatch = (pipeline: string, batch: Batch, isFirst: boolean): void => {
    show(pipeline, batch, isFirst);
    turn ??= setImmediate(endTurn);
  };

  const leave = (group: Group, reader: EventReader): void => {
    group.readers.delete(reader);
    if (group.readers.size === 0) groups.delete(group.key);
    if (groups.size > 0) return;
    untap?.();
    untap = undefined;
  };

  return {
    open({ filter, pipeline, eventsPerSecond, bufferBytes, userId, signal }) {
      const key = JSON.stringify([filter, pipeline]);
      let group = groups.get(key);
      if (group === undefined) {
        group = { key, pipeline, matcher: createEventMatcher(filter, userId === undefined ? {} : { userId }), readers: new Set() };
        groups.set(key, group);
      }
      const own = group;
      const reader: EventReader = createEventReader({ eventsPerSecond, bufferBytes, now, onClose: () => leave(own, reader) });
      own.readers.add(reader);
      untap ??= tap(onBatch);
      if (signal?.aborted === true) reader.close();
      else signal?.addEventListener('abort', reader.close, { once: true });
      return reader;
    },
    end(reason) {
      for (const { readers } of groups.values()) for (const reader of readers) reader.end(reason);
    },
    readers: () => [...groups.values()].reduce((sum, { readers }) => sum + readers.size, 0),
  };
};
