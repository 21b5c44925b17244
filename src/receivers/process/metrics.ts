/** Metrics of processes, which the kernel counts whatever becomes of their records: `ringtail.process.exec.count`, `.exit.count` and `.count`. */
import type { Observable } from 'rxjs';
import type { Attribute } from '../../core/batch.ts';
import type { Logger } from '../../core/logger.ts';
import type { MetricBatch } from '../../core/metric-batch.ts';
import { mapLayout } from '../../kernel/layouts.gen.ts';
import { processWord } from '../../kernel/process-counts.ts';
import type { KernelServices } from '../../kernel/services.ts';
import { attributeName, metricName } from '../../otlp/names.ts';
import { createSeriesMetrics } from '../shared/series/collect.ts';
import { goneBy, type GoneOptions } from '../shared/series/gone.ts';
import type { SeriesDefinition, SeriesMetric } from '../shared/series/types.ts';
import type { ProcessConfig } from './config.ts';
import { createOwners, type Owners } from './owners.ts';

export type ProcessMetricsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: Pick<ProcessConfig, 'metrics'>;
  readonly kernel: Pick<KernelServices, 'needProcessCounts' | 'processCounts' | 'caughtUp' | 'users' | 'onQuiet'> & GoneOptions['kernel'];
  readonly logger: Logger;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

const { processCountKey: place } = mapLayout;

/** Where a process is: ranges of the key. */
const PLACE = [place.cgroupId, place.uid] as const;
const ALL = [0, place.size] as const;
/** All is counted since the same moment. */
const ONE_CLASS = 0;
const READINGS = 4;

const placeOf = (keys: Buffer, at: number): readonly Attribute[] => {
  const cgroup = keys.readBigUInt64LE(at + place.cgroupId);
  const netns = keys.readBigUInt64LE(at + place.netnsCookie);
  return [
    ...(cgroup === 0n ? [] : [[attributeName.cgroupId, cgroup] as const]),
    ...(netns === 0n ? [] : [[attributeName.netnsCookie, netns] as const]),
  ];
};

const counted = (
  { nameAt }: Owners,
  metric: Pick<SeriesMetric, 'name' | 'description' | 'unit'>,
  word: number,
): SeriesDefinition['metrics'][number] => ({
  ...metric,
  type: 'counter',
  parts: [
    { reading: 0, tells: [ALL], words: [word] },
    { reading: 1, tells: [], words: [word], isRest: true },
  ],
  attributesOf(keys, at) {
    const name = nameAt(keys, at);
    return [
      ...(name === undefined ? [] : [[attributeName.processOwner, name] as const]),
      [attributeName.processUserId, keys.readUInt32LE(at + place.uid)],
      ...placeOf(keys, at),
    ];
  },
});

/** In the order of the readings: counts, their rest, who is alive, and the rest of that. */
const definitionOf = (owners: Owners): SeriesDefinition => ({
  keyBytes: place.size,
  cgroupAt: place.cgroupId,
  metrics: [
    counted(owners, { name: metricName.processExecCount, description: 'Programs that were started.', unit: '{exec}' }, processWord.execs),
    counted(owners, { name: metricName.processExitCount, description: 'Processes that ended.', unit: '{exit}' }, processWord.exits),
    {
      name: metricName.processCount,
      description: 'Processes that are alive.',
      unit: '{process}',
      type: 'level',
      parts: [
        { reading: 2, tells: [PLACE], words: [processWord.alive] },
        { reading: 3, tells: [], words: [processWord.alive], isRest: true },
      ],
      attributesOf: placeOf,
    },
  ],
});

type Side = { readonly owners: Owners; readonly definition: SeriesDefinition };
const sides = new WeakMap<object, Side>();

/** The same for all receivers of a kernel side, which go on where another one was. */
const sideOf = ({ processCounts, users }: ProcessMetricsOptions['kernel']): Side => {
  let side = sides.get(processCounts);
  if (side === undefined) {
    const owners = createOwners(users);
    sides.set(processCounts, (side = { owners, definition: definitionOf(owners) }));
  }
  return side;
};

/** Counts while somebody listens, and emits at each interval; once more when the kernel side has come to rest. */
export const createProcessMetrics = ({ receiver, config, kernel, logger, nowMs }: ProcessMetricsOptions): Observable<MetricBatch> => {
  const { collection_interval: intervalMs, temporality, max_series: maxSeries, expiry: expiryMs } = config.metrics;
  const { processCounts } = kernel;
  const { owners, definition } = sideOf(kernel);
  return createSeriesMetrics({
    receiver,
    side: processCounts,
    definition,
    classes: new Set([ONE_CLASS]),
    classOf: Array.from({ length: READINGS }, () => () => ONE_CLASS),
    config: { intervalMs, temporality, maxSeries, expiryMs },
    async read() {
      const readings = await processCounts.read();
      // behind the reading: then the cgroups are known that it is about
      if (readings !== undefined) await Promise.all([owners.learn(readings[0]), kernel.caughtUp()]);
      return readings;
    },
    take: processCounts.take,
    isGone: goneBy({ kernel, expiryMs, nowMs }),
    claim: () => ({ end: kernel.needProcessCounts() }),
    onQuiet: kernel.onQuiet,
    logger,
    failure: 'what the kernel has counted of processes could not be read',
    ...(nowMs === undefined ? {} : { nowMs }),
  });
};
