/** Sessions as they are now: what `ringtail top` and `ringtail report` look at, directly or through the control socket. */

/** A session that is open. One object for as long as it is; the numbers change with each sample. */
export type LiveSession = {
  /** As `ringtail.session.id` tells it. */
  readonly id: string;
  readonly transport: 'tcp' | 'udp' | 'icmp' | 'raw' | 'unix';
  readonly family: 'ipv4' | 'ipv6' | 'unix';
  readonly role: 'client' | 'server' | 'unknown';
  /** As `network.connection.state`; undefined: the protocol has none. */
  readonly state: string | undefined;
  /** The process that owns it; 0: nobody is known. */
  readonly pid: number;
  readonly cgroupId: bigint;
  readonly netnsCookie: bigint;
  /** Boot time, ns; undefined: it was open before anybody looked. */
  readonly beganNs: bigint | undefined;
  /** Payload so far; undefined: not counted. */
  readonly sentBytes: number | undefined;
  readonly receivedBytes: number | undefined;
  /** Bytes a second since the sample before; 0 in the first one that has it. */
  readonly sentRate: number;
  readonly receivedRate: number;
};

/** In `TIME_WAIT`, which have neither owner nor cgroup, by network namespace. */
export type TimeWaits = { readonly netnsCookie: bigint; readonly family: 'ipv4' | 'ipv6' | undefined; readonly count: number };

export type SessionSample = {
  /** Unix time, ms. */
  readonly atMs: number;
  /** Since the sample before, ms; 0: it is the first. */
  readonly sinceMs: number;
  /** Boot time, ns, for the age of sessions; undefined: not known. */
  readonly bootNs: bigint | undefined;
  /** Sockets of TCP that listen are among them; those of UDP without a peer are not. */
  readonly sessions: readonly LiveSession[];
  readonly timeWaits: readonly TimeWaits[];
};

/** What people see of one session; made only for those that are shown. Texts are not yet made safe for a terminal. */
export type SessionDetails = {
  /** `192.0.2.1:80`, `[fe80::1%eth0]:80`, as `ss` shows it; of unix sockets the name. Empty: there is none. */
  readonly local: string;
  readonly peer: string;
  /** Path of the executable, or the name of the thread; empty: unknown. */
  readonly process: string;
  /** Its name, else its number; of the socket's maker when nobody is known to own it. */
  readonly user: string;
  readonly uid: number | undefined;
  readonly container: ContainerName | undefined;
  /** Path of the cgroup; empty: unknown. */
  readonly cgroup: string;
};

/** `name`: what people call it, empty when only the id is known or only that it is one. */
export type ContainerName = { readonly id: string; readonly name: string };

/** Follows the sessions of this host while somebody asks for samples; one walk of the kernel's maps serves all who ask at about the same time. */
export type SessionSampler = {
  /** Rejects with a KernelError when this host cannot tell. */
  sample(): Promise<SessionSample>;
  details(session: LiveSession): SessionDetails;
  /** What cannot be seen here and why, one sentence each. */
  notes(): readonly string[];
  close(): Promise<void>;
};

export const sessionViews = ['sessions', 'process', 'container'] as const;
export type SessionView = (typeof sessionViews)[number];
export const sessionSorts = [
  'rate',
  'sent',
  'received',
  'total',
  'age',
  'process',
  'container',
  'state',
  'peer',
  'port',
  'sessions',
] as const;
export type SessionSort = (typeof sessionSorts)[number];

export type SessionsQuery = {
  readonly view: SessionView;
  readonly sort: SessionSort;
  readonly descending: boolean;
  /** Rows from this one on. */
  readonly offset: number;
  readonly limit: number;
  /** A text that a row must have somewhere, in any case; empty: all. */
  readonly search: string;
  readonly containers: readonly string[];
  readonly processes: readonly string[];
  readonly pids: readonly number[];
  readonly users: readonly string[];
  readonly ports: readonly number[];
  readonly states: readonly string[];
  readonly transports: readonly string[];
  /** Whether sockets that listen are shown too. */
  readonly listening: boolean;
};

/** A row of the view `sessions`. */
export type SessionRow = SessionDetails &
  Pick<
    LiveSession,
    'id' | 'transport' | 'family' | 'role' | 'state' | 'pid' | 'sentBytes' | 'receivedBytes' | 'sentRate' | 'receivedRate'
  > & {
    readonly ageSeconds: number | undefined;
  };

/** A row of the views `process` and `container`: several sessions together. */
export type SessionGroupRow = {
  /** Of the view `process`; 0 otherwise, or nobody is known. */
  readonly pid: number;
  /** Process or container; empty: the host, or unknown. */
  readonly name: string;
  readonly user: string;
  readonly container: ContainerName | undefined;
  readonly sessions: number;
  readonly established: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentRate: number;
  readonly receivedRate: number;
};

export type SessionsPage = {
  readonly type: 'sessions';
  /** Unix time, ms. */
  readonly atMs: number;
  readonly sinceMs: number;
  readonly view: SessionView;
  /** Of all sessions, whatever the query asks for; what listens is only among the states. */
  readonly totals: {
    readonly sessions: number;
    readonly sentRate: number;
    readonly receivedRate: number;
    /** By transport, then by state (`time_wait` among them, from the kernel's tables; `open` for what has no states). */
    readonly states: Readonly<Record<string, Readonly<Record<string, number>>>>;
    /** That have sessions. */
    readonly containers: number;
  };
  /** Rows that the query matches; `rows` is the part that it asks for. */
  readonly matched: number;
  readonly rows: readonly (SessionRow | SessionGroupRow)[];
  readonly notes: readonly string[];
};

/** Pages as often as they are asked for, of a running Ringtail or of this process itself. */
export type SessionsFeed = {
  readonly source: string;
  /** Rejects with a RuntimeError when the other side is gone. */
  page(query: SessionsQuery): Promise<SessionsPage>;
  close(): Promise<void>;
};
