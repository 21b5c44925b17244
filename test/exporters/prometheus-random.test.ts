/** Whatever comes, the page can be read, and has what was taken and nothing else. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { linesOf, parsePage } from '../e2e/support/metrics-page.ts';
import { metricBatches } from '../otlp/random-metrics.ts';
import { batch, gauge, point, tableOf } from './prometheus-support.ts';

it.each(['text', 'openmetrics'] as const)('%s', (format) => {
  const options = fc.record({
    max_series: fc.integer({ min: 1, max: 20 }),
    without_scope_info: fc.boolean(),
    add_metric_suffixes: fc.boolean(),
    send_timestamps: fc.boolean(),
    namespace: fc.constantFrom('a b', '9', 'ж', undefined),
    resource_to_telemetry_conversion: fc.record({ enabled: fc.boolean() }),
  });
  fc.assert(
    fc.property(options, fc.array(metricBatches, { maxLength: 5 }), (chosen, batches) => {
      const { table, page } = tableOf(chosen, [['service.name', 'a'], ['service.instance.id', 'b']]); // prettier-ignore
      for (const [index, one] of batches.entries()) {
        const points = one.metrics.reduce((sum, metric) => sum + metric.points.length, 0);
        const { taken, overLimit, conflicts } = table.take(one, index);
        expect(taken + overLimit + conflicts.reduce((sum, conflict) => sum + conflict.points, 0)).toBe(points);
      }
      expect(table.size()).toBeLessThanOrEqual(chosen.max_series);
      const text = page(batches.length, format);
      const { lines, types } = parsePage(text);
      const shown = table.view(batches.length).families;
      expect(types).toHaveLength(new Set(types.map((type) => type.split(' ')[0])).size);
      expect(types.filter((type) => !type.endsWith('target_info gauge'))).toHaveLength(shown.length);
      // no two lines of one name and the same labels
      expect(new Set(lines.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).toSorted()]))).size).toBe(lines.length);
      expect(text.endsWith('# EOF\n')).toBe(format === 'openmetrics');
    }),
    { numRuns: 300 },
  );
});

it('values of labels are read as they were written', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 30 }), { maxLength: 20 }), (texts) => {
      const { table, page } = tableOf();
      table.take(batch([gauge('g', texts.map((text, index) => point(index, { attributes: [['t', text]] })))]), 0); // prettier-ignore
      const wanted = texts.map((text, index) => `g ${JSON.stringify([['t', text]])} ${index} `);
      expect(linesOf(parsePage(page()))).toEqual(wanted.toSorted());
    }),
  );
});
