/** Metrics decoded by code that others generated from the official schema. */
import type { AttributeValue } from '../../src/core/batch.ts';
import { otlp, plainAttributes, type KeyValue, type Long } from './otlp.ts';

type DataPoint = {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano: Long | null;
  readonly timeUnixNano: Long;
  readonly value?: 'asInt' | 'asDouble';
  readonly asInt: Long;
  readonly asDouble: number;
  readonly count: Long;
  readonly sum: number;
  readonly bucketCounts: readonly Long[];
  readonly explicitBounds: readonly number[];
};
type Data = { readonly dataPoints: readonly DataPoint[]; readonly aggregationTemporality?: number; readonly isMonotonic?: boolean | null };
type DecodedRequest = {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly metrics: readonly {
        readonly name: string;
        readonly description: string | null;
        readonly unit: string | null;
        readonly data: 'gauge' | 'sum' | 'histogram';
        readonly gauge: Data;
        readonly sum: Data;
        readonly histogram: Data;
      }[];
    }[];
  }[];
};

export type PlainPoint = {
  readonly resource: readonly (readonly [string, AttributeValue])[];
  readonly scope: string;
  readonly version: string;
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly type: 'gauge' | 'sum' | 'histogram';
  /** 1 delta, 2 cumulative. */
  readonly temporality: number | undefined;
  readonly monotonic: boolean | undefined;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  /** Of a histogram its count. */
  readonly value: bigint | number;
  readonly sum?: number;
  readonly buckets?: readonly bigint[];
  readonly bounds?: readonly number[];
};

/** What is 0 is left out. */
const whole = (value: Long | null): bigint => BigInt(value?.toString() ?? 0);
const { ExportMetricsServiceRequest, ExportMetricsServiceResponse } = otlp.collector.metrics.v1;

const plainPoint = (type: PlainPoint['type'], point: DataPoint) => ({
  attributes: Object.fromEntries(plainAttributes(point.attributes)),
  startNs: whole(point.startTimeUnixNano),
  timeNs: whole(point.timeUnixNano),
  ...(type === 'histogram'
    ? { value: whole(point.count), sum: point.sum, buckets: point.bucketCounts.map(whole), bounds: [...point.explicitBounds] }
    : { value: point.value === 'asInt' ? whole(point.asInt) : point.asDouble }),
});

/** Throws when the bytes are no valid request. */
export const decodeMetrics = (bytes: Uint8Array): readonly PlainPoint[] =>
  (ExportMetricsServiceRequest.decode(bytes) as DecodedRequest).resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ scope, metrics }) =>
      metrics.flatMap((metric) =>
        metric[metric.data].dataPoints.map((point): PlainPoint => ({
          resource: plainAttributes(resource.attributes),
          scope: scope.name,
          version: scope.version,
          name: metric.name,
          description: metric.description ?? '',
          unit: metric.unit ?? '',
          type: metric.data,
          temporality: metric[metric.data].aggregationTemporality,
          monotonic: metric.data === 'sum' ? (metric.sum.isMonotonic ?? false) : undefined,
          ...plainPoint(metric.data, point),
        })),
      ),
    ),
  );

/** The bytes that the official serializer makes of the same message. */
export const encodedAgain = (bytes: Uint8Array): Buffer =>
  Buffer.from(ExportMetricsServiceRequest.encode(ExportMetricsServiceRequest.decode(bytes)).finish());

/** Bytes of a response; `rejected` and `message` make a partial success. */
export const encodeMetricsResponse = (partialSuccess?: { readonly rejectedDataPoints: number; readonly errorMessage: string }): Buffer =>
  Buffer.from(ExportMetricsServiceResponse.encode(partialSuccess === undefined ? {} : { partialSuccess }).finish());
