/** What the kernel adds up of sessions, as metrics: which words of which entries, by which bytes of their keys. */
import type { Attribute } from '../../core/batch.ts';
import { errnoNames } from '../../core/errno.ts';
import { mapLayout, netTransport, sessionState } from '../../kernel/layouts.gen.ts';
import { countWord, durationBoundsMs, liveWord, restWord, type SessionCounts } from '../../kernel/sockets/counts.ts';
import { sessionStateNames } from '../../kernel/sockets/needs.ts';
import type { Reading } from '../../kernel/sums.ts';
import { attributeName, metricAttributeName, metricName } from '../../otlp/names.ts';
import { protocolNames, transportNames } from '../shared/network-names.ts';
import type { SeriesDefinition, SeriesPart } from '../shared/series/types.ts';
import { roleNames } from '../shared/session-names.ts';

const key = mapLayout.sessionCountKey;
const ENDED = 0;
const LIVE = 1;
const REST = 2;

export const readingsOf = ({ ended, live, rest }: SessionCounts): readonly Reading[] => [ended, live, rest];

type Range = readonly [from: number, to: number];
const place: readonly Range[] = [[key.cgroupId, key.cgroupId + 8], [key.netnsCookie, key.netnsCookie + 8]]; // prettier-ignore
const kind: Range = [key.transport, key.family + 1];
const role: Range = [key.role, key.role + 1];
const state: Range = [key.state, key.state + 1];
const error: Range = [key.error, key.error + 2];

const TRANSMIT = 0;
const RECEIVE = 1;

const familyNames: ReadonlyMap<number, string> = new Map([[4, 'ipv4'], [6, 'ipv6']]); // prettier-ignore

const named = (name: string, value: string | bigint | undefined): readonly Attribute[] =>
  value === undefined || value === 0n ? [] : [[name, value]];

const kindOf = (keys: Buffer, at: number): readonly Attribute[] => {
  const transport = keys[at + key.transport]!;
  return [
    ...named(attributeName.networkTransport, transportNames.get(transport)),
    ...named(attributeName.networkProtocol, protocolNames.get(transport)),
    ...named(attributeName.networkType, familyNames.get(keys[at + key.family]!)),
  ];
};
const placeOf = (keys: Buffer, at: number): readonly Attribute[] => [
  ...named(attributeName.cgroupId, keys.readBigUInt64LE(at + key.cgroupId)),
  ...named(attributeName.netnsCookie, keys.readBigUInt64LE(at + key.netnsCookie)),
];
const stateOf = (number: number): readonly Attribute[] => named(attributeName.networkConnectionState, sessionStateNames.get(number));
const roleOf = (keys: Buffer, at: number): readonly Attribute[] =>
  named(attributeName.sessionRole, roleNames.get(keys[at + key.role]!) ?? 'unknown');
const errorOf = (keys: Buffer, at: number): readonly Attribute[] => {
  const errno = keys.readUInt16LE(at + key.error);
  return named(attributeName.errorType, errno === 0 ? undefined : (errnoNames.get(-errno) ?? String(errno)));
};

const rest = (...words: readonly number[]): SeriesPart => ({ reading: REST, tells: [], words, isRest: true });
const histogram = ({ ended, durationNs, durations }: typeof countWord): readonly number[] => [ended, durationNs, ...durations];
export const sessionSeries: SeriesDefinition = {
  keyBytes: key.size,
  cgroupAt: key.cgroupId,
  metrics: [
    {
      name: metricName.sessionCount,
      description: 'Sessions that are open.',
      unit: '{session}',
      type: 'level',
      parts: [{ reading: LIVE, tells: [...place, kind, role, state], words: [liveWord.open] }, rest(restWord.live.open)],
      attributesOf(keys, at) {
        const number = keys[at + key.state]!;
        const hasRole = number !== sessionState.tcpTimeWait;
        return [...kindOf(keys, at), ...stateOf(number), ...(hasRole ? roleOf(keys, at) : []), ...placeOf(keys, at)];
      },
    },
    {
      name: metricName.sessionOpened,
      description: 'Sessions that opened.',
      unit: '{session}',
      type: 'counter',
      parts: [{ reading: ENDED, tells: [...place, kind, role], words: [countWord.opened] }, rest(restWord.ended.opened)],
      // TCP counts as opened when it is established
      attributesOf: (keys, at) => [
        ...kindOf(keys, at),
        ...(keys[at + key.transport] === netTransport.tcp ? stateOf(sessionState.tcpEstablished) : []),
        ...roleOf(keys, at),
        ...placeOf(keys, at),
      ],
    },
    {
      name: metricName.sessionFailed,
      description: 'Sessions that could not be opened.',
      unit: '{session}',
      type: 'counter',
      parts: [{ reading: ENDED, tells: [...place, kind, role, state, error], words: [countWord.failed] }, rest(restWord.ended.failed)],
      attributesOf: (keys, at) => [
        ...kindOf(keys, at),
        ...stateOf(keys[at + key.state]!),
        ...roleOf(keys, at),
        ...errorOf(keys, at),
        ...placeOf(keys, at),
      ],
    },
    {
      name: metricName.sessionDuration,
      description: 'How long sessions lasted that ended.',
      unit: 's',
      type: 'histogram',
      bounds: durationBoundsMs.map((ms) => ms / 1000),
      parts: [{ reading: ENDED, tells: [...place, kind, role, error], words: histogram(countWord) }, rest(...histogram(restWord.ended))],
      attributesOf: (keys, at) => [...kindOf(keys, at), ...roleOf(keys, at), ...errorOf(keys, at), ...placeOf(keys, at)],
    },
    {
      name: metricName.networkIo,
      description: 'Payload bytes of sessions.',
      unit: 'By',
      type: 'counter',
      // what is open and what ended together only grow
      parts: [
        ...[ENDED, LIVE].flatMap((reading): readonly SeriesPart[] => {
          const { sent, received } = reading === ENDED ? countWord : liveWord;
          const of = { reading, tells: [...place, kind] };
          return [{ ...of, words: [sent], variant: TRANSMIT }, { ...of, words: [received], variant: RECEIVE }]; // prettier-ignore
        }),
        ...[restWord.ended.sent, restWord.ended.received, restWord.live.sent, restWord.live.received].map((word) => rest(word)),
      ],
      attributesOf: (keys, at, variant) => [
        [metricAttributeName.networkIoDirection, variant === TRANSMIT ? 'transmit' : 'receive'],
        ...kindOf(keys, at),
        ...placeOf(keys, at),
      ],
    },
  ],
};
