/**
 * The bounded queue between encoding and sending, with retry. It holds bytes and nothing else. A request leaves it as sent, rejected in
 * part, failed (never taken, or not within `max_elapsed_time`) or dropped (no room, or not through at the end). One that is refused for its size
 * goes on as two halves.
 */
import type { Logger } from '../../core/logger.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import type { OtlpRequest, RequestSignal } from '../../otlp/request.ts';
import { splitRequest } from '../../otlp/split.ts';
import type { Books, DropReason, FailReason } from './books.ts';
import { type Capacity, createCapacity } from './capacity.ts';
import { createFifo } from './fifo.ts';
import { createBackoff, createPacing } from './pacing.ts';
import type { QueueConfig, RetryConfig } from './queue-config.ts';
import type { Timers } from './timers.ts';
import type { Outcome, Transport } from './transport.ts';

/** Between retries while stopping: the deadline is near, so there is no point in the long waits. */
const STOPPING_RETRY_MS = 250;

export type SendingQueueOptions = {
  readonly queue: QueueConfig;
  readonly retry: RetryConfig;
  readonly timeoutMs: number;
  readonly books: Readonly<Record<RequestSignal, Books>>;
  readonly logger: Logger;
  readonly timers: Timers;
  /** A request left the queue, so that there is room. */
  readonly onSettled?: () => void;
  /** This request, of several records, was refused for its size. */
  readonly onTooLarge?: (request: OtlpRequest) => void;
};

export type SendingQueue = {
  /** Takes the request or drops it, at once; says why when it dropped it. */
  push(request: OtlpRequest): DropReason | undefined;
  /** From now on what was pushed is sent. */
  open(transport: Transport): void;
  /** Tries to send what is left until the deadline; the rest is dropped as `shutdown`. Afterwards every push is. */
  close(deadlineMs: number): Promise<void>;
  /** Settles with the next request that leaves the queue, and at the end. */
  changed(): Promise<void>;
  readonly holds: Pick<Capacity, 'size' | 'limit' | 'bytes' | 'records' | 'isFull'>;
  /** Why the latest try failed; undefined when it did not. */
  lastError(): string | undefined;
};

/** `startMs`: its first try, or that of the request that it is a part of. */
type Entry = OtlpRequest & { startMs?: number };

export const createSendingQueue = (options: SendingQueueOptions): SendingQueue => {
  const { queue, retry, timeoutMs, books, timers, onSettled, onTooLarge } = options;
  const limit = createRateLimit(timers.nowMs);
  const warn = (fields: object, message: string): void => limit(message, (some, text) => options.logger.warn(some, text), fields, message);
  const capacity = createCapacity(queue);
  const pacing = createPacing(timers);
  const waiting = createFifo<Entry>();
  /** Taken from `waiting` and not settled yet. */
  const underWay = new Set<Entry>();
  let transport: Transport | undefined;
  let error: string | undefined;
  let endMs: number | undefined;
  let ended = false;
  let onIdle: (() => void) | undefined;
  let change: PromiseWithResolvers<void> | undefined;

  const drop = ({ signal, records }: OtlpRequest, reason: DropReason): void => {
    books[signal].dropped(records, reason);
    warn({ records, reason }, 'records dropped');
  };

  const tellChange = (): void => {
    change?.resolve();
    change = undefined;
  };

  /** Every request is settled once: by its outcome, or by the end. */
  const settle = (entry: Entry, account: () => void): void => {
    if (!underWay.delete(entry)) return;
    capacity.remove(entry);
    account();
    tellChange();
    onSettled?.();
    if (capacity.records() === 0) onIdle?.();
  };

  const succeed = (entry: Entry, outcome: Outcome & { kind: 'success' }): void => {
    error = undefined;
    settle(entry, () => {
      const rejected = Math.min(outcome.rejected ?? 0, entry.records);
      const account = books[entry.signal];
      account.sent(entry.records - rejected);
      if (rejected > 0) account.rejected(rejected);
      if (rejected > 0 || outcome.message !== undefined)
        warn({ rejected, answer: outcome.message }, 'the receiving side did not take everything');
      pacing.wake(false);
    });
  };

  const fail = (entry: Entry, reason: FailReason, message: string): void =>
    settle(entry, () => {
      books[entry.signal].failed(entry.records, reason);
      warn({ records: entry.records, reason, error: message }, 'records could not be sent');
    });

  /** The halves go first, with the time that is left to the whole. */
  const divide = (entry: Entry, message: string): void => {
    const halves = splitRequest(entry.bytes, entry.signal);
    if (halves === undefined) return fail(entry, 'too_large', message);
    if (!underWay.delete(entry)) return;
    capacity.remove(entry);
    const entries = halves.map((half): Entry => ({ ...half, signal: entry.signal, startMs: entry.startMs! }));
    for (const half of entries) capacity.add(half);
    waiting.putFirst(entries);
    onTooLarge?.(entry);
  };

  const attempt = async (entry: Entry): Promise<Outcome> => {
    const remainingMs = endMs === undefined ? timeoutMs : Math.min(timeoutMs, endMs - timers.nowMs());
    try {
      return await transport!.send(entry.bytes, Math.max(1, Math.ceil(remainingMs)), entry.signal);
    } catch (thrown) {
      return { kind: 'permanent', message: String(thrown) };
    }
  };

  const deliver = async (entry: Entry): Promise<void> => {
    const nextWaitMs = createBackoff(retry, timers.random);
    while (underWay.has(entry)) {
      const turn = pacing.turn();
      if (turn !== undefined) {
        await turn;
        continue;
      }
      entry.startMs ??= timers.nowMs();
      const outcome = await attempt(entry);
      if (outcome.kind === 'success') return succeed(entry, outcome);
      const { message } = outcome;
      error = message;
      if (outcome.kind === 'permanent') return outcome.tooLarge === true ? divide(entry, message) : fail(entry, 'permanent', message);
      const { afterMs } = outcome;
      if (afterMs !== undefined) pacing.throttle(afterMs);
      if (!retry.enabled) return fail(entry, 'retry_disabled', message);
      const pauseMs = endMs === undefined ? nextWaitMs() : STOPPING_RETRY_MS;
      const waitMs = Math.max(pauseMs, afterMs ?? 0);
      if (retry.max_elapsed_time > 0 && timers.nowMs() + waitMs - entry.startMs > retry.max_elapsed_time)
        return fail(entry, 'timeout', message);
      warn({ retry_in_ms: Math.round(waitMs), queued_bytes: capacity.bytes(), error: message }, 'sending failed and is tried again');
      await pacing.pause(pauseMs);
    }
  };

  const pump = (): void => {
    if (transport === undefined || ended) return;
    while (underWay.size < queue.num_consumers) {
      const entry = waiting.shift();
      if (entry === undefined) return;
      underWay.add(entry);
      void deliver(entry).then(pump);
    }
  };

  return {
    push(request) {
      const room = capacity.fits(request) && (queue.enabled || transport !== undefined);
      const reason = ended ? 'shutdown' : room ? undefined : 'queue_full';
      if (reason !== undefined) {
        drop(request, reason);
        return reason;
      }
      capacity.add(request);
      waiting.push({ ...request });
      // Not now: whoever pushes is in the middle of a batch.
      queueMicrotask(pump);
      return undefined;
    },
    open(opened) {
      transport = opened;
      pump();
    },
    async close(deadlineMs) {
      if (ended) return;
      endMs = timers.nowMs() + deadlineMs;
      pacing.wake(false);
      if (capacity.records() > 0 && transport !== undefined) {
        await new Promise<void>((resolve) => {
          const cancel = timers.after(deadlineMs, resolve);
          onIdle = () => {
            cancel();
            resolve();
          };
        });
      }
      ended = true;
      for (const entry of [...underWay, ...waiting.clear()]) {
        capacity.remove(entry);
        drop(entry, 'shutdown');
      }
      underWay.clear();
      pacing.wake(true);
      tellChange();
      transport?.close();
    },
    changed: () => (change ??= Promise.withResolvers()).promise,
    holds: capacity,
    lastError: () => error,
  };
};
