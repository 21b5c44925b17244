/** Metrics of sessions, which the kernel adds up whatever becomes of their records: `ringtail.session.*` and `ringtail.network.io`. */
import type { Observable } from 'rxjs';
import type { Logger } from '../../core/logger.ts';
import type { MetricBatch } from '../../core/metric-batch.ts';
import type { Cgroups } from '../../kernel/cgroup-types.ts';
import type { Gate } from '../../kernel/gate.ts';
import { mapLayout, netTransport } from '../../kernel/layouts.gen.ts';
import { type CountMaps, readSessionCounts } from '../../kernel/sockets/counts.ts';
import { sessionFamilies, type SocketNeeds, type SocketsClaim } from '../../kernel/sockets/needs.ts';
import { createSeriesMetrics } from '../shared/series/collect.ts';
import { goneBy } from '../shared/series/gone.ts';
import { transportOf } from '../shared/session-names.ts';
import type { SocketsConfig } from './config.ts';
import { readingsOf, sessionSeries } from './metrics-series.ts';
import { needsOf } from './needs.ts';

export type SessionMetricsOptions = {
  /** Id of the receiver, as it stands on the batches. */
  readonly receiver: string;
  readonly config: SocketsConfig;
  readonly kernel: {
    needSockets(needs: SocketNeeds): SocketsClaim;
    readonly socketMaps: CountMaps;
    readonly cgroups: Pick<Cgroups, 'info' | 'size' | 'start'>;
    readonly gate: Pick<Gate, 'requires'>;
    caughtUp(): Promise<void>;
    onQuiet(listener: () => void | Promise<void>): () => void;
  };
  readonly logger: Logger;
  /** Whether sessions of sockets in a cgroup, by its number, count here; without it all do. */
  readonly showsCgroup?: ((id: bigint) => boolean) | undefined;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
};

const { sessionCountKey } = mapLayout;
const familyNumbers = { ipv4: 4, ipv6: 6 } as const;
/** Of what found no room, of all protocols and families. */
const REST_CLASS = 255;
const NOT_WANTED = -1;
const FAMILY_BITS = 3;

const classOfKind = (transport: number, family: number): number => (transport << FAMILY_BITS) | family;

/** Each protocol in each family counts since it was asked for. What procfs counts of TCP is of both families, whoever's it was. */
const classesOf = ({ protocols, families, loopback, cgroup }: SocketsConfig): ReadonlySet<number> => {
  const isWhole = families.length === sessionFamilies.length && loopback && cgroup === undefined;
  const ofNeither = (transport: number): readonly number[] => (isWhole || transport !== netTransport.tcp ? [0] : []);
  return new Set([
    REST_CLASS,
    ...protocols.flatMap((name) => {
      const transport = transportOf[name];
      return [...ofNeither(transport), ...families.map((family) => familyNumbers[family])].map((family) => classOfKind(transport, family));
    }),
  ]);
};

/** Counts while somebody listens, and emits at each interval; once more when the kernel side has come to rest. */
export const createSessionMetrics = (options: SessionMetricsOptions): Observable<MetricBatch> => {
  const { receiver, config, kernel, logger, showsCgroup, nowMs } = options;
  const { collection_interval: intervalMs, temporality, max_series: maxSeries, expiry: expiryMs } = config.metrics;
  const { socketMaps } = kernel;
  const classes = classesOf(config);
  const classOfSession = (keys: Buffer, at: number): number => {
    const ofKind = classOfKind(keys[at + sessionCountKey.transport]!, keys[at + sessionCountKey.family]!);
    const isShown = showsCgroup === undefined || showsCgroup(keys.readBigUInt64LE(at + sessionCountKey.cgroupId));
    return isShown && classes.has(ofKind) ? ofKind : NOT_WANTED;
  };
  return createSeriesMetrics({
    receiver,
    side: socketMaps,
    definition: sessionSeries,
    classes,
    classOf: [classOfSession, classOfSession, () => REST_CLASS],
    config: { intervalMs, temporality, maxSeries, expiryMs },
    async read() {
      const counts = await readSessionCounts(socketMaps);
      if (counts === undefined) return undefined;
      // then the cgroups are known that it is about
      await kernel.caughtUp();
      return readingsOf(counts);
    },
    take: (keys) => socketMaps.takeSums('session_counts', keys),
    isGone: goneBy({ kernel, expiryMs, nowMs }),
    shows: showsCgroup && ((id) => showsCgroup(BigInt(id))),
    claim: () => kernel.needSockets({ ...needsOf(config), events: new Set(), states: new Set(), counted: true, ruleSets: [] }),
    onQuiet: kernel.onQuiet,
    logger,
    failure: 'what the kernel has added up of sessions could not be read',
    ...(nowMs === undefined ? {} : { nowMs }),
  });
};
