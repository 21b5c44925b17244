/** The two formats, to the letter. */
import { expect, it } from 'vitest';
import { wantedFormat, wantsGzip } from '../../src/exporters/prometheus/negotiate.ts';
import { batch, counter, gauge, histogram, histogramPoint, level, point, tableOf } from './prometheus-support.ts';

const metrics = [
  counter('io', [point(2n ** 60n, { attributes: [['d', 'in']], start: 1.5 }), point(0.25, { attributes: [['d', 'out']] })], {
    unit: 'By',
    description: 'Bytes,\n"all" \\ of them',
  }),
  gauge('temperature', [point(-1.5), point(NaN, { attributes: [['n', 'a']] }), point(Infinity, { attributes: [['n', 'b']] })]),
  histogram('lasted', [histogramPoint([0.5, 1, 2.5], [1n, 0n, 4n, 2n], 12.5)], { unit: 's', description: 'How long.' }),
  level('open', [point(0n)], { unit: '{session}' }),
];

it('text', () => {
  const { table, page } = tableOf();
  table.take(batch(metrics), 0);
  expect(page()).toBe(
    [
      String.raw`# HELP io_bytes_total Bytes,\n"all" \\ of them`,
      '# TYPE io_bytes_total counter',
      'io_bytes_total{d="in"} 1152921504606847000',
      'io_bytes_total{d="out"} 0.25',
      '# HELP lasted_seconds How long.',
      '# TYPE lasted_seconds histogram',
      'lasted_seconds_bucket{le="0.5"} 1',
      'lasted_seconds_bucket{le="1"} 1',
      'lasted_seconds_bucket{le="2.5"} 5',
      'lasted_seconds_bucket{le="+Inf"} 7',
      'lasted_seconds_sum 12.5',
      'lasted_seconds_count 7',
      '# HELP open ',
      '# TYPE open gauge',
      'open 0',
      '# HELP temperature ',
      '# TYPE temperature gauge',
      'temperature -1.5',
      'temperature{n="a"} NaN',
      'temperature{n="b"} +Inf',
      '',
    ].join('\n'),
  );
});

it('OpenMetrics, with the start of what is counted, and an end', () => {
  const { table, page } = tableOf({ send_timestamps: true });
  table.take(batch(metrics), 0);
  expect(page(0, 'openmetrics')).toBe(
    [
      String.raw`# HELP io_bytes Bytes,\n\"all\" \\ of them`,
      '# TYPE io_bytes counter',
      'io_bytes_total{d="in"} 1152921504606847000 1795000010',
      'io_bytes_created{d="in"} 1795000001.5',
      'io_bytes_total{d="out"} 0.25 1795000010',
      'io_bytes_created{d="out"} 1795000000',
      '# HELP lasted_seconds How long.',
      '# TYPE lasted_seconds histogram',
      'lasted_seconds_bucket{le="0.5"} 1 1795000010',
      'lasted_seconds_bucket{le="1.0"} 1 1795000010',
      'lasted_seconds_bucket{le="2.5"} 5 1795000010',
      'lasted_seconds_bucket{le="+Inf"} 7 1795000010',
      'lasted_seconds_sum 12.5 1795000010',
      'lasted_seconds_count 7 1795000010',
      'lasted_seconds_created 1795000000',
      '# HELP open ',
      '# TYPE open gauge',
      'open 0 1795000010',
      '# HELP temperature ',
      '# TYPE temperature gauge',
      'temperature -1.5 1795000010',
      'temperature{n="a"} NaN 1795000010',
      'temperature{n="b"} +Inf 1795000010',
      '# EOF',
      '',
    ].join('\n'),
  );
});

it('text has times in milliseconds when they are asked for', () => {
  const { table, lines } = tableOf({ send_timestamps: true });
  table.take(batch([counter('io', [point(1n, { at: 1.25 })])]), 0);
  expect(lines()).toEqual(['io_total 1 1795000001250']);
});

it('a counter that is not called one is of an unknown type in OpenMetrics', () => {
  const { table, page } = tableOf({ add_metric_suffixes: false });
  table.take(batch([counter('io', [point(1n)], { unit: 'By' })]), 0);
  expect(page()).toBe('# HELP io \n# TYPE io counter\nio 1\n');
  expect(page(0, 'openmetrics')).toBe('# HELP io \n# TYPE io unknown\nio 1\n# EOF\n');
});

it.each([
  [{ translation_strategy: 'UnderscoreEscapingWithoutSuffixes' }, 'io 1'],
  [{ translation_strategy: 'UnderscoreEscapingWithSuffixes', add_metric_suffixes: false }, 'io_bytes_total 1'],
])('%j', (options, wanted) => {
  const { table, lines } = tableOf(options);
  table.take(batch([counter('io', [point(1n)], { unit: 'By' })]), 0);
  expect(lines()).toEqual([wanted]);
});

it('writes bounds as the Collector does', () => {
  const { table, lines } = tableOf();
  table.take(
    batch([histogram('h', [histogramPoint([-1e7, 0, 1e-5, 1e-4, 0.1, 999_999, 1e6, 1234567.5], Array<bigint>(9).fill(0n), 0)])]),
    0,
  );
  const bounds = (format: 'text' | 'openmetrics') => lines(0, format).flatMap((line) => /le="(.*)"/.exec(line)?.[1] ?? []);
  expect(bounds('text')).toEqual(['-1e+07', '0', '1e-05', '0.0001', '0.1', '999999', '1e+06', '1.2345675e+06', '+Inf']);
  expect(bounds('openmetrics')).toEqual(['-1e+07', '0.0', '1e-05', '0.0001', '0.1', '999999.0', '1e+06', '1.2345675e+06', '+Inf']);
});

it('is nothing but an end when there is nothing', () => {
  expect([tableOf().page(), tableOf().page(0, 'openmetrics')]).toEqual(['', '# EOF\n']);
});

it('what comes while it is written is not on it', () => {
  const { table, page } = tableOf();
  table.take(batch([counter('io', [point(1n)])]), 0);
  const view = table.view(0);
  table.take(batch([counter('io', [point(2n, { at: 20 })])]), 0);
  expect(view.families[0]!.points).toEqual([expect.objectContaining({ value: 1n })]);
  expect(page()).toContain('io_total 2');
});

const openMetrics = ['openmetrics', 'application/openmetrics-text; version=1.0.0; charset=utf-8'];
const oldOpenMetrics = ['openmetrics', 'application/openmetrics-text; version=0.0.1; charset=utf-8'];
const text = ['text', 'text/plain; version=0.0.4; charset=utf-8'];
it.each([
  [undefined, text],
  ['*/*', text],
  ['text/html, */*;q=0.1', text],
  ['application/json', text],
  ['application/openmetrics-text', oldOpenMetrics],
  ['application/openmetrics-text; version=1.0.0', openMetrics],
  ['application/openmetrics-text; version="1.0.0"; charset=utf-8', openMetrics],
  ['application/openmetrics-text; version=9.0.0', text],
  ['application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', openMetrics],
  ['application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2', openMetrics],
  ['text/plain;q=0.9, application/openmetrics-text;version=1.0.0;q=0.2', text],
  ['application/openmetrics-text;version=1.0.0;q=0', text],
  [`${'x,'.repeat(5000)}application/openmetrics-text;version=1.0.0`, text],
])('%s', (accept, wanted) => {
  const { format, contentType } = wantedFormat(accept, true);
  expect([format, contentType]).toEqual(wanted);
  expect(wantedFormat(accept, false).format).toBe('text');
}); // prettier-ignore

it.each([
  [undefined, false],
  ['gzip', true],
  ['deflate, gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['identity', false],
])('gzip for %s: %s', (accepted, wanted) => expect(wantsGzip(accepted)).toBe(wanted));
