import { map } from 'rxjs';
import type { Batch, BatchResource } from '../../core/batch.ts';
import type { Processor, ProcessorFactory, Settings } from '../../core/component.ts';
import { createBatchRedactor, type BatchRedactor } from './batches.ts';
import { changingResources } from '../shared/resources.ts';
import { redactConfig, type RedactConfig } from './config.ts';
import { createResourceRedactor } from './resources.ts';

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

/** Takes passwords, tokens and keys out of what programs were started with, and containers labelled with, before anything else sees them. */
export const redactProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'redact',
  implicit: true,
  stability: 'beta',
  summary: 'Takes passwords, tokens and keys out of arguments and labels; in every pipeline unless it is switched off',
  signals: ['logs', 'metrics', 'traces'],
  config: redactConfig,
  create({ id, pipeline, counters }: Settings, config: RedactConfig): Processor {
    const redactor = redactorOf(config);
    const redacted = counters.counter('ringtail_redacted_values', { processor: id, ...(pipeline === undefined ? {} : { pipeline }) });
    const ofResources = createResourceRedactor(config);
    /** Kept for as long as the resource that it was made of; so its values count once, and not once a record. */
    const resources = new WeakMap<BatchResource, BatchResource>();
    const changing = changingResources((before) => {
      if (before === undefined) return undefined; // that of the host is what the configuration says
      let after = resources.get(before);
      if (after === undefined) {
        const result = ofResources.redact(before);
        redacted.value += result.values;
        resources.set(before, (after = result.resource));
      }
      return after;
    });
    const redact = (batch: Batch): Batch => {
      const result = redactor.redact(batch);
      redacted.value += result.values;
      return result.batch;
    };
    return {
      start: async () => {},
      stop: async () => {},
      logs: map((batch) => changing.logs(redact(batch))),
      metrics: map(changing.metrics),
      traces: map((batch) => changing.logs(redact(batch))),
    };
  },
};
