/** The maps of sessions, as the addon gives them, out of plain values. */
import type { MapEntries } from '../../../src/kernel/addon.ts';
import { mapLayout, netTransport, sessionRole } from '../../../src/kernel/layouts.gen.ts';
import { type CountMap, DURATION_BUCKETS, type LiveWalk } from '../../../src/kernel/sockets/counts.ts';
import type { Reading } from '../../../src/kernel/sums.ts';
import { readingOf } from '../../support/sums.ts';

const CPUS = 2;

export type KeyInput = {
  readonly cgroup?: number;
  readonly netns?: number;
  readonly transport?: keyof typeof netTransport;
  readonly family?: 0 | 4 | 6;
  readonly role?: keyof typeof sessionRole;
  readonly state?: number;
  readonly error?: number;
};
export type SumsInput = {
  readonly opened?: number;
  readonly failed?: number;
  readonly closed?: number;
  readonly sent?: number;
  readonly received?: number;
  /** Bucket, and ns, of each that ended. */
  readonly ended?: readonly (readonly [bucket: number, ns: number])[];
};
export type LiveInput = { readonly open?: number; readonly sent?: number; readonly received?: number };

const keyOf = ({ cgroup = 7, netns = 1, transport = 'tcp', family = 4, role = 'client', state = 0, error = 0 }: KeyInput): Buffer => {
  const at = mapLayout.sessionCountKey;
  const key = Buffer.alloc(at.size);
  key.writeBigUInt64LE(BigInt(cgroup), at.cgroupId);
  key.writeBigUInt64LE(BigInt(netns), at.netnsCookie);
  key[at.transport] = netTransport[transport];
  key[at.family] = family;
  key[at.role] = sessionRole[role];
  key[at.state] = state;
  key.writeUInt16LE(error, at.error);
  return key;
};

/** The first CPU has half of what opened; the last one all the rest. */
const sumsOf = ({ opened = 0, failed = 0, closed = 0, sent = 0, received = 0, ended = [] }: SumsInput, cpus: number): Buffer => {
  const at = mapLayout.sessionCount;
  const value = Buffer.alloc(at.size * cpus);
  const last = at.size * (cpus - 1);
  const half = cpus === 1 ? 0 : Math.floor(opened / 2);
  const add = (place: number, by: number): void => void value.writeBigUInt64LE(value.readBigUInt64LE(place) + BigInt(by), place);
  add(at.opened, half);
  add(last + at.opened, opened - half);
  add(last + at.failed, failed);
  add(last + at.closed, closed);
  add(last + at.sent, sent);
  add(last + at.received, received);
  for (const [bucket, ns] of ended) {
    if (bucket >= DURATION_BUCKETS) throw new Error('no such bucket');
    add(last + at.ended, 1);
    add(last + at.durationNs, ns);
    add(last + at.durations + 8 * bucket, 1);
  }
  return value;
};

const liveOf = ({ open = 0, sent = 0, received = 0 }: LiveInput): Buffer => {
  const at = mapLayout.sessionLive;
  const value = Buffer.alloc(at.size);
  value.writeBigUInt64LE(BigInt(open), at.open);
  value.writeBigUInt64LE(BigInt(sent), at.sent);
  value.writeBigUInt64LE(BigInt(received), at.received);
  return value;
};

const entriesOf = (keys: readonly Buffer[], values: readonly Buffer[], keyBytes: number, valueBytes: number): MapEntries => ({
  count: keys.length,
  keyBytes,
  valueBytes,
  keys: Buffer.concat(keys),
  values: Buffer.concat(values),
});

/** A kernel side: what ended, what is open, what found no room. The walks copy what is open. */
export const createSessionMaps = () => {
  const now = {
    isLoaded: true,
    /** Of the programs, which count from nothing when they are loaded anew. */
    generation: 1,
    canWalk: true,
    /** By procfs, because the kernel has no iterator of TCP. */
    timeWait: undefined as number | undefined,
    ended: [] as readonly (KeyInput & SumsInput)[],
    live: [] as readonly (KeyInput & LiveInput)[],
    rest: {} as SumsInput,
    restLive: {} as LiveInput,
    /** Called between the reading of what ended and the walks. */
    beforeWalk: undefined as (() => void) | undefined,
  };
  let walked: readonly (KeyInput & LiveInput)[] = [];
  const walks: string[] = [];
  const valueBytes: Readonly<Record<CountMap, number>> = {
    session_counts: mapLayout.sessionCount.size,
    session_live: mapLayout.sessionLive.size,
    session_rest: mapLayout.sessionRest.size,
  };
  const read = (map: string): MapEntries | undefined => {
    if (!now.isLoaded) return undefined;
    if (map === 'session_counts') {
      const { size } = mapLayout.sessionCount;
      return entriesOf(now.ended.map(keyOf), now.ended.map((one) => sumsOf(one, CPUS)), mapLayout.sessionCountKey.size, size * CPUS);
    }
    if (map === 'session_live')
      return entriesOf(walked.map(keyOf), walked.map(liveOf), mapLayout.sessionCountKey.size, mapLayout.sessionLive.size);
    const rest = Buffer.alloc(mapLayout.sessionRest.size);
    sumsOf(now.rest, 1).copy(rest, mapLayout.sessionRest.ended);
    liveOf(now.restLive).copy(rest, mapLayout.sessionRest.live);
    rest.writeBigUInt64LE(BigInt(walked.length), mapLayout.sessionRest.sessions);
    return entriesOf([Buffer.alloc(4)], [rest], 4, mapLayout.sessionRest.size);
  };
  /** Keys that were taken out, and what they had. */
  const taken: (KeyInput & SumsInput)[] = [];
  return {
    now,
    walks,
    taken,
    maps: {
      read,
      async readSums(map: CountMap): Promise<Reading | undefined> {
        const entries = read(map);
        return entries && readingOf(entries, valueBytes[map], now.generation);
      },
      async takeSums(_map: 'session_counts', keys: Uint8Array): Promise<Reading | undefined> {
        const wanted = new Set<string>();
        for (let at = 0; at < keys.length; at += mapLayout.sessionCountKey.size)
          wanted.add(Buffer.from(keys.subarray(at, at + mapLayout.sessionCountKey.size)).toString('hex'));
        const [out, left] = [true, false].map((isOut) => now.ended.filter((one) => wanted.has(keyOf(one).toString('hex')) === isOut));
        now.ended = left!;
        taken.push(...out!);
        const { size } = mapLayout.sessionCount;
        const entries = entriesOf(out!.map(keyOf), out!.map((one) => sumsOf(one, 1)), mapLayout.sessionCountKey.size, size);
        return readingOf(entries, size, now.generation);
      },
      async walk(program: LiveWalk): Promise<boolean> {
        walks.push(program);
        if (!now.canWalk) return false;
        if (program === 'on_clear_live') {
          now.beforeWalk?.();
          walked = [];
        }
        if (program === 'on_live_sessions') walked = now.live;
        return true;
      },
      async walkNamespaces(program: string): Promise<boolean> {
        walks.push(program);
        return now.timeWait === undefined;
      },
      timeWait: async () => now.timeWait,
    },
  };
}; // prettier-ignore
