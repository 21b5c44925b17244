import { expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import { countTraces } from '../../../src/kernel/traces/counting.ts';

it('what becomes of traces is on the page, and grows over a reload', () => {
  const counters = createCounters();
  const of = (name: string): Record<string, number> =>
    Object.fromEntries(
      counters
        .samples()
        .flatMap(({ name: other, labels, kind, value }) => (other === name ? [[`${kind} ${labels['outcome']}`, value]] : [])),
    );
  const sampled = (kept: number, waiting: number) => () => ({
    kept, notSampled: 2, rateLimited: 3, notKept: 4, waiting, spans: { told: 10 * kept, dropped: 6, waiting: 7 },
  }); // prettier-ignore
  const stop = countTraces(counters, 'process', { sampled: sampled(1, 5), forgotten: () => 8 });
  expect(of('ringtail_traces')).toEqual({
    'counter told': 1, 'counter not_sampled': 2, 'counter rate_limited': 3, 'counter not_kept': 4, 'gauge waiting': 5,
  }); // prettier-ignore
  expect(of('ringtail_trace_spans')).toEqual({ 'counter told': 10, 'counter dropped': 6, 'counter forgotten': 8, 'gauge waiting': 7 });
  stop();
  stop();
  countTraces(counters, 'process', { sampled: sampled(100, 1), forgotten: () => 0 });
  expect(of('ringtail_traces')).toMatchObject({ 'counter told': 101, 'gauge waiting': 1 });
  expect(of('ringtail_trace_spans')).toMatchObject({ 'counter told': 1010, 'counter forgotten': 8 });
});
