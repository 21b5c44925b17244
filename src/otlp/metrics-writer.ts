/**
 * Batches of metrics to the bytes of `ExportMetricsServiceRequest`. A request holds one batch, or a part of it: it is cut between points. Each
 * resource stands in it once, with a frame of each metric that has points of it.
 * Source of the field numbers: opentelemetry-proto 1.7, metrics.proto and metrics_service.proto.
 */
import { type BatchResource } from '../core/batch.ts';
import { type Metric, type MetricBatch, pointsOf } from '../core/metric-batch.ts';
import { copyBytes } from './copy.ts';
import { createGroupOrder } from './group-order.ts';
import { DEFAULT_MAX_REQUEST_BYTES, MANY_RECORDS } from './log-writer.ts';
import { createOutput } from './output.ts';
import { createRequestMemory, type RequestMemory } from './request-memory.ts';
import { createPointWriter } from './point-writer.ts';
import type { OtlpRequest } from './request.ts';
import { createResourceFields } from './resource-fields.ts';
import { delimited, LENGTH_BYTES, putBytes, putPaddedVarint4 } from './wire.ts';

export type MetricsWriterOptions = {
  /** Of points and batches that have none of their own. */
  readonly resource: readonly (readonly [string, string])[];
  /** Scope version. */
  readonly version: string;
  /** A point that is larger alone goes alone. */
  readonly maxRequestBytes?: number;
  /** Most points of a request. */
  readonly maxRecords?: number;
  /** As of `LogWriterOptions`. */
  readonly memory?: RequestMemory;
};

export type MetricsWriter = {
  /** The requests of a batch; none when it has no points. Points of one resource stay in their order. */
  write(batch: MetricBatch): readonly OtlpRequest[];
  /** From now on requests are at most this large, if that is less than before. */
  limitRequests(bytes: number): void;
};

const RESOURCE_METRICS_TAG = 0x0a;
const SCOPE_METRICS_TAG = 0x12;
const METRIC_TAG = 0x12;
/** What holds the points of each type in `Metric`: `gauge` 5, `sum` 7, `histogram` 9. */
const dataTag = { gauge: 0x2a, sum: 0x3a, histogram: 0x4a } as const;
const temporalities = { delta: 1, cumulative: 2 } as const;

const NOTHING = new Uint8Array(0);
const utf8 = new TextEncoder();
const text = (tag: number, value: string): Uint8Array => (value === '' ? NOTHING : delimited(tag, utf8.encode(value.toWellFormed())));

/** What a metric has beside its points: before them, and behind them within the field of its type. */
type Frame = { readonly head: Uint8Array; readonly dataTag: number; readonly tail: Uint8Array };

const frameOf = (metric: Metric): Frame => {
  const head = Buffer.concat([text(0x0a, metric.name), text(0x12, metric.description), text(0x1a, metric.unit)]);
  const tag = dataTag[metric.type];
  if (metric.type === 'gauge') return { head, dataTag: tag, tail: NOTHING };
  const temporality = [0x10, temporalities[metric.temporality]];
  return { head, dataTag: tag, tail: Uint8Array.from(metric.type === 'sum' && metric.monotonic ? [...temporality, 0x18, 1] : temporality) };
};

/** The resources of points as numbers, one behind the other through all metrics. */
const createPointResources = () => {
  let ids = new Uint32Array(1024);
  const list: (BatchResource | undefined)[] = [];
  const idOf = new Map<BatchResource | undefined, number>();
  return {
    list,
    /** Undefined: no point has one of its own. */
    of({ metrics }: MetricBatch, total: number): Uint32Array | undefined {
      if (!metrics.some(({ points }) => points.some(({ resource }) => resource !== undefined))) return undefined;
      if (ids.length < total) ids = new Uint32Array(2 ** Math.ceil(Math.log2(total)));
      let at = 0;
      for (const { points } of metrics)
        for (const { resource } of points) {
          let id = idOf.get(resource);
          if (id === undefined) idOf.set(resource, (id = list.push(resource) - 1));
          ids[at++] = id;
        }
      return ids;
    },
    forget(): void {
      list.length = 0;
      idOf.clear();
    },
  };
};

export const createMetricsWriter = (options: MetricsWriterOptions): MetricsWriter => {
  const { version, maxRecords = MANY_RECORDS } = options;
  let maxBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
  const output = createOutput(options.memory ?? createRequestMemory(maxBytes));
  const points = createPointWriter();
  const { encoded } = points;
  const resources = createResourceFields({ attributes: options.resource });
  const pointResources = createPointResources();
  const order = createGroupOrder<Uint8Array>();

  const begin = (tag: number, content: Uint8Array): number => {
    const start = output.at;
    output.reserve(LENGTH_BYTES + content.length);
    output.bytes[start] = tag;
    output.at = putBytes(output.bytes, start + LENGTH_BYTES, content);
    return start;
  };
  const end = (start: number): void => putPaddedVarint4(output.bytes, start + 1, output.at - start - LENGTH_BYTES);

  const writeAll = (batch: MetricBatch, total: number): readonly OtlpRequest[] => {
    const requests: OtlpRequest[] = [];
    const { receiver, metrics } = batch;
    const scope = delimited(0x0a, text(0x0a, `ringtail/${receiver.split('/', 1)[0]!}`), text(0x12, version));
    const frames = metrics.map(frameOf);
    let records = 0;
    /** What is open: the resource, and the metric within it. */
    let resource: Uint8Array | undefined;
    let frame: Frame | undefined;
    let [resourceAt, scopeAt, metricAt, dataAt] = [0, 0, 0, 0];

    const endMetric = (): void => {
      if (frame === undefined) return;
      output.reserve(frame.tail.length);
      output.at = putBytes(output.bytes, output.at, frame.tail);
      end(dataAt);
      end(metricAt);
      frame = undefined;
    };
    const endResource = (): void => {
      endMetric();
      if (resource === undefined) return;
      end(scopeAt);
      end(resourceAt);
      resource = undefined;
    };
    const seal = (): void => {
      endResource();
      requests.push({ signal: 'metrics', bytes: output.copy(), records });
      records = 0;
    };
    /** Bytes that `open` writes, and what ends the metric behind the point. */
    const cost = (nextResource: Uint8Array, next: Frame): number =>
      (resource === nextResource ? 0 : 2 * LENGTH_BYTES + nextResource.length + scope.length) +
      (resource === nextResource && frame === next ? 0 : 2 * LENGTH_BYTES + next.head.length + (frame?.tail.length ?? 0)) +
      next.tail.length;
    const open = (nextResource: Uint8Array, next: Frame): void => {
      if (resource === nextResource) {
        endMetric();
      } else {
        endResource();
        resourceAt = begin(RESOURCE_METRICS_TAG, nextResource);
        scopeAt = begin(SCOPE_METRICS_TAG, scope);
        resource = nextResource;
      }
      metricAt = begin(METRIC_TAG, next.head);
      dataAt = begin(next.dataTag, NOTHING);
      frame = next;
    };

    /** Points of one resource, in order. */
    const writePoints = (ofThese: Uint8Array, rows: Uint32Array | undefined, from: number, to: number): void => {
      let metric = 0;
      let first = 0;
      for (let i = from; i < to; i++) {
        const number = rows === undefined ? i : rows[i]!;
        while (number - first >= metrics[metric]!.points.length) first += metrics[metric++]!.points.length;
        const next = frames[metric]!;
        const bytes = encoded.ends[number + 1]! - encoded.ends[number]!;
        if (records > 0 && (records >= maxRecords || output.at + cost(ofThese, next) + bytes > maxBytes)) seal();
        if (resource !== ofThese || frame !== next) open(ofThese, next);
        output.reserve(bytes);
        output.at = copyBytes(output.bytes, output.view, output.at, encoded.bytes, encoded.view, encoded.ends[number]!, bytes);
        records++;
      }
    };

    points.encode(batch, total);
    const ids = pointResources.of(batch, total);
    if (ids === undefined) {
      writePoints(resources.of(batch.resource), undefined, 0, total);
    } else {
      const { list } = pointResources;
      order.sort(ids, total, undefined, (id) => resources.of(list[id] ?? batch.resource));
      for (let i = 0; i < order.count; i++) writePoints(order.groups[i]!, order.rows, order.starts[i]!, order.starts[i + 1]!);
    }
    if (records > 0) seal();
    return requests;
  };

  return {
    write(batch) {
      const total = pointsOf(batch);
      try {
        return total === 0 ? [] : writeAll(batch, total);
      } finally {
        output.at = 0; // behind what threw
        pointResources.forget();
      }
    },
    limitRequests(bytes) {
      maxBytes = Math.min(maxBytes, bytes);
    },
  };
};
