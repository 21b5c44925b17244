/** What receivers ask of the programs of sockets. */
import type { PushDownReport, RuleSet } from '../../core/rules.ts';

export const sessionProtocols = ['tcp', 'udp', 'icmp', 'raw', 'unix'] as const;
export type SessionProtocol = (typeof sessionProtocols)[number];

export const sessionFamilies = ['ipv4', 'ipv6'] as const;
export type SessionFamily = (typeof sessionFamilies)[number];

/** Records; the names of the events behind `ringtail.session.`. */
export const sessionEvents = ['start', 'state', 'end', 'listen'] as const;
export type SessionEvent = (typeof sessionEvents)[number];

/** Values of `network.connection.state`, by `enum session_state`. */
export const sessionStateNames: ReadonlyMap<number, string> = new Map([
  [1, 'established'],
  [2, 'syn_sent'],
  [3, 'syn_received'],
  [4, 'fin_wait_1'],
  [5, 'fin_wait_2'],
  [6, 'time_wait'],
  [7, 'closed'],
  [8, 'close_wait'],
  [9, 'last_ack'],
  [10, 'listen'],
  [11, 'closing'],
  [12, 'syn_received'],
]);

export type SocketNeeds = {
  /** What becomes a record; empty: nothing goes through the ring. */
  readonly events: ReadonlySet<SessionEvent>;
  /** Changes to which become `state` records, by `enum session_state`. */
  readonly states: ReadonlySet<number>;
  readonly protocols: ReadonlySet<SessionProtocol>;
  /** Those of them of which there are records and counts; undefined: all. Sessions of the others are only kept. */
  readonly told?: ReadonlySet<SessionProtocol>;
  /** As the socket is: IPv4 through a socket of IPv6 is IPv6. */
  readonly families: ReadonlySet<SessionFamily>;
  /** Whether sessions that stay on this host over loopback count. */
  readonly loopback: boolean;
  /** A session without a datagram for so long has ended; 0: never. TCP is ended by its socket alone. */
  readonly idleTimeoutMs: Readonly<Partial<Record<SessionProtocol, number>>>;
  /** Whether sessions are added up for metrics. */
  readonly counted: boolean;
  /** `ebpf`: without the kernel's programs it is an error; `procfs`: they are not loaded. With several needs `ebpf` wins over `auto` over `procfs`. */
  readonly mode: 'auto' | 'ebpf' | 'procfs';
  /** Folder of the cgroup whose sockets count, and those of all below it; undefined: the root of the v2 hierarchy. */
  readonly cgroup: string | undefined;
  /** Sessions that are kept at one time; beyond it they are counted and not known. */
  readonly maxSessions: number;
  /** How often procfs is looked at, where it has to do. */
  readonly procfsIntervalMs: number;
  /** What the pipelines drop; see `Receiver.narrow`. */
  readonly ruleSets: readonly (RuleSet | undefined)[];
  /**
   * Somebody who looks for a while: while others ask too, these alone decide what would change their sums or load the programs anew, which are `loopback`,
   * `cgroup`, `mode`, `idleTimeoutMs` of protocols that they have, `maxSessions` and `procfsIntervalMs`.
   */
  readonly isGuest?: boolean;
};

/** One who asks. */
export type SocketsClaim = {
  /** Other needs, from the next `reconfigure` on. */
  change(needs: SocketNeeds): void;
  end(): void;
};

/** One part of what sockets are told by. */
export type SocketHook = {
  /**
   * `tcp`: states. `accept`: who accepted. `udp`: datagrams. `peer`: of datagrams of sockets that are not connected. `release`: the end of sockets that
   * are not TCP. `create`: who made raw and ICMP sockets. `connect_failed`: those that fail before a packet leaves. `existing`: what was open before.
   */
  readonly hook: 'tcp' | 'accept' | 'udp' | 'peer' | 'release' | 'create' | 'connect_failed' | 'existing';
  /** What it is done by, `none` when it is not: tp_btf, length, cgroup_skb, cgroup, iterator, procfs. */
  readonly rung: string;
  /** Why not better, and what it costs; one sentence, empty when it is the best. */
  readonly note: string;
};

export type SocketsStatus = {
  /** `none`: nobody asks. */
  readonly rung: 'ebpf' | 'procfs' | 'none';
  readonly notes: readonly string[];
  readonly hooks: readonly SocketHook[];
  /** Folder of the cgroup that the programs are attached to; undefined: all are followed. */
  readonly cgroup?: string | undefined;
  /** Of the rules in force. */
  readonly pushDown: PushDownReport;
};
