/** Points of metrics, straight to their bytes. Source of the field numbers: opentelemetry-proto 1.7, metrics.proto. */
import type { MetricBatch, MetricHistogramPoint, MetricPoint } from '../core/metric-batch.ts';
import { createArena, type Arena } from './arena.ts';
import { createAttributeLists, type AttributeLists } from './attribute-lists.ts';
import { copyBytes } from './copy.ts';
import { putVarint, varintSize } from './wire.ts';

const POINT_TAG = 0x0a;
const NUMBER_ATTRIBUTES_TAG = 0x3a;
const HISTOGRAM_ATTRIBUTES_TAG = 0x4a;
/** A tag and eight bytes. */
const FIXED = 9;

export type PointWriter = {
  /** Encodes all points of a batch, in their order through all metrics: as they lie in memory, which is what takes the time. */
  encode(batch: MetricBatch, total: number): void;
  /** Of the last batch. Point i, with the fields around it, is `bytes[ends[i], ends[i + 1])`. */
  readonly encoded: { readonly bytes: Uint8Array; readonly view: DataView; readonly ends: Uint32Array };
};

const putFixed = (view: DataView, at: number, tag: number, value: bigint): number => {
  view.setUint8(at, tag);
  view.setBigUint64(at + 1, value, true);
  return at + FIXED;
};

const putDouble = (view: DataView, at: number, tag: number, value: number): number => {
  view.setUint8(at, tag);
  view.setFloat64(at + 1, value, true);
  return at + FIXED;
};

const packedSize = (count: number): number => (count === 0 ? 0 : 1 + varintSize(8 * count) + 8 * count);

/** Memory beyond this is given back when so many batches in a row needed less than an eighth of it: several receivers come by turns. */
const KEPT_BYTES = 1 << 20;
const SMALL_SHARE = 8;
const SMALL_BATCHES = 256;
/** Of a point, beside its attributes, buckets and bounds. */
const POINT_BOUND = 64;

const attributesEnd = (start: number, out: Arena, lists: AttributeLists): number =>
  copyBytes(out.bytes, out.view, start, lists.bytes, lists.view, lists.start, lists.length);

const putTimes = (view: DataView, start: number, startNs: bigint, timeNs: bigint): number => {
  const at = startNs === 0n ? start : putFixed(view, start, 0x11, startNs);
  return putFixed(view, at, 0x19, timeNs);
};

const putBuckets = ({ bytes, view }: Arena, start: number, buckets: readonly bigint[]): number => {
  if (buckets.length === 0) return start;
  bytes[start] = 0x32;
  let at = putVarint(bytes, start + 1, 8 * buckets.length);
  for (let i = 0; i < buckets.length; i++, at += 8) view.setBigUint64(at, buckets[i]!, true);
  return at;
};

const putBounds = ({ bytes, view }: Arena, start: number, bounds: readonly number[]): number => {
  if (bounds.length === 0) return start;
  bytes[start] = 0x3a;
  let at = putVarint(bytes, start + 1, 8 * bounds.length);
  for (let i = 0; i < bounds.length; i++, at += 8) view.setFloat64(at, bounds[i]!, true);
  return at;
};

export const createPointWriter = (): PointWriter => {
  const ofNumber = createAttributeLists(NUMBER_ATTRIBUTES_TAG);
  const ofHistogram = createAttributeLists(HISTOGRAM_ATTRIBUTES_TAG);
  let out = createArena();
  let smallBatches = 0;
  let ends = new Uint32Array(1024);

  const putHead = (length: number): number => {
    out.reserve(length + POINT_BOUND);
    out.bytes[out.at] = POINT_TAG;
    return putVarint(out.bytes, out.at + 1, length);
  };

  const putNumber = ({ attributes, startUnixNs, timeUnixNs, value }: MetricPoint): void => {
    ofNumber.find(attributes);
    const start = putHead((startUnixNs === 0n ? 0 : FIXED) + 2 * FIXED + ofNumber.length);
    let at = putTimes(out.view, start, startUnixNs, timeUnixNs);
    at = typeof value === 'bigint' ? putFixed(out.view, at, 0x31, value) : putDouble(out.view, at, 0x21, value);
    out.at = attributesEnd(at, out, ofNumber);
  };

  const putHistogram = ({ attributes, startUnixNs, timeUnixNs, count, sum, buckets, bounds }: MetricHistogramPoint): void => {
    ofHistogram.find(attributes);
    const fixed = (startUnixNs === 0n ? 0 : FIXED) + 3 * FIXED;
    const start = putHead(fixed + packedSize(buckets.length) + packedSize(bounds.length) + ofHistogram.length);
    let at = putTimes(out.view, start, startUnixNs, timeUnixNs);
    at = putFixed(out.view, at, 0x21, count);
    at = putDouble(out.view, at, 0x29, sum);
    at = putBounds(out, putBuckets(out, at, buckets), bounds);
    out.at = attributesEnd(at, out, ofHistogram);
  };

  const encoded = { bytes: out.bytes, view: out.view, ends };
  return {
    encoded,
    encode({ receiver, metrics }, total) {
      ofNumber.begin(receiver);
      ofHistogram.begin(receiver);
      smallBatches = out.bytes.length > KEPT_BYTES && out.at < out.bytes.length / SMALL_SHARE ? smallBatches + 1 : 0;
      if (smallBatches >= SMALL_BATCHES) out = createArena();
      if (ends.length <= total) ends = new Uint32Array(2 ** Math.ceil(Math.log2(total + 1)));
      out.at = 0;
      let count = 0;
      for (const metric of metrics) {
        const { points } = metric;
        for (let i = 0; i < points.length; i++) {
          if (metric.type === 'histogram') putHistogram(metric.points[i]!);
          else putNumber(metric.points[i]!);
          ends[++count] = out.at;
        }
      }
      encoded.bytes = out.bytes;
      encoded.view = out.view;
      encoded.ends = ends;
    },
  };
};
