/** The accounts of one exporter for one signal: accepted = sent + rejected + failed + dropped + held, at any moment between two calls. */
import type { RequestSignal } from '../../otlp/request.ts';
import type { Counter, Counters } from '../../core/counters.ts';

export type FailReason = 'permanent' | 'too_large' | 'timeout' | 'retry_disabled' | 'closed' | 'conflict';
export type DropReason = 'queue_full' | 'max_series' | 'shutdown';

/** The Collector's counters. */
const counterNames = {
  logs: {
    sent: 'otelcol_exporter_sent_log_records',
    sendFailed: 'otelcol_exporter_send_failed_log_records',
    enqueueFailed: 'otelcol_exporter_enqueue_failed_log_records',
  },
  metrics: {
    sent: 'otelcol_exporter_sent_metric_points',
    sendFailed: 'otelcol_exporter_send_failed_metric_points',
    enqueueFailed: 'otelcol_exporter_enqueue_failed_metric_points',
  },
  traces: {
    sent: 'otelcol_exporter_sent_spans',
    sendFailed: 'otelcol_exporter_send_failed_spans',
    enqueueFailed: 'otelcol_exporter_enqueue_failed_spans',
  },
} as const satisfies Readonly<Record<RequestSignal, object>>;

export type Books = {
  accept(records: number): void;
  sent(records: number): void;
  rejected(records: number): void;
  failed(records: number, reason: FailReason): void;
  dropped(records: number, reason: DropReason): void;
  /** Dropped since the beginning, for whatever reason. */
  droppedRecords(): number;
};

/** `held` is read at collection time. Counters appear with their first record, but for the ones without a reason. */
export const createBooks = (counters: Counters, exporter: string, held: () => number, signal: RequestSignal = 'logs'): Books => {
  const names = counterNames[signal];
  const items = (outcome: string, reason?: string): Counter =>
    counters.counter('ringtail_exporter_items', { exporter, outcome, ...(reason !== undefined && { reason }) });
  const accepted = items('accepted');
  const sent = items('sent');
  const sentTotal = counters.counter(names.sent, { exporter });
  const sendFailed = counters.counter(names.sendFailed, { exporter });
  const enqueueFailed = counters.counter(names.enqueueFailed, { exporter });
  counters.gauge('ringtail_exporter_items', { exporter, outcome: 'held' }, held);
  let dropped = 0;
  return {
    accept(records) {
      accepted.value += records;
    },
    sent(records) {
      sent.value += records;
      sentTotal.value += records;
    },
    rejected(records) {
      items('rejected', 'partial_success').value += records;
      sendFailed.value += records;
    },
    failed(records, reason) {
      items('failed', reason).value += records;
      sendFailed.value += records;
    },
    dropped(records, reason) {
      dropped += records;
      items('dropped', reason).value += records;
      (reason === 'shutdown' ? sendFailed : enqueueFailed).value += records;
    },
    droppedRecords: () => dropped,
  };
};
