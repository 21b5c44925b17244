/** What the kernel has added up of sessions, summed over CPUs, and what is open now. */
import type { MapEntries } from '../addon.ts';
import { mapLayout, netTransport, sessionDuration, sessionState } from '../layouts.gen.ts';

/** Upper bounds of the buckets of durations, in ms, ascending; behind the last one is a bucket more. */
export const durationBoundsMs: readonly number[] = Object.values(sessionDuration).toSorted((a, b) => a - b);
export const DURATION_BUCKETS = durationBoundsMs.length + 1;

export type SessionKey = {
  readonly cgroupId: bigint;
  /** 0: not known. */
  readonly netnsCookie: bigint;
  /** `enum net_transport`. */
  readonly transport: number;
  /** 0: neither. */
  readonly family: 0 | 4 | 6;
  /** `enum session_role`. */
  readonly role: number;
  /** `enum session_state`: of what is open the state now, of what failed the last one; else 0. */
  readonly state: number;
  /** errno; 0: none. */
  readonly error: number;
};

/** Only ever grow for as long as the programs are loaded. Bytes are payload, of what ended. */
export type SessionSums = {
  readonly opened: bigint;
  readonly failed: bigint;
  /** That had a start; `durationNs` and `durations` are theirs. */
  readonly ended: bigint;
  readonly sent: bigint;
  readonly received: bigint;
  readonly durationNs: bigint;
  readonly durations: readonly bigint[];
};

/** Bytes are payload, of what has not ended. */
export type SessionsOpen = { readonly open: bigint; readonly sent: bigint; readonly received: bigint };

export type SessionCounts = {
  readonly ended: readonly (SessionKey & SessionSums)[];
  readonly live: readonly (SessionKey & SessionsOpen)[];
  /** What found no room in the maps; all of it together. */
  readonly rest: { readonly ended: SessionSums; readonly live: SessionsOpen };
};

/** As one run of the walks found it. */
export type OpenSessions = Pick<SessionCounts, 'live'> & {
  readonly rest: SessionsOpen;
  /** Entries of the maps, sockets of UDP and listeners among them; undefined: they could not be walked. */
  readonly entries: { readonly sessions: number; readonly flows: number } | undefined;
};

export type CountMaps = {
  /** Undefined while the programs are not loaded. */
  read(map: 'session_counts' | 'session_live' | 'session_rest'): MapEntries | undefined;
  /** Runs an iterator over the map that it is about, to its end; false: it cannot be had. */
  walk(program: LiveWalk): Promise<boolean>;
  /** Runs an iterator in every network namespace that a process is in; false: it cannot be had. */
  walkNamespaces(program: 'on_time_wait'): Promise<boolean>;
  /** Connections in TIME_WAIT of all network namespaces, as procfs tells them; undefined: it does not. */
  timeWait(): Promise<number | undefined>;
};

export type LiveWalk = 'on_clear_live' | 'on_live_sessions' | 'on_live_flows';

const { sessionCountKey, sessionCount, sessionLive, sessionRest } = mapLayout;

const keyAt = (keys: Buffer, at: number): SessionKey => ({
  cgroupId: keys.readBigUInt64LE(at + sessionCountKey.cgroupId),
  netnsCookie: keys.readBigUInt64LE(at + sessionCountKey.netnsCookie),
  transport: keys[at + sessionCountKey.transport]!,
  family: keys[at + sessionCountKey.family] as SessionKey['family'],
  role: keys[at + sessionCountKey.role]!,
  state: keys[at + sessionCountKey.state]!,
  error: keys.readUInt16LE(at + sessionCountKey.error),
});

/** Sum over the values of all CPUs, one behind the other. */
const sumsAt = (values: Buffer, start: number, end: number): SessionSums => {
  const durations = Array.from({ length: DURATION_BUCKETS }, () => 0n);
  let [opened, failed, ended, sent, received, durationNs] = [0n, 0n, 0n, 0n, 0n, 0n];
  for (let at = start; at + sessionCount.size <= end; at += sessionCount.size) {
    opened += values.readBigUInt64LE(at + sessionCount.opened);
    failed += values.readBigUInt64LE(at + sessionCount.failed);
    ended += values.readBigUInt64LE(at + sessionCount.ended);
    sent += values.readBigUInt64LE(at + sessionCount.sent);
    received += values.readBigUInt64LE(at + sessionCount.received);
    durationNs += values.readBigUInt64LE(at + sessionCount.durationNs);
    for (let bucket = 0; bucket < DURATION_BUCKETS; bucket++)
      durations[bucket]! += values.readBigUInt64LE(at + sessionCount.durations + 8 * bucket);
  }
  return { opened, failed, ended, sent, received, durationNs, durations };
};

const openAt = (values: Buffer, at: number): SessionsOpen => ({
  open: values.readBigUInt64LE(at + sessionLive.open),
  sent: values.readBigUInt64LE(at + sessionLive.sent),
  received: values.readBigUInt64LE(at + sessionLive.received),
});

const rowsOf = <T>({ count, keyBytes, valueBytes, keys, values }: MapEntries, read: (values: Buffer, start: number, end: number) => T) =>
  Array.from({ length: count }, (_, entry) => ({
    ...keyAt(keys, entry * keyBytes),
    ...read(values, entry * valueBytes, (entry + 1) * valueBytes),
  }));

const NOTHING_OPEN: SessionsOpen = { open: 0n, sent: 0n, received: 0n };
/** Of every family and namespace. */
const timeWaitKey: SessionKey = {
  cgroupId: 0n,
  netnsCookie: 0n,
  transport: netTransport.tcp,
  family: 0,
  role: 0,
  state: sessionState.tcpTimeWait,
  error: 0,
};

const walkAll = async (maps: CountMaps): Promise<OpenSessions | undefined> => {
  const isWalked = await maps.walk('on_clear_live');
  if (isWalked) {
    await maps.walk('on_live_sessions');
    await maps.walk('on_live_flows');
  }
  const timeWait = (await maps.walkNamespaces('on_time_wait')) ? undefined : await maps.timeWait();
  const open = maps.read('session_live');
  const rest = maps.read('session_rest');
  if (open === undefined || rest === undefined) return undefined;
  const live = isWalked ? rowsOf(open, openAt) : [];
  return {
    live: timeWait === undefined ? live : [...live, { ...timeWaitKey, ...NOTHING_OPEN, open: BigInt(timeWait) }],
    rest: isWalked ? openAt(rest.values, sessionRest.live) : NOTHING_OPEN,
    entries: isWalked
      ? {
          sessions: Number(rest.values.readBigUInt64LE(sessionRest.sessions)),
          flows: Number(rest.values.readBigUInt64LE(sessionRest.flows)),
        }
      : undefined,
  };
};

/** The walks of one kernel side write into one map: they go one after the other. */
const lastWalk = new WeakMap<object, Promise<unknown>>();

/** What is open now. Undefined while the programs are not loaded; rejects with a NativeError. */
export const readOpenSessions = (maps: CountMaps): Promise<OpenSessions | undefined> => {
  const walked = (lastWalk.get(maps) ?? Promise.resolve()).then(() => walkAll(maps));
  lastWalk.set(
    maps,
    walked.catch(() => {}),
  );
  return walked;
};

/**
 * Reads what ended, at once, and then what is open: a session that ends meanwhile is in neither, and never in both. Undefined while the programs are not
 * loaded; rejects with a NativeError.
 */
export const readSessionCounts = async (maps: CountMaps): Promise<SessionCounts | undefined> => {
  const counts = maps.read('session_counts');
  const rest = maps.read('session_rest');
  if (counts === undefined || rest === undefined) return undefined;
  const ended = rowsOf(counts, sumsAt);
  const endedRest = sumsAt(rest.values, sessionRest.ended, sessionRest.ended + sessionCount.size);
  const open = await readOpenSessions(maps);
  return open === undefined ? undefined : { ended, live: open.live, rest: { ended: endedRest, live: open.rest } };
};
