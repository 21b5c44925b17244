/** Points of metrics, straight to their bytes. Source of the field numbers: opentelemetry-proto 1.7, metrics.proto. */
import type { MetricHistogramPoint, MetricPoint } from '../core/metric-batch.ts';
import { createAttributeLists, type AttributeLists } from './attribute-lists.ts';
import { copyBytes } from './copy.ts';
import type { Output } from './output.ts';
import { putVarint, varintSize } from './wire.ts';

const POINT_TAG = 0x0a;
const NUMBER_ATTRIBUTES_TAG = 0x3a;
const HISTOGRAM_ATTRIBUTES_TAG = 0x4a;
/** A tag and eight bytes. */
const FIXED = 9;

export type PointWriter = {
  /** Before the points of a batch of this receiver. */
  begin(receiver: string): void;
  /** Bytes of a point with the fields around it; `put` writes the point that was measured last. */
  measure(point: MetricPoint | MetricHistogramPoint): number;
  /** The output has room for it. */
  put(): void;
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

export const createPointWriter = (output: Output): PointWriter => {
  const ofNumber = createAttributeLists(NUMBER_ATTRIBUTES_TAG);
  const ofHistogram = createAttributeLists(HISTOGRAM_ATTRIBUTES_TAG);
  let measured: MetricPoint | MetricHistogramPoint | undefined;
  let length = 0;

  const putTimes = (start: number, startNs: bigint, timeNs: bigint): number => {
    const at = startNs === 0n ? start : putFixed(output.view, start, 0x11, startNs);
    return putFixed(output.view, at, 0x19, timeNs);
  };

  const putBuckets = (start: number, buckets: readonly bigint[]): number => {
    if (buckets.length === 0) return start;
    const { bytes, view } = output;
    bytes[start] = 0x32;
    let at = putVarint(bytes, start + 1, 8 * buckets.length);
    for (let i = 0; i < buckets.length; i++, at += 8) view.setBigUint64(at, buckets[i]!, true);
    return at;
  };

  const putBounds = (start: number, bounds: readonly number[]): number => {
    if (bounds.length === 0) return start;
    const { bytes, view } = output;
    bytes[start] = 0x3a;
    let at = putVarint(bytes, start + 1, 8 * bounds.length);
    for (let i = 0; i < bounds.length; i++, at += 8) view.setFloat64(at, bounds[i]!, true);
    return at;
  };

  const putAttributes = (at: number, lists: AttributeLists): number =>
    copyBytes(output.bytes, output.view, at, lists.bytes, lists.view, lists.start, lists.length);

  const putNumber = (start: number, { startUnixNs, timeUnixNs, value }: MetricPoint): number => {
    const at = putTimes(start, startUnixNs, timeUnixNs);
    return typeof value === 'bigint' ? putFixed(output.view, at, 0x31, value) : putDouble(output.view, at, 0x21, value);
  };

  const putHistogram = (start: number, { startUnixNs, timeUnixNs, count, sum, buckets, bounds }: MetricHistogramPoint): number => {
    let at = putTimes(start, startUnixNs, timeUnixNs);
    at = putFixed(output.view, at, 0x21, count);
    at = putDouble(output.view, at, 0x29, sum);
    return putBounds(putBuckets(at, buckets), bounds);
  };

  return {
    begin(receiver) {
      ofNumber.begin(receiver);
      ofHistogram.begin(receiver);
    },
    measure(point) {
      measured = point;
      length = (point.startUnixNs === 0n ? 0 : FIXED) + 2 * FIXED;
      if ('count' in point) {
        ofHistogram.find(point.attributes);
        length += FIXED + packedSize(point.buckets.length) + packedSize(point.bounds.length) + ofHistogram.length;
      } else {
        ofNumber.find(point.attributes);
        length += ofNumber.length;
      }
      return 1 + varintSize(length) + length;
    },
    put() {
      const point = measured!;
      output.bytes[output.at] = POINT_TAG;
      const at = putVarint(output.bytes, output.at + 1, length);
      output.at = 'count' in point ? putAttributes(putHistogram(at, point), ofHistogram) : putAttributes(putNumber(at, point), ofNumber);
    },
  };
};
