/** What the kernel has added up of sessions, by metric and series. */
import type { Attribute } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { netTransport, sessionState } from '../../kernel/layouts.gen.ts';
import type { SessionCounts, SessionKey, SessionSums } from '../../kernel/sockets/counts.ts';
import { sessionStateNames } from '../../kernel/sockets/needs.ts';
import { attributeName, metricAttributeName } from '../../otlp/names.ts';
import { protocolNames, transportNames } from '../shared/network-names.ts';
import { roleNames } from '../shared/session-names.ts';

export const sessionMetrics = ['opened', 'failed', 'duration', 'io', 'open'] as const;
export type SessionMetric = (typeof sessionMetrics)[number];

/** A series of a metric. Its numbers are one value, or of `duration` the count, the sum in ns, and the buckets. */
export type SessionSeries = {
  readonly metric: SessionMetric;
  /** By `enum net_transport`; undefined: what found no room, of all of them. */
  readonly transport: number | undefined;
  readonly family: number;
  /** 0n: not known, or of several. */
  readonly cgroupId: bigint;
  readonly attributes: readonly Attribute[];
  /** Only ever grow for as long as the programs are loaded. */
  readonly ended: readonly bigint[];
  /** Of what has not ended; of `open` all there is. */
  readonly live: readonly bigint[];
};

type Direction = 'transmit' | 'receive';
/** What a series is beside its numbers; undefined: not told apart by it. */
type Traits = {
  readonly metric: SessionMetric;
  readonly role?: number | undefined;
  readonly state?: number;
  readonly error?: number;
  readonly direction?: Direction;
};

const NOTHING = [0n] as const;
const overflowAttributes: readonly Attribute[] = [[metricAttributeName.overflow, true]];
const familyNames: ReadonlyMap<number, string> = new Map([[4, 'ipv4'], [6, 'ipv6']]); // prettier-ignore

const attributesOf = (key: SessionKey, { role, state = 0, error = 0, direction }: Traits): readonly Attribute[] => {
  const [transport, protocol, family] = [transportNames.get(key.transport), protocolNames.get(key.transport), familyNames.get(key.family)];
  const stateName = sessionStateNames.get(state);
  return [
    ...(direction === undefined ? [] : [[metricAttributeName.networkIoDirection, direction] as const]),
    ...(transport === undefined ? [] : [[attributeName.networkTransport, transport] as const]),
    ...(protocol === undefined ? [] : [[attributeName.networkProtocol, protocol] as const]),
    ...(family === undefined ? [] : [[attributeName.networkType, family] as const]),
    ...(stateName === undefined ? [] : [[attributeName.networkConnectionState, stateName] as const]),
    ...(role === undefined ? [] : [[attributeName.sessionRole, roleNames.get(role) ?? 'unknown'] as const]),
    ...(error === 0 ? [] : [[attributeName.errorType, errnoNames.get(-error) ?? String(error)] as const]),
    ...(key.cgroupId === 0n ? [] : [[attributeName.cgroupId, key.cgroupId] as const]),
    ...(key.netnsCookie === 0n ? [] : [[attributeName.netnsCookie, key.netnsCookie] as const]),
  ];
};

const add = (a: readonly bigint[], b: readonly bigint[]): readonly bigint[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, index) => (a[index] ?? 0n) + (b[index] ?? 0n));

const durationOf = ({ ended, durationNs, durations }: SessionSums): readonly bigint[] => [ended, durationNs, ...durations];

/** TCP counts as opened when it is established. */
const openedState = ({ transport }: SessionKey): number => (transport === netTransport.tcp ? sessionState.tcpEstablished : 0);
/** Nobody knows any more who began it. */
const roleOf = ({ state, role }: SessionKey): number | undefined => (state === sessionState.tcpTimeWait ? undefined : role);

/** By key. The lists of attributes are each one object for as long as the receiver, so that they are encoded once. */
export const createSessionSeries = (): ((counts: SessionCounts) => ReadonlyMap<string, SessionSeries>) => {
  const known = new Map<string, readonly Attribute[]>();
  return ({ ended, live, rest }) => {
    const series = new Map<string, SessionSeries>();
    const put = (id: string, one: SessionSeries): void => {
      const before = series.get(id);
      const sum = before === undefined ? one : { ...one, ended: add(before.ended, one.ended), live: add(before.live, one.live) };
      series.set(id, sum);
    };
    const enter = (key: SessionKey, traits: Traits, endedNow: readonly bigint[], liveNow: readonly bigint[]): void => {
      if (endedNow[0] === 0n && liveNow[0] === 0n) return;
      const { metric, role, state, error, direction } = traits;
      const id = [metric, key.cgroupId, key.netnsCookie, key.transport, key.family, role, state, error, direction].join(' ');
      let attributes = known.get(id);
      if (attributes === undefined) known.set(id, (attributes = attributesOf(key, traits)));
      const { transport, family, cgroupId } = key;
      put(id, { metric, transport, family, cgroupId, attributes, ended: endedNow, live: liveNow });
    };
    for (const one of ended) {
      enter(one, { metric: 'opened', role: one.role, state: openedState(one) }, [one.opened], NOTHING);
      enter(one, { metric: 'failed', role: one.role, state: one.state, error: one.error }, [one.failed], NOTHING);
      enter(one, { metric: 'duration', role: one.role, error: one.error }, durationOf(one), NOTHING);
      enter(one, { metric: 'io', direction: 'transmit' }, [one.sent], NOTHING);
      enter(one, { metric: 'io', direction: 'receive' }, [one.received], NOTHING);
    }
    for (const one of live) {
      enter(one, { metric: 'open', role: roleOf(one), state: one.state }, NOTHING, [one.open]);
      enter(one, { metric: 'io', direction: 'transmit' }, NOTHING, [one.sent]);
      enter(one, { metric: 'io', direction: 'receive' }, NOTHING, [one.received]);
    }
    const over = (metric: SessionMetric, endedNow: readonly bigint[], liveNow: readonly bigint[] = NOTHING): void => {
      if (endedNow[0] === 0n && liveNow[0] === 0n) return;
      put(`${metric} overflow`, {
        metric,
        transport: undefined,
        family: 0,
        cgroupId: 0n,
        attributes: overflowAttributes,
        ended: endedNow,
        live: liveNow,
      });
    };
    over('opened', [rest.ended.opened]);
    over('failed', [rest.ended.failed]);
    over('duration', durationOf(rest.ended));
    over('io', [rest.ended.sent + rest.ended.received], [rest.live.sent + rest.live.received]);
    over('open', NOTHING, [rest.live.open]);
    return series;
  };
};
