/** What the kernel has added up of sessions, summed over CPUs, and what is open now. */
import { mapLayout, netTransport, sessionDuration, sessionState } from '../layouts.gen.ts';
import type { Reading } from '../sums.ts';

/** Upper bounds of the buckets of durations, in ms, ascending; behind the last one is a bucket more. */
export const durationBoundsMs: readonly number[] = Object.values(sessionDuration).toSorted((a, b) => a - b);
export const DURATION_BUCKETS = durationBoundsMs.length + 1;

export type CountMap = 'session_counts' | 'session_live' | 'session_rest';

export type CountMaps = {
  /** Undefined while the programs are not loaded. Rejects with a NativeError. */
  readSums(map: CountMap): Promise<Reading | undefined>;
  /** The same of these keys, which are taken out; never while `exclusively` is at work. */
  takeSums(map: 'session_counts', keys: Uint8Array): Promise<Reading | undefined>;
  /** Runs an iterator over the map that it is about, to its end; false: it cannot be had. */
  walk(program: LiveWalk): Promise<boolean>;
  /** Runs an iterator in every network namespace that a process is in; false: it cannot be had. */
  walkNamespaces(program: 'on_time_wait'): Promise<boolean>;
  /** Connections in TIME_WAIT of all network namespaces, as procfs tells them; undefined: it does not. */
  timeWait(): Promise<number | undefined>;
};

export type LiveWalk = 'on_clear_live' | 'on_live_sessions' | 'on_live_flows';

/** Keys are `struct session_count_key`. */
export type OpenSessions = {
  /** Of what has not ended: how many, and payload bytes; see `liveWord`. */
  readonly live: Reading;
  /** What found no room in the maps, in one entry: of what ended, and of what is open; see `restWord`. */
  readonly rest: Reading;
  /** Entries of the maps, sockets of UDP and listeners among them; undefined: they could not be walked. */
  readonly entries: { readonly sessions: number; readonly flows: number } | undefined;
};

export type SessionCounts = Pick<OpenSessions, 'live' | 'rest'> & {
  /** Only ever grow for as long as the programs are loaded; see `countWord`. Bytes are payload, of what ended. */
  readonly ended: Reading;
};

const { sessionCountKey, sessionCount, sessionLive, sessionRest } = mapLayout;

const wordOf = (offset: number): number => offset / 8;
const countWords = (at: number) => ({
  opened: wordOf(at + sessionCount.opened),
  failed: wordOf(at + sessionCount.failed),
  /** That had a start; the duration and the buckets are theirs. */
  ended: wordOf(at + sessionCount.ended),
  /** Whether they had a start or not. */
  closed: wordOf(at + sessionCount.closed),
  sent: wordOf(at + sessionCount.sent),
  received: wordOf(at + sessionCount.received),
  durationNs: wordOf(at + sessionCount.durationNs),
  durations: Array.from({ length: DURATION_BUCKETS }, (_, bucket) => wordOf(at + sessionCount.durations) + bucket),
});
const liveWords = (at: number) => ({
  open: wordOf(at + sessionLive.open),
  sent: wordOf(at + sessionLive.sent),
  received: wordOf(at + sessionLive.received),
});

/** Which word of an entry is what. */
export const countWord = countWords(0);
export const liveWord = liveWords(0);
export const restWord = { ended: countWords(sessionRest.ended), live: liveWords(sessionRest.live) };
const entryWord = { sessions: wordOf(sessionRest.sessions), flows: wordOf(sessionRest.flows) };

const LIVE_WORDS = sessionLive.size / 8;

/** Of every family and namespace. */
const withTimeWait = (live: Reading, timeWait: number): Reading => {
  const key = Buffer.alloc(sessionCountKey.size);
  key[sessionCountKey.transport] = netTransport.tcp;
  key[sessionCountKey.state] = sessionState.tcpTimeWait;
  const sums = new Float64Array((live.count + 1) * LIVE_WORDS);
  sums.set(live.sums);
  sums[live.count * LIVE_WORDS + liveWord.open] = timeWait;
  return { ...live, count: live.count + 1, keys: Buffer.concat([live.keys, key]), sums };
};

const emptied = (reading: Reading): Reading => ({ ...reading, count: 0, keys: Buffer.alloc(0), sums: new Float64Array(0) });

const withoutLive = (rest: Reading): Reading => {
  const sums = Float64Array.from(rest.sums);
  for (const word of Object.values(restWord.live)) sums[word] = 0;
  return { ...rest, sums };
};

/** Nobody knows any more who began what is in TIME_WAIT. */
const forgetRoles = ({ count, keys, keyBytes }: Reading): void => {
  for (let at = 0; at < count * keyBytes; at += keyBytes)
    if (keys[at + sessionCountKey.state] === sessionState.tcpTimeWait) keys[at + sessionCountKey.role] = 0;
};

/** What is open now, for who works `exclusively`. */
export const walkOpenSessions = async (maps: CountMaps): Promise<OpenSessions | undefined> => {
  const isWalked = await maps.walk('on_clear_live');
  if (isWalked) {
    await maps.walk('on_live_sessions');
    await maps.walk('on_live_flows');
  }
  const timeWait = (await maps.walkNamespaces('on_time_wait')) ? undefined : await maps.timeWait();
  const [open, rest] = await Promise.all([maps.readSums('session_live'), maps.readSums('session_rest')]);
  if (open === undefined || rest === undefined || open.generation !== rest.generation) return undefined;
  const live = isWalked ? open : emptied(open);
  forgetRoles(live);
  return {
    live: timeWait === undefined ? live : withTimeWait(live, timeWait),
    rest: isWalked ? rest : withoutLive(rest),
    entries: isWalked ? { sessions: rest.sums[entryWord.sessions]!, flows: rest.sums[entryWord.flows]! } : undefined,
  };
};

const lastWork = new WeakMap<object, Promise<unknown>>();

/** The walks of one kernel side write into one map, and what is taken out is missing in what is read: such work goes one behind the other. */
export const exclusively = <T>(maps: object, work: () => Promise<T>): Promise<T> => {
  const mine = (lastWork.get(maps) ?? Promise.resolve()).then(work);
  lastWork.set(
    maps,
    mine.catch(() => {}),
  );
  return mine;
};

/** What is open now. Undefined while the programs are not loaded; rejects with a NativeError. */
export const readOpenSessions = (maps: CountMaps): Promise<OpenSessions | undefined> => exclusively(maps, () => walkOpenSessions(maps));

/**
 * Reads what ended, at once, and then what is open: a session that ends meanwhile is in neither, and never in both. Undefined while the programs are not
 * loaded, or when others were loaded meanwhile; rejects with a NativeError.
 */
export const readSessionCounts = async (maps: CountMaps): Promise<SessionCounts | undefined> => {
  const [ended, before] = await Promise.all([maps.readSums('session_counts'), maps.readSums('session_rest')]);
  if (ended === undefined || before === undefined) return undefined;
  const open = await readOpenSessions(maps);
  if (open === undefined || open.live.generation !== ended.generation) return undefined;
  // of what ended that which was read before the walks
  const sums = Float64Array.from(open.rest.sums);
  for (let word = wordOf(sessionRest.ended); word < wordOf(sessionRest.ended + sessionCount.size); word++) sums[word] = before.sums[word]!;
  return { ended, live: open.live, rest: { ...open.rest, sums } };
};
