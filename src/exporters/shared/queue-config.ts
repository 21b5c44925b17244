/** Queue and retry of a sending exporter, by the names that the Collector uses. */
import { z } from 'zod';
import type { ConfigUse, ConfigWarning } from '../../core/component.ts';
import { duration, formatByteSize, parseByteSize, withDependentDefaults } from '../../core/config-types.ts';

/** A request is at most about 4 MB, so that one always fits. */
const SMALLEST_QUEUE_BYTES = 4 * 1024 * 1024;
/** A count that is larger is a mistake: memory is bounded before. */
const MOST_UNITS = 1_000_000_000;

export type Sizer = 'requests' | 'items' | 'bytes';

/** A thousand requests are at least three minutes at the default interval. */
const defaultSize: Readonly<Record<Sizer, number>> = { bytes: 32 * 1024 * 1024, requests: 1000, items: 100_000 };

/** The size in units of the sizer, or what is wrong with it. */
const parseQueueSize = (written: string | number, sizer: Sizer): number | string => {
  if (sizer === 'bytes') {
    const bytes = parseByteSize(String(written).trim());
    if (bytes === undefined) return 'not a size; write a number of bytes or one with a unit, as in 64MiB';
    const least = `allowed is ${formatByteSize(SMALLEST_QUEUE_BYTES)} or more, so that a request fits; to count records or requests, set sizer`;
    return bytes < SMALLEST_QUEUE_BYTES ? `out of range; ${least}` : bytes;
  }
  const count = typeof written === 'number' ? written : /^\d+$/.test(written.trim()) ? Number(written) : Number.NaN;
  const noun = sizer === 'items' ? 'records' : 'requests';
  if (!Number.isInteger(count)) return `not a number of ${noun}; write a whole number as in ${defaultSize[sizer]}, or set sizer to bytes`;
  return count < 1 || count > MOST_UNITS ? `out of range; allowed is 1 to ${MOST_UNITS} ${noun}` : count;
};

const queueInput = withDependentDefaults(
  z.strictObject({
    enabled: z.boolean().default(true).describe('false: a request that finds all consumers busy is dropped at once'),
    sizer: z.enum(['bytes', 'items', 'requests']).default('bytes').describe('what queue_size counts: bytes, records (items) or requests'),
    queue_size: z
      .union([z.string(), z.number()], { error: 'not a size; write 64MiB for bytes, or a whole number for items and requests' })
      .optional()
      .describe('most that is held in memory, requests under way included: 32MiB, 100000 records or 1000 requests unless it is set'),
    num_consumers: z.int().min(1).max(64).default(4).describe('requests that are under way at the same time'),
    block_on_overflow: z
      .boolean()
      .default(false)
      .describe('true: a full queue holds back every receiver, and the kernel counts what does not fit into its ring'),
    wait_for_result: z.boolean().default(false).describe('true: every receiver waits until what came before was delivered or given up'),
  }),
  ({ sizer, queue_size: size }) => {
    const usual = defaultSize[sizer as Sizer];
    return size === undefined ? { queue_size: sizer === 'bytes' ? formatByteSize(usual) : usual } : {};
  },
);

export const sendingQueue = queueInput
  .transform(({ queue_size: asked, ...rest }, context) => {
    const size = asked === undefined ? defaultSize[rest.sizer] : parseQueueSize(asked, rest.sizer);
    if (typeof size === 'number') return { ...rest, queue_size: size };
    context.addIssue({ code: 'custom', path: ['queue_size'], message: size });
    return z.NEVER;
  })
  .prefault({});

export const retryOnFailure = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: a request that fails once is given up'),
    initial_interval: duration({ minMs: 1 }).prefault('5s').describe('wait before the first retry'),
    randomization_factor: z.number().min(0).max(1).default(0.5).describe('each wait is spread by this share to both sides'),
    multiplier: z.number().min(1).max(100).default(1.5).describe('each wait is this much longer than the one before'),
    max_interval: duration({ minMs: 1 }).prefault('30s').describe('longest wait between two retries'),
    max_elapsed_time: duration().prefault('5m').describe('a request that is not through by then is given up; 0 means never'),
  })
  .prefault({});

export type QueueConfig = z.output<typeof sendingQueue>;
export type RetryConfig = z.output<typeof retryOnFailure>;

/** For factories of exporters with a queue: which pipelines it can stall. All of log records and spans, for all receivers draw from one ring. */
export const stallWarnings = (
  { sending_queue: queue }: { readonly sending_queue: QueueConfig },
  { pipelines, graph }: ConfigUse,
): readonly ConfigWarning[] => {
  const all = graph.filter(({ signal }) => signal !== 'metrics').map(({ id }) => id);
  // metrics are not drawn from the ring
  if (!pipelines.some((id) => all.includes(id))) return [];
  const stalls = (key: string, when: string): ConfigWarning => ({
    option: ['sending_queue', key],
    message: `${when}, all receivers wait for this exporter; it can stall the pipeline${all.length === 1 ? '' : 's'} ${all.join(', ')}`,
  });
  return [
    ...(queue.block_on_overflow ? [stalls('block_on_overflow', 'when the queue is full')] : []),
    ...(queue.wait_for_result ? [stalls('wait_for_result', 'while a request is under way')] : []),
  ];
};
