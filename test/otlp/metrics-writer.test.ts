import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attribute } from '../../src/core/batch.ts';
import type { Metric, MetricBatch, MetricPoint } from '../../src/core/metric-batch.ts';
import { createMetricsWriter } from '../../src/otlp/metrics-writer.ts';
import { splitRequest } from '../../src/otlp/split.ts';
import { metricsToJson } from '../../src/otlp/to-json.ts';
import { decodeMetrics, encodedAgain, type PlainPoint } from '../support/otlp-metrics.ts';
import { expectedPoints, metricBatches } from './random-metrics.ts';

const resource = [['host.name', 'höst']] as const;
const version = '1.2.3';
const write = (batch: MetricBatch, limits: { readonly maxRequestBytes?: number; readonly maxRecords?: number } = {}) =>
  createMetricsWriter({ resource, version, ...limits }).write(batch);

/** Points of one resource together. */
const byResource = (points: readonly PlainPoint[]): readonly PlainPoint[] =>
  [...Map.groupBy(points, ({ resource: of }) => JSON.stringify(of)).values()].flat();
const expected = (batch: MetricBatch): readonly PlainPoint[] => byResource(expectedPoints(batch, resource, version));

type WrittenMetrics = {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly { readonly value: { readonly stringValue: string } }[] };
    readonly scopeMetrics: readonly {
      readonly metrics: readonly { readonly name: string; readonly sum: { readonly dataPoints: readonly { readonly asInt: string }[] } }[];
    }[];
  }[];
};

const counter = (points: number, text = 'x'): MetricBatch => ({
  receiver: 'syscalls',
  resource: undefined,
  metrics: ['ringtail.syscall.count', 'ringtail.file.io'].map((name) => ({
    name,
    description: 'd',
    unit: '1',
    type: 'sum',
    monotonic: true,
    temporality: 'cumulative',
    points: Array.from({ length: points }, (_, index) => ({
      attributes: [['k', `${text}${index}`]],
      startUnixNs: 1n,
      timeUnixNs: 2n,
      value: BigInt(index),
    })),
  })),
});

describe('the writer of metrics', () => {
  it('writes every point with all that it belongs to', () => {
    fc.assert(
      fc.property(metricBatches, (batch) => {
        const requests = write(batch);
        const wanted = expected(batch);
        expect(requests.length).toBe(wanted.length === 0 ? 0 : 1);
        for (const { bytes, records, signal } of requests) {
          expect(signal).toBe('metrics');
          expect(records).toBe(wanted.length);
          expect(decodeMetrics(bytes)).toEqual(wanted);
          // the same but for lengths that were filled in later, whose four bytes some need less of
          const again = encodedAgain(bytes);
          expect(bytes.length - again.length).toBeLessThanOrEqual(3 * 4 * wanted.length);
          expect(decodeMetrics(again)).toEqual(wanted);
          expect(bytes.buffer.byteLength).toBe(bytes.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('cuts requests between points, each within its bounds', () => {
    const limits = fc.record({ maxRequestBytes: fc.integer({ min: 100, max: 4000 }), maxRecords: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(metricBatches, limits, (batch, { maxRequestBytes, maxRecords }) => {
        const requests = write(batch, { maxRequestBytes, maxRecords });
        expect(requests.flatMap(({ bytes }) => decodeMetrics(bytes))).toEqual(expected(batch));
        for (const { bytes, records } of requests) {
          expect(decodeMetrics(bytes).length).toBe(records);
          expect(records).toBeLessThanOrEqual(maxRecords);
          expect(bytes.length <= maxRequestBytes || records === 1).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('makes smaller requests when it is told to', () => {
    const writer = createMetricsWriter({ resource, version });
    expect(writer.write(counter(500)).length).toBe(1);
    writer.limitRequests(10_000);
    writer.limitRequests(20_000);
    const requests = writer.write(counter(500));
    expect(requests.length).toBeGreaterThan(2);
    expect(Math.max(...requests.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(10_000);
    expect(requests.reduce((sum, { records }) => sum + records, 0)).toBe(1000);
  });

  it('writes each resource once in a request, and in it each metric that has points of it', () => {
    const list = [undefined, ...['a', 'b', 'a'].map((id) => ({ attributes: [['container.id', id]] as const }))];
    const batch = counter(8);
    const metrics = batch.metrics.map((metric): Metric => ({
      ...(metric as Extract<Metric, { type: 'sum' }>),
      points: (metric.points as readonly MetricPoint[]).map((point, index) => ({ ...point, resource: list[index % list.length] })),
    }));
    const [request, ...more] = write({ ...batch, metrics });
    expect(more).toEqual([]);
    const { resourceMetrics } = JSON.parse(String(metricsToJson(request!.bytes))) as WrittenMetrics;
    expect(
      resourceMetrics.map(({ resource: of, scopeMetrics }) => [
        of.attributes.map(({ value }) => value.stringValue).join(),
        ...scopeMetrics.flatMap((scope) => scope.metrics.map(({ name, sum }) => [name, sum.dataPoints.map(({ asInt }) => asInt).join()])),
      ]),
    ).toEqual([
      ['höst', ['ringtail.syscall.count', '0,4'], ['ringtail.file.io', '0,4']],
      ['a', ['ringtail.syscall.count', '1,3,5,7'], ['ringtail.file.io', '1,3,5,7']],
      ['b', ['ringtail.syscall.count', '2,6'], ['ringtail.file.io', '2,6']],
    ]);
  });

  it('writes what it knows already as it did before', () => {
    fc.assert(
      fc.property(fc.array(metricBatches, { minLength: 1, maxLength: 4 }), (input) => {
        const writer = createMetricsWriter({ resource, version });
        const bytesOf = (batch: MetricBatch) => writer.write(batch).map(({ bytes }) => bytes.toString('latin1'));
        const first = input.map(bytesOf);
        expect(input.map(bytesOf)).toEqual(first);
        expect(input.map((batch) => write(batch).map(({ bytes }) => bytes.toString('latin1')))).toEqual(first);
      }),
      { numRuns: 50 },
    );
  });

  it('forgets attributes that nobody has any more, and writes those that come on', () => {
    const writer = createMetricsWriter({ resource, version });
    const kept = counter(2);
    const [first] = writer.write(kept);
    for (let round = 0; round < 8; round++) {
      const passing = counter(300, `${round} ${'x'.repeat(1000)}`);
      const told = writer.write(passing).flatMap(({ bytes }) => decodeMetrics(bytes));
      expect(
        told.map(({ attributes }) => attributes['k']).join() ===
          expected(passing)
            .map(({ attributes }) => attributes['k'])
            .join(),
      ).toBe(true);
      expect(writer.write(kept)).toEqual([first]);
    }
  });

  it('encodes attributes once, whatever other receivers send between', () => {
    const writer = createMetricsWriter({ resource, version });
    let reads = 0;
    const counted = (index: number): Attribute => {
      const attribute: [string, string] = ['k', ''];
      Object.defineProperty(attribute, 1, { get: () => (reads++, `${index} ${'x'.repeat(2000)}`) });
      return attribute;
    };
    const large = counter(500);
    const metrics = large.metrics.map((metric) => ({
      ...metric,
      points: metric.points.map((point, index) => ({ ...point, attributes: [counted(index)] })),
    })) as readonly Metric[];
    const batch = { ...large, metrics };
    writer.write(batch);
    const first = reads;
    for (let round = 0; round < 20; round++) {
      writer.write({ ...counter(1), receiver: 'sockets' });
      writer.write(batch);
    }
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(reads).toBe(first);
  });

  it('writes whole batches after one that could not be written', () => {
    const writer = createMetricsWriter({ resource, version });
    const batch = counter(2);
    const [metric] = batch.metrics as readonly [Extract<Metric, { type: 'sum' }>, Metric];
    const points = [metric.points[0]!, { ...metric.points[1]!, timeUnixNs: 1 as unknown as bigint }];
    expect(() => writer.write({ ...batch, metrics: [{ ...metric, points }] })).toThrow(TypeError);
    expect(writer.write(batch)).toEqual(write(batch));
  });

  it('replaces what is no text', () => {
    const [request] = write({ ...counter(1, '\ud800'), receiver: 'syscalls/b' });
    expect(decodeMetrics(request!.bytes)[0]).toMatchObject({ scope: 'ringtail/syscalls', attributes: { k: '\ufffd0' } });
  });
});

describe('a request of metrics', () => {
  it('is taken apart between points, down to single ones', () => {
    fc.assert(
      fc.property(metricBatches, (batch) => {
        const parts: Buffer[] = [];
        const divide = (whole: Buffer): void => {
          const halves = splitRequest(whole, 'metrics');
          if (halves === undefined) parts.push(whole);
          else for (const half of halves) divide(half.bytes);
        };
        for (const { bytes } of write(batch)) divide(bytes);
        expect(parts.map((part) => decodeMetrics(part).length)).toEqual(parts.map(() => 1));
        expect(parts.flatMap(decodeMetrics)).toEqual(expected(batch));
      }),
      { numRuns: 100 },
    );
  });

  it('is JSON by the rules of the specification', () => {
    const times = { startUnixNs: 1n, timeUnixNs: 1_795_000_000_123_456_789n };
    const batch: MetricBatch = {
      receiver: 'syscalls',
      resource: { attributes: [['host.name', 'a"\n']] },
      metrics: [
        {
          name: 'c',
          description: '',
          unit: 'By',
          type: 'sum',
          monotonic: true,
          temporality: 'delta',
          points: [{ attributes: [['k', 'v']], ...times, value: -5n }],
        },
        { name: 'g', description: 'd', unit: '1', type: 'gauge', points: [{ attributes: [], ...times, value: 0.5 }] },
        {
          name: 'h',
          description: '',
          unit: 's',
          type: 'histogram',
          temporality: 'cumulative',
          points: [{ attributes: [], ...times, count: 3n, sum: 1.5, bounds: [0.1, 1], buckets: [1n, 1n, 1n] }],
        },
      ],
    };
    const json = String(metricsToJson(write(batch)[0]!.bytes, '\n'));
    expect(json.endsWith('}\n')).toBe(true);
    const [startTimeUnixNano, timeUnixNano] = ['1', '1795000000123456789'];
    expect(JSON.parse(json)).toEqual({
      resourceMetrics: [
        {
          resource: { attributes: [{ key: 'host.name', value: { stringValue: 'a"\n' } }] },
          scopeMetrics: [
            {
              scope: { name: 'ringtail/syscalls', version },
              metrics: [
                {
                  name: 'c',
                  unit: 'By',
                  sum: {
                    dataPoints: [{ startTimeUnixNano, timeUnixNano, asInt: '-5', attributes: [{ key: 'k', value: { stringValue: 'v' } }] }],
                    aggregationTemporality: 1,
                    isMonotonic: true,
                  },
                },
                { name: 'g', description: 'd', unit: '1', gauge: { dataPoints: [{ startTimeUnixNano, timeUnixNano, asDouble: 0.5 }] } },
                {
                  name: 'h',
                  unit: 's',
                  histogram: {
                    dataPoints: [
                      { startTimeUnixNano, timeUnixNano, count: '3', sum: 1.5, bucketCounts: ['1', '1', '1'], explicitBounds: [0.1, 1] },
                    ],
                    aggregationTemporality: 2,
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });
});
