import { map } from 'rxjs';
import type { Batch, RequestCut } from '../../core/batch.ts';
import type { Processor, ProcessorFactory } from '../../core/component.ts';
import { batchConfig, type BatchConfig } from './config.ts';

/** As many as the compiler keeps in a small integer, and more than fit a request of any size. */
const ANY_NUMBER = 2 ** 30 - 1;

/** Says of what size the requests of a pipeline are. Batches go on at once: exporters gather what they encode of them. */
export const batchProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'batch',
  summary: 'Says how many records the requests of its pipeline hold, and how long they wait',
  signals: ['logs', 'traces'],
  config: batchConfig,
  create(_settings, { send_batch_size, send_batch_max_size, timeout }: BatchConfig): Processor {
    const requests: RequestCut = {
      records: send_batch_size,
      maxRecords: send_batch_max_size === 0 ? ANY_NUMBER : send_batch_max_size,
      timeoutMs: send_batch_size === 0 ? 0 : timeout,
    };
    const cut = map((batch: Batch): Batch => ({ ...batch, requests }));
    return { start: async () => {}, stop: async () => {}, logs: cut, traces: cut };
  },
};
