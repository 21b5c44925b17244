/**
 * Open requests: one for all pipelines, and one for each pipeline that says how its records are cut into requests (`Batch.requests`). Each is
 * sent when it is full, or when its time is over.
 */
import type { Batch, RequestCut } from '../../core/batch.ts';
import type { LogRequest, LogWriter, LogWriterOptions } from '../../otlp/log-writer.ts';
import type { Timers } from './timers.ts';

export type OpenRequestsOptions = Omit<LogWriterOptions, 'onRequest'> & {
  /** Of log records, or of spans. */
  readonly createWriter: (options: LogWriterOptions) => LogWriter;
  /** `cut` is that of the batches which it was made of; undefined: what stood in the request that is common to all. */
  readonly onRequest: (request: LogRequest, cut: RequestCut | undefined) => void;
  readonly maxRecords: number;
  /** For records whose pipeline says nothing. */
  readonly flushIntervalMs: number;
  readonly timers: Timers;
};

export type OpenRequests = {
  /** Encodes the batch within the call. What `onRequest` gets is sealed by its size, and by the number of records that the pipeline wants. */
  append(batch: Batch): void;
  /** To be called behind `append`, also one that threw: from now on the time of what is open runs. */
  schedule(): void;
  /** Hands over all that is open. */
  flush(): void;
  /** Records in open requests. */
  openRecords(): number;
  limitRequests(bytes: number): void;
};

type Entry = {
  readonly writer: LogWriter;
  readonly records: number;
  readonly timeoutMs: number;
  limitBytes: number;
  /** Its open request is another one than that which the timer was set for. */
  sealed: boolean;
  cancel: (() => void) | undefined;
};

export const createOpenRequests = (options: OpenRequestsOptions): OpenRequests => {
  const { createWriter, maxRecords, flushIntervalMs, timers, onRequest } = options;
  let limitBytes = Infinity;
  /** Those with an open request or a timer. */
  const open = new Set<Entry>();
  /** A pipeline that is gone takes its writer with it. */
  const ofCut = new WeakMap<RequestCut, Entry>();

  const createEntry = (most: number, records: number, timeoutMs: number, cut?: RequestCut): Entry => {
    const writer = createWriter({
      ...options,
      maxRecords: Math.min(maxRecords, most),
      onRequest(request) {
        entry.sealed = true;
        onRequest(request, cut);
      },
    });
    const entry: Entry = { writer, records, timeoutMs, limitBytes, sealed: false, cancel: undefined };
    if (limitBytes !== Infinity) writer.limitRequests(limitBytes);
    return entry;
  };
  const common = createEntry(maxRecords, Infinity, flushIntervalMs);

  const entryOf = (cut: RequestCut | undefined): Entry => {
    if (cut === undefined) return common;
    let entry = ofCut.get(cut);
    if (entry === undefined) ofCut.set(cut, (entry = createEntry(cut.maxRecords, cut.records, cut.timeoutMs, cut)));
    if (entry.limitBytes !== limitBytes) entry.writer.limitRequests((entry.limitBytes = limitBytes));
    return entry;
  };

  const release = (entry: Entry): void => {
    entry.cancel?.();
    entry.cancel = undefined;
    if (entry.writer.openRecords() === 0) open.delete(entry);
  };
  const flushOne = (entry: Entry): void => {
    entry.writer.flush();
    release(entry);
  };

  const scheduleOne = (entry: Entry): void => {
    if (entry.sealed) {
      entry.sealed = false;
      release(entry);
    }
    const count = entry.writer.openRecords();
    if (count === 0) release(entry);
    else if (count >= entry.records || entry.timeoutMs === 0) flushOne(entry);
    else entry.cancel ??= timers.after(entry.timeoutMs, () => flushOne(entry));
  };

  return {
    append(batch) {
      const entry = entryOf(batch.requests);
      open.add(entry);
      entry.writer.append(batch);
    },
    schedule() {
      for (const entry of open) scheduleOne(entry);
    },
    flush() {
      for (const entry of open) flushOne(entry);
    },
    openRecords() {
      let records = 0;
      for (const { writer } of open) records += writer.openRecords();
      return records;
    },
    limitRequests(bytes) {
      limitBytes = bytes;
      common.writer.limitRequests(bytes);
    },
  };
};
