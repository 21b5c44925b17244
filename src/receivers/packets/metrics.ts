/** Metrics of packets, which the kernel counts as they arrive: `ringtail.packet.count` and `ringtail.packet.io`. */
import { Observable } from 'rxjs';
import type { Logger } from '../../core/logger.ts';
import type { MetricBatch } from '../../core/metric-batch.ts';
import type { PacketServices } from '../../kernel/packets/needs.ts';
import { createSeriesMetrics } from '../shared/series/collect.ts';
import type { SeriesDefinition } from '../shared/series/types.ts';
import { createPacketsByName, type PacketsByName } from './by-name.ts';
import { type Choices, createChoices } from './choices.ts';
import type { PacketsConfig } from './config.ts';
import { nameNumberIn, packetSeries } from './metrics-series.ts';

export type PacketMetricsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: PacketsConfig;
  readonly kernel: Pick<PacketServices, 'needPackets' | 'packetMaps'> & {
    onQuiet(listener: () => void | Promise<void>): () => void;
  };
  readonly logger: Logger;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

/** What found no room, whichever interface it arrived at. */
const REST_CLASS = 255;

type Side = { readonly byName: PacketsByName; readonly definition: SeriesDefinition; readonly choices: Map<string, Choices> };
const sides = new WeakMap<object, Side>();

/** The same for all receivers of a kernel side, which go on where another one was. */
const sideOf = (maps: PacketServices['packetMaps']): Side => {
  let side = sides.get(maps);
  if (side === undefined) {
    const byName = createPacketsByName(maps);
    side = { byName, definition: packetSeries(byName.nameOf), choices: new Map() };
    sides.set(maps, side);
  }
  return side;
};

/** Counts while somebody listens, and emits at each interval; once more when the kernel side has come to rest. */
export const createPacketMetrics = ({ receiver, config, kernel, logger, nowMs }: PacketMetricsOptions): Observable<MetricBatch> => {
  const { collection_interval: intervalMs, temporality, max_series: maxSeries, expiry: expiryMs } = config.metrics;
  const { interfaces, exclude, mode } = config;
  const { packetMaps } = kernel;

  return new Observable<MetricBatch>((subscriber) => {
    const { byName, definition, choices: ofSide } = sideOf(packetMaps);
    const choices = ofSide.get(receiver) ?? createChoices();
    ofSide.set(receiver, choices);
    const { classes, classOf, leave } = choices.join({ interfaces, exclude });
    const classOfName = (number: number): number => classOf(byName.nameOf(number));
    const subscription = createSeriesMetrics({
      receiver,
      side: packetMaps,
      definition,
      classes: new Set([...classes, REST_CLASS]),
      classOf: [(keys, at) => classOfName(nameNumberIn(keys, at)), () => REST_CLASS],
      config: { intervalMs, temporality, maxSeries, expiryMs },
      read: byName.read,
      take: async (keys) => byName.take(keys),
      isGone: byName.isGone,
      shows: (number) => classOfName(number) >= 0,
      claim: () => kernel.needPackets({ interfaces, exclude, mode }),
      onQuiet: kernel.onQuiet,
      logger,
      failure: 'what the kernel has counted of packets could not be read',
      ...(nowMs === undefined ? {} : { nowMs }),
    }).subscribe(subscriber);
    return () => {
      subscription.unsubscribe();
      leave();
      if (choices.users === 0) ofSide.delete(receiver);
    };
  });
};
