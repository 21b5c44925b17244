/** What a queue holds, counted in three ways, and whether there is room for more. */
import type { OtlpRequest, RequestSignal } from '../../otlp/request.ts';
import type { QueueConfig, Sizer } from './queue-config.ts';

/** Memory is bounded whatever the queue counts: the 32 MiB of the default eight times over. */
const MOST_BYTES = 256 * 1024 * 1024;
/**
 * On top of a queue that blocks: what one frame can become before anybody is asked again. A frame holds 4 MiB and 8,192 records unless configured
 * otherwise, which make 8 KiB each with long paths and ancestors.
 */
const FRAME_BYTES = 64 * 1024 * 1024;

export type Capacity = {
  add(request: OtlpRequest): void;
  remove(request: OtlpRequest): void;
  /** True when the request may come in. */
  fits(request: OtlpRequest): boolean;
  /** True when nobody should be asked for more. */
  isFull(): boolean;
  /** In units of the sizer, as is `limit`. */
  size(): number;
  readonly limit: number;
  bytes(): number;
  /** Of one signal, or of all. */
  records(signal?: RequestSignal): number;
};

export const createCapacity = (config: QueueConfig): Capacity => {
  // without a queue there is room for what is under way
  const sizer: Sizer = config.enabled ? config.sizer : 'requests';
  const limit = config.enabled ? config.queue_size : config.num_consumers;
  const mostBytes = sizer === 'bytes' ? limit : MOST_BYTES;
  let requests = 0;
  const records = { logs: 0, metrics: 0, traces: 0 };
  const allRecords = (): number => records.logs + records.metrics + records.traces;
  let bytes = 0;
  const size = (): number => (sizer === 'bytes' ? bytes : sizer === 'items' ? allRecords() : requests);
  const unitsOf = (request: OtlpRequest): number => (sizer === 'bytes' ? request.bytes.length : sizer === 'items' ? request.records : 1);
  return {
    add(request) {
      requests++;
      records[request.signal] += request.records;
      bytes += request.bytes.length;
    },
    remove(request) {
      requests--;
      records[request.signal] -= request.records;
      bytes -= request.bytes.length;
    },
    fits: (request) =>
      config.block_on_overflow
        ? bytes + request.bytes.length <= mostBytes + FRAME_BYTES
        : size() + unitsOf(request) <= limit && bytes + request.bytes.length <= mostBytes,
    isFull: () => size() >= limit || bytes >= mostBytes,
    size,
    limit,
    bytes: () => bytes,
    records: (signal) => (signal === undefined ? allRecords() : records[signal]),
  };
};
