import { expect, it } from 'vitest';
import type { MetricBatch } from '../../src/core/metric-batch.ts';
import { nopExporter } from '../../src/exporters/nop/index.ts';
import { imbalance, itemsOf, settingsFor, textBatch } from './support.ts';

it('takes everything, holds nothing, and its books balance', async () => {
  const { settings, counters } = settingsFor('nop');
  const exporter = nopExporter.create(settings as never, nopExporter.config.parse({}) as never);
  await exporter.start();
  exporter.logs!(textBatch(5));
  exporter.logs!({ ...textBatch(5), selection: Uint32Array.of(1, 4) });
  const point = { attributes: [], startUnixNs: 0n, timeUnixNs: 1n, value: 1n };
  const metrics: MetricBatch = {
    receiver: 'process',
    resource: undefined,
    metrics: [{ name: 'a', description: '', unit: '1', type: 'gauge', points: [point, point, point] }],
  };
  exporter.metrics!(metrics);
  await exporter.stop(0);
  expect(itemsOf(counters)).toEqual({ accepted: 10, sent: 10 });
  expect(imbalance(counters)).toBe(0);
});
