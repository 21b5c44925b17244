/**
 * Batches of metrics to the bytes of `ExportMetricsServiceRequest`. A request holds one batch, or a part of it: it is cut between points.
 * Source of the field numbers: opentelemetry-proto 1.7, metrics.proto and metrics_service.proto.
 */
import type { Attribute, BatchResource } from '../core/batch.ts';
import type { Metric, MetricBatch, MetricHistogramPoint, MetricPoint } from '../core/metric-batch.ts';
import { delimited } from './log-envelope.ts';
import { DEFAULT_MAX_REQUEST_BYTES, MANY_RECORDS } from './log-writer.ts';
import type { OtlpRequest } from './request.ts';
import { encodeAttributes } from './wire.ts';

export type MetricsWriterOptions = {
  /** Of batches that have none of their own. */
  readonly resource: readonly (readonly [string, string])[];
  /** Scope version. */
  readonly version: string;
  /** A point that is larger alone goes alone. */
  readonly maxRequestBytes?: number;
  /** Most points of a request. */
  readonly maxRecords?: number;
};

export type MetricsWriter = {
  /** The requests of a batch, in its order; none when it has no points. */
  write(batch: MetricBatch): readonly OtlpRequest[];
  /** From now on requests are at most this large, if that is less than before. */
  limitRequests(bytes: number): void;
};

/** What holds the points of each type in `Metric`: `gauge` 5, `sum` 7, `histogram` 9. */
const dataTag = { gauge: 0x2a, sum: 0x3a, histogram: 0x4a } as const;
const temporalities = { delta: 1, cumulative: 2 } as const;
const NUMBER_ATTRIBUTES_TAG = 0x3a;
const HISTOGRAM_ATTRIBUTES_TAG = 0x4a;
/** Tags and lengths around the points of a metric, and around all metrics. */
const ENVELOPE_BYTES = 24;
const POINT_ENVELOPE_BYTES = 6;

const utf8 = new TextEncoder();
const text = (tag: number, value: string): Uint8Array =>
  value === '' ? new Uint8Array(0) : delimited(tag, utf8.encode(value.toWellFormed()));

/** Nine bytes a field: a tag and eight of a number. */
const numbers = (count: number) => {
  const bytes = new Uint8Array(count * 9);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const next = (tag: number): number => {
    bytes[at] = tag;
    at += 9;
    return at - 8;
  };
  return {
    whole: (tag: number, value: bigint): void => view.setBigInt64(next(tag), BigInt.asIntN(64, value), true),
    double: (tag: number, value: number): void => view.setFloat64(next(tag), value, true),
    written: (): Uint8Array => bytes.subarray(0, at),
  };
};

const putTimes = (out: ReturnType<typeof numbers>, { startUnixNs, timeUnixNs }: Pick<MetricPoint, 'startUnixNs' | 'timeUnixNs'>): void => {
  if (startUnixNs !== 0n) out.whole(0x11, startUnixNs);
  out.whole(0x19, timeUnixNs);
};

const packed = (tag: number, values: readonly (bigint | number)[]): Uint8Array => {
  if (values.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) {
    if (typeof value === 'bigint') view.setBigUint64(index * 8, value, true);
    else view.setFloat64(index * 8, value, true);
  }
  return delimited(tag, bytes);
};

/** Series keep their list of attributes, so it is encoded once. */
const createAttributeMemo = (tag: number) => {
  const known = new WeakMap<readonly Attribute[], Uint8Array>();
  return (attributes: readonly Attribute[]): Uint8Array => {
    let bytes = known.get(attributes);
    if (bytes === undefined) known.set(attributes, (bytes = encodeAttributes(attributes, tag)));
    return bytes;
  };
};

const createPointEncoders = () => {
  const ofNumber = createAttributeMemo(NUMBER_ATTRIBUTES_TAG);
  const ofHistogram = createAttributeMemo(HISTOGRAM_ATTRIBUTES_TAG);
  return {
    number(point: MetricPoint): Uint8Array {
      const out = numbers(3);
      putTimes(out, point);
      if (typeof point.value === 'bigint') out.whole(0x31, point.value);
      else out.double(0x21, point.value);
      return delimited(0x0a, out.written(), ofNumber(point.attributes));
    },
    histogram(point: MetricHistogramPoint): Uint8Array {
      const out = numbers(4);
      putTimes(out, point);
      out.whole(0x21, point.count);
      out.double(0x29, point.sum);
      return delimited(0x0a, out.written(), packed(0x32, point.buckets), packed(0x3a, point.bounds), ofHistogram(point.attributes));
    },
  };
};

/** What a metric has beside its points: before them, and behind them within the field of its type. */
const framesOf = (metric: Metric): { readonly head: Uint8Array; readonly tail: Uint8Array } => {
  const head = Buffer.concat([text(0x0a, metric.name), text(0x12, metric.description), text(0x1a, metric.unit)]);
  if (metric.type === 'gauge') return { head, tail: new Uint8Array(0) };
  const temporality = [0x10, temporalities[metric.temporality]];
  return { head, tail: Uint8Array.from(metric.type === 'sum' && metric.monotonic ? [...temporality, 0x18, 1] : temporality) };
};

export const createMetricsWriter = (options: MetricsWriterOptions): MetricsWriter => {
  const { version, maxRecords = MANY_RECORDS } = options;
  let maxBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
  const encoders = createPointEncoders();
  const hostResource: BatchResource = { attributes: options.resource };
  const resources = new WeakMap<BatchResource, Uint8Array>();
  const resourceOf = (resource: BatchResource): Uint8Array => {
    let field = resources.get(resource);
    if (field === undefined) resources.set(resource, (field = delimited(0x0a, encodeAttributes(resource.attributes, 0x0a))));
    return field;
  };

  return {
    write({ receiver, resource, metrics }) {
      const requests: OtlpRequest[] = [];
      const resourceField = resourceOf(resource ?? hostResource);
      const scope = delimited(0x0a, text(0x0a, `ringtail/${receiver.split('/', 1)[0]!}`), text(0x12, version));
      const emptyBytes = resourceField.length + scope.length + ENVELOPE_BYTES;
      let done: Uint8Array[] = [];
      let records = 0;
      let size = emptyBytes;
      const seal = (): void => {
        const { buffer, byteOffset, length } = delimited(0x0a, resourceField, delimited(0x12, scope, ...done));
        requests.push({ signal: 'metrics', bytes: Buffer.from(buffer, byteOffset, length), records });
        done = [];
        records = 0;
        size = emptyBytes;
      };
      for (const metric of metrics) {
        const { head, tail } = framesOf(metric);
        const frameBytes = head.length + tail.length + ENVELOPE_BYTES;
        let points: Uint8Array[] = [];
        const endMetric = (): void => {
          if (points.length > 0) done.push(delimited(0x12, head, delimited(dataTag[metric.type], ...points, tail)));
          points = [];
        };
        const add = (point: Uint8Array): void => {
          const more = point.length + POINT_ENVELOPE_BYTES + (points.length === 0 ? frameBytes : 0);
          if (records > 0 && (records >= maxRecords || size + more > maxBytes)) {
            endMetric();
            seal();
          }
          size += point.length + POINT_ENVELOPE_BYTES + (points.length === 0 ? frameBytes : 0);
          points.push(point);
          records++;
        };
        if (metric.type === 'histogram') for (const point of metric.points) add(encoders.histogram(point));
        else for (const point of metric.points) add(encoders.number(point));
        endMetric();
      }
      if (records > 0) seal();
      return requests;
    },
    limitRequests(bytes) {
      maxBytes = Math.min(maxBytes, bytes);
    },
  };
};
