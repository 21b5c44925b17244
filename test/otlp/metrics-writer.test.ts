import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MetricBatch } from '../../src/core/metric-batch.ts';
import { createMetricsWriter } from '../../src/otlp/metrics-writer.ts';
import { splitRequest } from '../../src/otlp/split.ts';
import { metricsToJson } from '../../src/otlp/to-json.ts';
import { decodeMetrics, encodedAgain } from '../support/otlp-metrics.ts';
import { expectedPoints, metricBatches } from './random-metrics.ts';

const resource = [['host.name', 'höst']] as const;
const version = '1.2.3';
const write = (batch: MetricBatch, limits: { readonly maxRequestBytes?: number; readonly maxRecords?: number } = {}) =>
  createMetricsWriter({ resource, version, ...limits }).write(batch);

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
  it('writes every point with all that it belongs to, as the official serializer does', () => {
    fc.assert(
      fc.property(metricBatches, (batch) => {
        const requests = write(batch);
        const wanted = expectedPoints(batch, resource, version);
        expect(requests.length).toBe(wanted.length === 0 ? 0 : 1);
        for (const { bytes, records, signal } of requests) {
          expect(signal).toBe('metrics');
          expect(records).toBe(wanted.length);
          expect(decodeMetrics(bytes)).toEqual(wanted);
          expect(encodedAgain(bytes).equals(bytes)).toBe(true);
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
        expect(requests.flatMap(({ bytes }) => decodeMetrics(bytes))).toEqual(expectedPoints(batch, resource, version));
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
        expect(parts.flatMap(decodeMetrics)).toEqual(expectedPoints(batch, resource, version));
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
