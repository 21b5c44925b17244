/**
 * Who owns a connection: the kernel's map, then what is remembered, then procfs. An answer is true for a time, not for a connection: addresses and ports
 * that another process has taken over a millisecond later never bring the former owner.
 */
import { messageOf } from '../../core/errors.ts';
import type { Counters } from '../../core/counters.ts';
import type { EntryMatch, MapEntries, NativeError } from '../addon.ts';
import { sessionFlag, sessionKnownBy, sessionState } from '../layouts.gen.ts';
import { BYTES_PER_ENTRY, createLookupCache, tupleKey, type LookupTuple } from './lookup-cache.ts';
import { createLookupCounters } from './lookup-counters.ts';
import { createPauses } from './lookup-pauses.ts';
import { createSharedScan } from './lookup-scan.ts';
import type { SessionProtocol } from './needs.ts';
import type { OpenSocket } from './open-socket.ts';
import { answers, entryMatches, sameAddress, type SocketQuestion } from './question.ts';
import { decodeSessions, type SessionEntry } from './session-entries.ts';

export type SocketAnswer = {
  readonly socket: OpenSocket;
  readonly pid: number;
  /** Of the process, boot time; procfs rounds it down to 10 ms. undefined: it went while it was looked at. */
  readonly startNs: bigint | undefined;
  readonly knownBy: 'event' | 'iterator' | 'procfs';
  readonly source: 'map' | 'cache' | 'procfs';
  /** What it ran when procfs was read. */
  readonly executable?: string | undefined;
};

export type SocketLookup = {
  /**
   * Everybody who answers, best source first; empty when nobody does. `atNs` (boot time): only who is known to have had it at that moment. Never rejects.
   */
  find(question: SocketQuestion, atNs?: bigint): Promise<readonly SocketAnswer[]>;
  /** Of one connection at one moment, from memory alone. What is not known is asked for, for the next time. */
  peek(tuple: LookupTuple, atNs: bigint): SocketAnswer | undefined;
  close(): void;
};

/** Only sockets that these processes hold; only of this protocol. */
export type ReadProcfsOptions = { readonly pids?: readonly number[]; readonly protocol?: SessionProtocol | undefined };

export type SocketLookupOptions = {
  /** Entries of the maps that match; undefined while the programs are not loaded. Throws a NativeError. */
  readonly readMaps: (map: 'sessions' | 'flows', match: readonly EntryMatch[]) => MapEntries | undefined;
  /** All open sockets, or those that these processes hold. */
  readonly readProcfs: (options: ReadProcfsOptions) => Promise<readonly OpenSocket[]>;
  /** Path of what a process runs, when it still is the one that began then. */
  readonly readExecutable?: (pid: number, startNs: bigint) => Promise<string | undefined>;
  /** Boot time, ns; must not be ahead, and at most `CLOCK_STEP_NS` behind. */
  readonly nowNs: () => bigint;
  readonly nowMs?: () => number;
  readonly counters: Counters;
  readonly capacity?: number;
};

/** As procfs tells the time. */
export const CLOCK_STEP_NS = 10_000_000n;
/** The maps are read for `peek` at most this often: with 65,536 sessions that takes some milliseconds. */
const SNAPSHOT_MS = 100;
/** Connections that are asked for at one time on behalf of `peek`. */
const MOST_ASKED = 64;
/** Owners whose executable is read for one question. */
const MOST_EXECUTABLES = 16;

type Snapshot = { readonly atNs: bigint; readonly byTuple: ReadonlyMap<string, SessionEntry> };

const knownByOf = ({ knownBy }: SessionEntry): SocketAnswer['knownBy'] =>
  knownBy === sessionKnownBy.byIterator ? 'iterator' : knownBy === sessionKnownBy.byProcfs ? 'procfs' : 'event';

const isOpen = ({ flags, state, protocol }: SessionEntry): boolean =>
  (flags & sessionFlag.isClosed) === 0 && (protocol !== 'tcp' || state !== sessionState.tcpClosed);

const ofEntry = (entry: SessionEntry): SocketAnswer | undefined =>
  entry.owner && { socket: entry, pid: entry.owner.pid, startNs: entry.owner.startNs, knownBy: knownByOf(entry), source: 'map' };

const ofProcfs = (socket: OpenSocket): SocketAnswer | undefined => {
  const [first] = socket.holders;
  return first && { socket, pid: first.pid, startNs: first.startNs, knownBy: 'procfs', source: 'procfs' };
};

const isTuple = ({ peer, peerPort }: OpenSocket): boolean => peer.length > 0 && peerPort > 0;

/** One connection, when the question is about exactly one. */
const tupleOf = ({ protocol, local, peer }: SocketQuestion): LookupTuple | undefined =>
  protocol !== undefined && local?.address && peer?.address && local.port !== undefined && peer.port !== undefined
    ? { protocol, local: local.address, localPort: local.port, peer: peer.address, peerPort: peer.port }
    : undefined;

const questionOf = ({ protocol, local, localPort, peer, peerPort }: LookupTuple): SocketQuestion => ({
  protocol: protocol === 'packet' ? undefined : protocol,
  local: { address: local, port: localPort },
  peer: { address: peer, port: peerPort },
});

const endKey = (end: SocketQuestion['local']): string =>
  end === undefined ? '' : `${Buffer.from(end.address ?? []).toString('hex')}:${end.port ?? ''}`;
const questionKey = ({ protocol, local, peer, either, pid }: SocketQuestion): string =>
  `${protocol ?? ''} ${endKey(local)} ${endKey(peer)} ${either?.map(endKey).join(',') ?? ''} ${pid ?? ''}`;

export const createSocketLookup = (options: SocketLookupOptions): SocketLookup => {
  const { readMaps, readProcfs, readExecutable, nowNs, nowMs = () => performance.now(), counters, capacity } = options;
  const cache = createLookupCache<SocketAnswer>({ ...(capacity === undefined ? {} : { capacity }), onEvict: () => tell.evicted() });
  const tell = createLookupCounters(counters, nowMs, { entries: () => cache.size, bytes: () => cache.size * BYTES_PER_ENTRY });
  const pauses = createPauses(nowMs);
  const scan = createSharedScan(() => readProcfs({}));
  const asking = new Map<string, Promise<unknown>>();
  let snapshot: Snapshot | undefined;
  let nextSnapshotMs = 0;

  /** Entries of both maps; undefined: there are none. */
  const entriesOf = (match: readonly EntryMatch[]): readonly SessionEntry[] | undefined => {
    const sessions = readMaps('sessions', match);
    if (sessions === undefined) return undefined;
    const flows = readMaps('flows', match);
    return [...decodeSessions(sessions), ...(flows === undefined ? [] : decodeSessions(flows))].filter(isOpen);
  };

  const byMap = (question: SocketQuestion): readonly SessionEntry[] => {
    const end = tell.begin('map');
    try {
      const entries = entriesOf(entryMatches(question));
      if (entries === undefined) return [];
      const found = entries.filter((entry) => answers(question, entry));
      tell.count('map', found.some(({ owner }) => owner !== undefined) ? 'found' : 'missing', question);
      return found;
    } catch (error) {
      tell.count('map', 'failed', question, (error as NativeError).code ?? messageOf(error));
      return [];
    } finally {
      end();
    }
  };

  const procfsFailed = (question: SocketQuestion, error: unknown): readonly OpenSocket[] => {
    tell.count('procfs', 'failed', question, (error as NodeJS.ErrnoException).code ?? 'error');
    return [];
  };

  /** Whether what is remembered is still so: the same socket, held by the same process. Tables and the descriptors of one process are read. */
  const stillTrue = async (key: string, tuple: LookupTuple): Promise<SocketAnswer | undefined> => {
    const held = cache.at(key, undefined);
    if (held === undefined) return undefined;
    const { pid, startNs } = held.answer;
    const beganNs = nowNs();
    const sockets = await readProcfs({ pids: [pid], protocol: questionOf(tuple).protocol }).catch(() => []);
    const now = sockets.find((socket) => answers(questionOf(tuple), socket));
    const isSame =
      now !== undefined &&
      `inode ${now.inode}` === held.identity &&
      now.holders.some((holder) => holder.pid === pid && holder.startNs === startNs);
    if (!isSame) {
      cache.drop(key);
      return undefined;
    }
    cache.put(key, { ...held, untilNs: beganNs });
    return { ...held.answer, source: 'cache' };
  };

  const byCache = async (question: SocketQuestion, atNs: bigint | undefined): Promise<SocketAnswer | undefined> => {
    const tuple = tupleOf(question);
    if (tuple === undefined) return undefined;
    const end = tell.begin('cache');
    const key = tupleKey(tuple);
    const held = atNs === undefined ? undefined : cache.at(key, atNs);
    const answer: SocketAnswer | undefined = held === undefined ? await stillTrue(key, tuple) : { ...held.answer, source: 'cache' };
    const isTrue = answer !== undefined && (atNs === undefined || cache.at(key, atNs) !== undefined);
    tell.count('cache', isTrue ? 'found' : 'missing', question);
    end();
    return isTrue ? answer : undefined;
  };

  const withExecutables = (found: readonly SocketAnswer[]): Promise<readonly SocketAnswer[]> =>
    Promise.all(
      found.map(async (answer, index) => {
        const { pid, startNs } = answer;
        const isRead = readExecutable !== undefined && startNs !== undefined && index < MOST_EXECUTABLES;
        return isRead ? { ...answer, executable: await readExecutable(pid, startNs).catch(() => undefined) } : answer;
      }),
    );

  /** `entry`: the one of the map that has no owner; it stays the same socket when the map has it before and after. */
  const byProcfs = async (
    question: SocketQuestion,
    entry: SessionEntry | undefined,
    atNs: bigint | undefined,
  ): Promise<readonly SocketAnswer[]> => {
    const end = tell.begin('procfs');
    const beforeNs = nowNs();
    const sockets = await scan.next().catch((error: unknown) => procfsFailed(question, error));
    const afterNs = nowNs() + CLOCK_STEP_NS;
    end();
    const found = sockets.filter((socket) => answers(question, socket));
    const known = await withExecutables(found.map(ofProcfs).filter((answer) => answer !== undefined));
    for (const answer of known)
      if (isTuple(answer.socket))
        cache.put(tupleKey(answer.socket), { identity: `inode ${answer.socket.inode}`, answer, sinceNs: afterNs, untilNs: beforeNs });
    tell.count('procfs', known.length > 0 ? 'found' : 'missing', question);
    if (atNs === undefined) return known;
    // The moment lies before the look: only who has had it since then, as the map says.
    const isSame =
      entry !== undefined &&
      (entry.beganNs ?? beforeNs) <= atNs &&
      byMap(question).some(({ sk, cookie }) => sk === entry.sk && cookie === entry.cookie);
    if (!isSame) return [];
    for (const answer of known)
      cache.put(tupleKey(answer.socket), {
        identity: `inode ${answer.socket.inode}`,
        answer,
        sinceNs: entry.beganNs ?? beforeNs,
        untilNs: beforeNs,
      });
    return known;
  };

  const find = async (question: SocketQuestion, atNs?: bigint): Promise<readonly SocketAnswer[]> => {
    const entries = byMap(question);
    const owned = entries
      .filter(({ beganNs }) => atNs === undefined || beganNs === undefined || beganNs <= atNs)
      .map(ofEntry)
      .filter((answer) => answer !== undefined);
    if (owned.length > 0) return owned;
    const remembered = await byCache(question, atNs);
    if (remembered !== undefined) return [remembered];
    const key = questionKey(question);
    if (pauses.isPausing(key)) return [];
    const found = await byProcfs(question, entries[0], atNs);
    if (found.length > 0) pauses.found(key);
    else pauses.missed(key);
    return found;
  };

  /** What the maps have now, by connection; kept for as long as only moments before it are asked for. */
  const snapshotFor = (atNs: bigint): Snapshot | undefined => {
    if ((snapshot !== undefined && atNs <= snapshot.atNs) || nowMs() < nextSnapshotMs) return snapshot;
    nextSnapshotMs = nowMs() + SNAPSHOT_MS;
    const takenNs = nowNs();
    try {
      const entries = entriesOf([]);
      snapshot = entries && { atNs: takenNs, byTuple: new Map(entries.filter(isTuple).map((entry) => [tupleKey(entry), entry])) };
    } catch {
      snapshot = undefined;
    }
    return snapshot;
  };

  const askLater = (key: string, tuple: LookupTuple, atNs: bigint): void => {
    if (asking.has(key) || asking.size >= MOST_ASKED || pauses.isPausing(key)) return;
    asking.set(
      key,
      find(questionOf(tuple), atNs).finally(() => asking.delete(key)),
    );
  };

  return {
    find,
    peek(tuple, atNs) {
      const key = tupleKey(tuple);
      const question = questionOf(tuple);
      const held = cache.at(key, atNs);
      tell.count('cache', held === undefined ? 'missing' : 'found', question);
      if (held !== undefined) return { ...held.answer, source: 'cache' };
      const entry = snapshotFor(atNs)?.byTuple.get(key);
      // It is in the map, and began before that moment: so it was the same one then.
      const isThen = entry?.beganNs !== undefined && entry.beganNs <= atNs && atNs <= snapshot!.atNs;
      const answer = entry !== undefined && isThen && sameAddress(entry.local, tuple.local) ? ofEntry(entry) : undefined;
      if (answer === undefined) askLater(key, tuple, atNs);
      return answer;
    },
    close: () => tell.close(),
  };
};
