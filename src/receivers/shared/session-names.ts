/** Numbers of session records by what they are called. */
import { netTransport, sessionKnownBy, sessionRole } from '../../kernel/layouts.gen.ts';
import { sessionStateNames, type SessionProtocol } from '../../kernel/sockets/needs.ts';
import type { AttributionSource } from '../../otlp/names.ts';

/** In the order in which a connection goes through them. */
export const connectionStates = [
  'listen', 'syn_sent', 'syn_received', 'established', 'fin_wait_1', 'fin_wait_2', 'close_wait', 'closing', 'last_ack', 'time_wait', 'closed',
] as const; // prettier-ignore
export type ConnectionState = (typeof connectionStates)[number];

/** The numbers behind names, by `enum session_state`; a name may stand for several. */
export const statesOf = (names: readonly ConnectionState[]): ReadonlySet<number> =>
  new Set([...sessionStateNames].filter(([, name]) => (names as readonly string[]).includes(name)).map(([state]) => state));

export const transportOf = {
  tcp: netTransport.tcp,
  udp: netTransport.udp,
  icmp: netTransport.icmp,
  raw: netTransport.raw,
  unix: netTransport.unix,
} as const satisfies Readonly<Record<SessionProtocol, number>>;

export const roleNames: ReadonlyMap<number, string> = new Map([
  [sessionRole.unknown, 'unknown'],
  [sessionRole.client, 'client'],
  [sessionRole.server, 'server'],
]);

/** `ringtail.attribution` by `enum session_known_by`. */
export const attributionNames: ReadonlyMap<number, AttributionSource> = new Map([
  [sessionKnownBy.not, 'none'],
  [sessionKnownBy.byEvent, 'ebpf'],
  [sessionKnownBy.byIterator, 'iterator'],
  [sessionKnownBy.byProcfs, 'procfs'],
  [sessionKnownBy.byListener, 'ebpf'],
]);
