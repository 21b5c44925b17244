/** What live views ask of the programs of sockets while somebody looks. */
import type { SessionEvent, SessionProtocol, SocketNeeds } from '../../kernel/sockets/needs.ts';

/** As the receiver `sockets` has it by default. */
const PROTOCOLS: readonly SessionProtocol[] = ['tcp', 'udp', 'icmp', 'raw'];
const IDLE_MS = { udp: 120_000, icmp: 30_000, raw: 600_000 };
const MAX_SESSIONS = 65_536;
const PROCFS_INTERVAL_MS = 1_000;

export type GuestOptions = {
  /** Which become records; none when it is not said. */
  readonly events?: readonly SessionEvent[];
  /** Whether the kernel adds up. */
  readonly counted?: boolean;
  readonly protocols?: readonly SessionProtocol[];
};

/** All sessions of this host, as far as no receiver narrows them: see `SocketNeeds.isGuest`. */
export const guestNeeds = ({ events = [], counted = false, protocols = PROTOCOLS }: GuestOptions): SocketNeeds => ({
  events: new Set(events),
  states: new Set(),
  protocols: new Set(protocols),
  families: new Set(['ipv4', 'ipv6']),
  loopback: true,
  idleTimeoutMs: IDLE_MS,
  counted,
  mode: 'auto',
  cgroup: undefined,
  maxSessions: MAX_SESSIONS,
  procfsIntervalMs: PROCFS_INTERVAL_MS,
  ruleSets: [],
  isGuest: true,
});
