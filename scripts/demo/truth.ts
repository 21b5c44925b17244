/** What the generator did, as it counted it itself: tests compare it with what Ringtail tells. */

export const trafficTypes = ['http', 'udp', 'files', 'exec'] as const;
export type TrafficType = (typeof trafficTypes)[number];

/** Of one type. `http`: payload of TCP. `udp`: payload of datagrams. Only what a type has is more than 0. */
export type Counts = {
  /** Of a client: begun and answered. Of a server: answered. */
  requests: number;
  /** Not answered, or ended otherwise than it should. */
  failed: number;
  /** TCP connections, and UDP sockets that have a peer each: opened by a client, accepted by a server. */
  sessions: number;
  /** Of these, over IPv6. */
  sessionsIpv6: number;
  sentBytes: number;
  receivedBytes: number;
  datagramsSent: number;
  datagramsReceived: number;
  /** Made, written, opened again, read and unlinked. */
  files: number;
  writtenBytes: number;
  readBytes: number;
  /** Programs that were run. */
  execs: number;
};

export type ByType = Record<TrafficType, Counts>;

export const noCounts = (): Counts => ({
  requests: 0,
  failed: 0,
  sessions: 0,
  sessionsIpv6: 0,
  sentBytes: 0,
  receivedBytes: 0,
  datagramsSent: 0,
  datagramsReceived: 0,
  files: 0,
  writtenBytes: 0,
  readBytes: 0,
  execs: 0,
});

export const noTypes = (): ByType => ({ http: noCounts(), udp: noCounts(), files: noCounts(), exec: noCounts() });

export const addCounts = (to: Counts, more: Counts): void => {
  for (const key of Object.keys(to) as (keyof Counts)[]) to[key] += more[key];
};

export const addTypes = (to: ByType, more: ByType): void => {
  for (const type of trafficTypes) addCounts(to[type], more[type]);
};

export const sumOf = (all: readonly ByType[]): ByType => {
  const sum = noTypes();
  for (const one of all) addTypes(sum, one);
  return sum;
};

/** A process of the generator. */
export type Actor = {
  readonly role: 'server' | 'client';
  readonly pid: number;
  /** Path of its executable. */
  readonly executable: string;
  /** From the root of the v2 hierarchy; empty: there is none. */
  readonly cgroup: string;
  /** Inode of its folder, as `ringtail.cgroup.id`; 0: there is none. */
  readonly cgroupId: number;
  /** Of a cgroup that looks like one. */
  readonly containerId?: string;
  /** Inode of the network namespace. */
  readonly netns: number;
  readonly types: ByType;
  /** How often it ran which program. */
  readonly programs: Readonly<Record<string, number>>;
};

export type Truth = {
  readonly type: string;
  readonly started: string;
  readonly ended: string;
  /** What ended it: all requests were made, the time was over, or a signal. */
  readonly endedBy: 'requests' | 'duration' | 'signal';
  /** One sentence for each thing that could not be. */
  readonly leftOut: readonly string[];
  /** Where the servers listened: `address:port`. */
  readonly listening: readonly { readonly type: 'http' | 'udp'; readonly address: string; readonly port: number }[];
  readonly clients: ByType;
  readonly servers: ByType;
  /** Clients and servers together, as the sockets of a cgroup count. */
  readonly byCgroup: readonly {
    readonly cgroup: string;
    readonly cgroupId: number;
    readonly containerId?: string;
    readonly types: ByType;
  }[];
  readonly byNetns: readonly { readonly netns: number; readonly types: ByType }[];
  readonly actors: readonly Actor[];
};

export type TruthHead = Pick<Truth, 'type' | 'started' | 'ended' | 'endedBy' | 'leftOut' | 'listening'>;

const typesOf = (actors: readonly Actor[]): ByType => sumOf(actors.map(({ types }) => types));

export const truthOf = (head: TruthHead, actors: readonly Actor[]): Truth => ({
  ...head,
  clients: typesOf(actors.filter(({ role }) => role === 'client')),
  servers: typesOf(actors.filter(({ role }) => role === 'server')),
  byCgroup: Array.from(Map.groupBy(actors, ({ cgroup }) => cgroup).values(), (group) => {
    const { cgroup, cgroupId, containerId } = group[0]!;
    return { cgroup, cgroupId, ...(containerId === undefined ? {} : { containerId }), types: typesOf(group) };
  }),
  byNetns: Array.from(
    Map.groupBy(actors, ({ netns }) => netns),
    ([netns, group]) => ({ netns, types: typesOf(group) }),
  ),
  actors,
});
