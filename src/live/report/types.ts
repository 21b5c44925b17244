/** What happened on this host in an interval, as `ringtail report` and the control socket tell it. */

export type ReportQuery = {
  readonly intervalMs: number;
  /** From the root of its hierarchy, as `/system.slice/docker.service`, or its folder: only it and all below it; empty: all. */
  readonly cgroup: string;
  /** Whether containers are told one by one. */
  readonly containers: boolean;
  /** Most recent sessions that are told; 0: none. */
  readonly recent: number;
};

export type ReportTotals = {
  /** At the end of the interval; without what listens, and without what is in `TIME_WAIT`, which is no socket any more. */
  readonly open: number;
  /** In the interval. */
  readonly opened: number;
  readonly failed: number;
  readonly closed: number;
  /** Payload. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
};

export type ReportGroup = ReportTotals & {
  /** Of a container its name or short id, of a cgroup its path, of a network namespace its cookie; empty: not known. */
  readonly name: string;
  /** Of a container its id, of a cgroup its number, of a network namespace its cookie. */
  readonly id: string;
  /** Of a network namespace: nobody else has sessions there. */
  readonly isContainer: boolean;
  /** Of a network namespace: containers and cgroups that have sessions there, the busiest first, a few of them. */
  readonly members?: readonly string[];
  /** Of a network namespace: in `TIME_WAIT` at the end. */
  readonly timeWait?: number;
};

export type RecentSession = {
  /** UTC. */
  readonly time: string;
  readonly what: 'opened' | 'closed' | 'failed';
  readonly transport: string;
  readonly role: string;
  readonly local: string;
  readonly peer: string;
  readonly process: string;
  readonly pid: number;
  readonly user: string;
  /** Name or short id; `CTR` when only that it is one is known; empty: of the host. */
  readonly container: string;
  readonly sentBytes?: number;
  readonly receivedBytes?: number;
  readonly error?: string;
};

export type ReportPage = {
  readonly type: 'report';
  /** Unix time, ms. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly host: ReportTotals;
  readonly containers: ReportTotals;
  /** There at the end, by state; `time_wait` from the kernel's tables, unless a cgroup is asked for, `open` for what has no states. */
  readonly states: Readonly<Record<string, number>>;
  /** Those where anything is open or happened, the busiest first. Empty unless they are asked for. */
  readonly byContainer: readonly ReportGroup[];
  readonly byCgroup: readonly ReportGroup[];
  readonly byNetns: readonly ReportGroup[];
  /** In order of time. */
  readonly recent: readonly RecentSession[];
  /** Recent ones that there was no room for. */
  readonly recentMissed: number;
  readonly notes: readonly string[];
};

/** Ends with the caller's `close`; throws a RuntimeError when it breaks. */
export type ReportFeed = AsyncIterable<ReportPage> & { readonly source: string; close(): Promise<void> };
