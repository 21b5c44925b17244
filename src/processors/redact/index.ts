import { map } from 'rxjs';
import type { Batch } from '../../core/batch.ts';
import type { Processor, ProcessorFactory, Settings } from '../../core/component.ts';
import { createBatchRedactor, type BatchRedactor } from './batches.ts';
import { redactConfig, type RedactConfig } from './config.ts';

/** One for all pipelines with the same settings, so that a frame is looked through once. An entry whose redactor is gone goes with the next look. */
const redactors = new Map<string, WeakRef<BatchRedactor>>();

const redactorOf = (config: RedactConfig): BatchRedactor => {
  for (const [key, kept] of redactors) if (kept.deref() === undefined) redactors.delete(key);
  const key = JSON.stringify(config);
  let redactor = redactors.get(key)?.deref();
  if (redactor === undefined) {
    redactor = createBatchRedactor(config);
    redactors.set(key, new WeakRef(redactor));
  }
  return redactor;
};

/** Takes passwords, tokens and keys out of what programs were started with, before anything else sees them. */
export const redactProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'redact',
  implicit: true,
  stability: 'beta',
  summary: 'Takes passwords, tokens and keys out of arguments; in every pipeline unless it is switched off',
  signals: ['logs'],
  config: redactConfig,
  create({ id, pipeline, counters }: Settings, config: RedactConfig): Processor {
    const redactor = redactorOf(config);
    const redacted = counters.counter('ringtail_redacted_values', { processor: id, ...(pipeline === undefined ? {} : { pipeline }) });
    const redact = (batch: Batch): Batch => {
      const result = redactor.redact(batch);
      redacted.value += result.values;
      return result.batch;
    };
    return {
      start: async () => {},
      stop: async () => {},
      logs: (source$) => source$.pipe(map(redact)),
    };
  },
};
