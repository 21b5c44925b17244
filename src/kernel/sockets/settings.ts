/** What all who ask for sockets need together, and `struct session_settings`: what the programs of sockets do, as bytes. */
import { mapLayout, netTransport, sessionWant } from '../layouts.gen.ts';
import { sessionEvents, sessionProtocols, type SessionFamily, type SessionProtocol, type SocketNeeds } from './needs.ts';

const NS_PER_MS = 1_000_000n;
const BYTES_PER_U64 = 8;

const transports: Readonly<Record<SessionProtocol, number>> = {
  tcp: netTransport.tcp,
  udp: netTransport.udp,
  icmp: netTransport.icmp,
  raw: netTransport.raw,
  unix: netTransport.unix,
};

const familyBits: Readonly<Record<SessionFamily, number>> = { ipv4: 1, ipv6: 2 };

const union = <T>(sets: readonly ReadonlySet<T>[]): ReadonlySet<T> => new Set(sets.flatMap((set) => [...set]));

/** From what wins to what gives in. */
const modes = ['ebpf', 'auto', 'procfs'] as const;

/** The longest; 0, which is never, is longer than all. */
const longestIdle = (all: readonly SocketNeeds[]): SocketNeeds['idleTimeoutMs'] =>
  Object.fromEntries(
    sessionProtocols.flatMap((protocol) => {
      const times = all.filter(({ protocols }) => protocols.has(protocol)).map(({ idleTimeoutMs }) => idleTimeoutMs[protocol] ?? 0);
      return times.length === 0 ? [] : [[protocol, times.includes(0) ? 0 : Math.max(...times)]];
    }),
  );

/** Undefined when nobody asks. Who wants no records has no say in what becomes of them; guests, see `SocketNeeds.isGuest`. */
export const unionOfSockets = (all: readonly SocketNeeds[]): SocketNeeds | undefined => {
  const hosts = all.filter(({ isGuest = false }) => !isGuest);
  const deciding = hosts.length === 0 ? all : hosts;
  const [first] = deciding;
  if (first === undefined) return undefined;
  // who wants neither records nor counts only has sessions kept
  const telling = all.filter(({ events, counted }) => events.size > 0 || counted);
  return {
    events: union(all.map(({ events }) => events)),
    states: union(all.map(({ states }) => states)),
    protocols: union(all.map(({ protocols }) => protocols)),
    ...(telling.length === all.length ? {} : { told: union(telling.map(({ protocols }) => protocols)) }),
    families: union((telling.length === 0 ? all : telling).map(({ families }) => families)),
    loopback: deciding.some(({ loopback }) => loopback),
    idleTimeoutMs: { ...longestIdle(all), ...longestIdle(deciding) },
    counted: all.some(({ counted }) => counted),
    mode: modes.find((mode) => deciding.some((needs) => needs.mode === mode)) ?? 'auto',
    cgroup: deciding.every(({ cgroup }) => cgroup === first.cgroup) ? first.cgroup : undefined,
    maxSessions: Math.max(...deciding.map(({ maxSessions }) => maxSessions)),
    procfsIntervalMs: Math.min(...deciding.map(({ procfsIntervalMs }) => procfsIntervalMs)),
    // who was told of no pipeline drops nothing
    ruleSets: all.filter(({ events }) => events.size > 0).flatMap(({ ruleSets }) => (ruleSets.length === 0 ? [undefined] : ruleSets)),
  };
};

/** `cgroupId`: of the cgroup whose sockets count, 0n = all. Undefined needs: nothing is told. */
export const encodeSocketSettings = (needs: SocketNeeds | undefined, cgroupId: bigint): Uint8Array => {
  const at = mapLayout.sessionSettings;
  const bytes = new Uint8Array(at.size);
  if (needs === undefined) return bytes;
  const view = new DataView(bytes.buffer);
  for (const protocol of needs.protocols) {
    const idleNs = BigInt(Math.round(needs.idleTimeoutMs[protocol] ?? 0)) * NS_PER_MS;
    view.setBigUint64(at.idleNs + BYTES_PER_U64 * transports[protocol], idleNs, true);
  }
  const bits = (numbers: Iterable<number>): number => [...numbers].reduce((sum, bit) => sum | bit, 0) >>> 0;
  view.setBigUint64(at.cgroupId, cgroupId, true);
  const wants = sessionEvents.filter((event) => needs.events.has(event)).map((event) => sessionWant[event]);
  view.setUint32(at.wants, bits([...wants, needs.counted ? sessionWant.count : 0]), true);
  view.setUint32(at.states, bits([...needs.states].map((state) => 1 << state)), true);
  const bitsOf = (wanted: ReadonlySet<SessionProtocol>): number => bits([...wanted].map((protocol) => 1 << transports[protocol]));
  view.setUint32(at.protocols, bitsOf(needs.protocols), true);
  view.setUint32(at.told, bitsOf(needs.told ?? needs.protocols), true);
  view.setUint32(at.families, bits([...needs.families].map((family) => familyBits[family])), true);
  view.setUint32(at.noLoopback, needs.loopback ? 0 : 1, true);
  return bytes;
};
