/** What happened on this host in an interval, as `ringtail report` and the control socket tell it. */

export type ReportQuery = {
  readonly intervalMs: number;
  /** Path below the root of the hierarchy, as `/system.slice/docker.service`: only it and all below it; empty: all. */
  readonly cgroup: string;
  /** Whether containers are told one by one. */
  readonly containers: boolean;
  /** Most recent sessions that are told; 0: none. */
  readonly recent: number;
};

export type ReportTotals = {
  /** Open at the end of the interval. */
  readonly open: number;
  /** In the interval. */
  readonly opened: number;
  readonly failed: number;
  readonly closed: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
};

export type ReportGroup = ReportTotals & {
  /** Of a container its name, of a cgroup its path, of a network namespace its cookie. */
  readonly name: string;
  readonly id: string;
  readonly isContainer: boolean;
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
  /** Open at the end, by state; `time_wait` from the kernel's tables, `open` for what has no states. */
  readonly states: Readonly<Record<string, number>>;
  readonly byContainer: readonly ReportGroup[];
  readonly byCgroup: readonly ReportGroup[];
  readonly byNetns: readonly ReportGroup[];
  readonly recent: readonly RecentSession[];
  /** Recent ones that there was no room for. */
  readonly recentMissed: number;
  readonly notes: readonly string[];
};

/** Ends with the caller's `close`; throws a RuntimeError when it breaks. */
export type ReportFeed = AsyncIterable<ReportPage> & { readonly source: string; close(): Promise<void> };
