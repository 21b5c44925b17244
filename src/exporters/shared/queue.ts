/**
 * The bounded queue between encoding and sending, with retry. It holds bytes and nothing else. A request leaves it as sent, rejected in
 * part, failed (never taken, or not within `max_elapsed_time`) or dropped (no room, or not through at the end).
 */
import type { Logger } from '../../core/logger.ts';
import { createRateLimit } from '../../core/rate-limit.ts';
import type { Books, DropReason } from './books.ts';
import type { QueueConfig, RetryConfig } from './config.ts';
import type { Timers } from './timers.ts';
import type { Outcome, Transport } from './transport.ts';
import type { LogRequest } from '../../otlp/log-writer.ts';

/** Between retries while stopping: the deadline is near, so there is no point in the long waits. */
const STOPPING_RETRY_MS = 250;
/** setTimeout cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type SendingQueueOptions = {
  readonly queue: QueueConfig;
  readonly retry: RetryConfig;
  readonly timeoutMs: number;
  readonly books: Books;
  readonly logger: Logger;
  readonly timers: Timers;
  readonly onDropped?: (records: number, reason: DropReason) => void;
};

export type SendingQueue = {
  /** Takes the request or drops it, at once. */
  push(request: LogRequest): void;
  /** From now on what was pushed is sent. */
  open(transport: Transport): void;
  /** Tries to send what is left until the deadline; the rest is dropped as `shutdown`. Afterwards every push is. */
  close(deadlineMs: number): Promise<void>;
  heldRecords(): number;
  heldBytes(): number;
};

export const createSendingQueue = (options: SendingQueueOptions): SendingQueue => {
  const { queue, retry, timeoutMs, books, timers, onDropped } = options;
  const limit = createRateLimit(timers.nowMs);
  const warn = (fields: object, message: string): void => limit(message, (some, text) => options.logger.warn(some, text), fields, message);
  const waiting: LogRequest[] = [];
  /** Taken from `waiting` and not settled yet. */
  const underWay = new Set<LogRequest>();
  /** How to wake those that wait for their next try; true: also before their time. */
  const sleepers = new Map<() => void, boolean>();
  let transport: Transport | undefined;
  let heldBytes = 0;
  let heldRecords = 0;
  let endMs: number | undefined;
  let ended = false;
  let onIdle: (() => void) | undefined;

  const drop = ({ records }: LogRequest, reason: DropReason): void => {
    books.dropped(records, reason);
    warn({ records, reason }, 'records dropped');
    onDropped?.(records, reason);
  };

  const release = ({ bytes, records }: LogRequest): void => {
    heldBytes -= bytes.length;
    heldRecords -= records;
  };

  /** Every request is settled once: by its outcome, or by the end. */
  const settle = (request: LogRequest, account: () => void): void => {
    if (!underWay.delete(request)) return;
    release(request);
    account();
    if (heldRecords === 0) onIdle?.();
  };

  const wake = (all: boolean): void => {
    for (const [awaken, early] of sleepers) if (all || early) awaken();
  };

  /** `early`: a success elsewhere ends this wait too, for the other side is back. Ends at the latest with the queue. */
  const sleep = (delayMs: number, early: boolean): Promise<void> =>
    new Promise((resolve) => {
      const awaken = (): void => {
        cancel();
        sleepers.delete(awaken);
        resolve();
      };
      const cancel = timers.after(Math.min(delayMs, LONGEST_TIMER_MS), awaken);
      sleepers.set(awaken, early);
    });

  const succeed = (request: LogRequest, outcome: Outcome & { kind: 'success' }): void =>
    settle(request, () => {
      const rejected = Math.min(outcome.rejected ?? 0, request.records);
      books.sent(request.records - rejected);
      if (rejected > 0) books.rejected(rejected);
      if (rejected > 0 || outcome.message !== undefined)
        warn({ rejected, answer: outcome.message }, 'the receiving side did not take everything');
      wake(false);
    });

  const attempt = async (request: LogRequest): Promise<Outcome> => {
    const remainingMs = endMs === undefined ? timeoutMs : Math.min(timeoutMs, endMs - timers.nowMs());
    try {
      return await transport!.send(request.bytes, Math.max(1, Math.ceil(remainingMs)));
    } catch (error) {
      return { kind: 'permanent', message: String(error) };
    }
  };

  const deliver = async (request: LogRequest): Promise<void> => {
    const startMs = timers.nowMs();
    let intervalMs = retry.initial_interval;
    while (underWay.has(request)) {
      const outcome = await attempt(request);
      if (outcome.kind === 'success') return succeed(request, outcome);
      const { message } = outcome;
      if (outcome.kind === 'permanent' || !retry.enabled) {
        const reason = outcome.kind === 'permanent' ? 'permanent' : 'retry_disabled';
        return settle(request, () => {
          books.failed(request.records, reason);
          warn({ records: request.records, reason, error: message }, 'records could not be sent');
        });
      }
      const spread = 1 + retry.randomization_factor * (2 * timers.random() - 1);
      const waitMs = Math.max(outcome.afterMs ?? 0, endMs === undefined ? intervalMs * spread : STOPPING_RETRY_MS);
      intervalMs = Math.min(intervalMs * retry.multiplier, retry.max_interval);
      if (retry.max_elapsed_time > 0 && timers.nowMs() + waitMs - startMs > retry.max_elapsed_time) {
        return settle(request, () => {
          books.failed(request.records, 'timeout');
          warn({ records: request.records, reason: 'timeout', error: message }, 'records could not be sent');
        });
      }
      warn({ retry_in_ms: Math.round(waitMs), queued_bytes: heldBytes, error: message }, 'sending failed and is tried again');
      await sleep(waitMs, outcome.afterMs === undefined);
    }
  };

  const pump = (): void => {
    if (transport === undefined || ended) return;
    while (underWay.size < queue.num_consumers) {
      const request = waiting.shift();
      if (request === undefined) return;
      underWay.add(request);
      void deliver(request).then(pump);
    }
  };

  return {
    push(request) {
      const room = queue.enabled
        ? heldBytes + request.bytes.length <= queue.queue_size
        : transport !== undefined && underWay.size + waiting.length < queue.num_consumers;
      if (ended || !room) return drop(request, ended ? 'shutdown' : 'queue_full');
      heldBytes += request.bytes.length;
      heldRecords += request.records;
      waiting.push(request);
      // Not now: whoever pushes is in the middle of a batch.
      queueMicrotask(pump);
    },
    open(opened) {
      transport = opened;
      pump();
    },
    async close(deadlineMs) {
      if (ended) return;
      endMs = timers.nowMs() + deadlineMs;
      wake(false);
      if (heldRecords > 0 && transport !== undefined) {
        await new Promise<void>((resolve) => {
          const cancel = timers.after(deadlineMs, resolve);
          onIdle = () => {
            cancel();
            resolve();
          };
        });
      }
      ended = true;
      for (const request of [...underWay, ...waiting.splice(0)]) {
        release(request);
        drop(request, 'shutdown');
      }
      underWay.clear();
      wake(true);
      transport?.close();
    },
    heldRecords: () => heldRecords,
    heldBytes: () => heldBytes,
  };
};
