/** Ringtail's own numbers of sessions: by what each part is done, what is open, how full the maps are, and what was out of the ordinary. */
import type { Counters } from '../../core/counters.ts';
import type { MapEntries } from '../addon.ts';
import { mapLayout, netTransport, sessionStat, sessionState } from '../layouts.gen.ts';
import { type CountMaps, liveWord, type OpenSessions, readOpenSessions } from './counts.ts';
import type { SocketHook, SocketsStatus } from './needs.ts';

export type SocketTelemetry = {
  /** After each change of what is asked for. `maxSessions` is the size of the maps of sessions. */
  update(status: SocketsStatus, maxSessions: number | undefined): void;
  /** What was counted stays on the page. */
  close(): void;
};

export type SocketTelemetryOptions = {
  readonly counters: Counters;
  readonly maps: CountMaps & { read(map: 'session_stats'): MapEntries | undefined };
  readonly nowMs?: () => number;
};

/** A page asks for what is open at most this often; what it shows is of the walk before. */
const WALK_EVERY_MS = 100;
/** A reading of a map is good for all the numbers of one page. */
const READING_MS = 20;
const KEY_BYTES = { sessions: 8, flows: mapLayout.flowKey.size } as const;
/** Of a hash: an element beside key and value (kernel/bpf/hashtab.c), and a bucket for each entry that there is room for. */
const ELEMENT_BYTES = 48;
const BUCKET_BYTES = 16;

const transports: ReadonlyMap<number, string> = new Map(Object.entries(netTransport).map(([name, number]) => [number, name]));
const families: ReadonlyMap<number, string> = new Map([[0, 'none'], [4, 'ipv4'], [6, 'ipv6']]); // prettier-ignore
const incidents = Object.entries(sessionStat).filter(([name]) => name !== 'stats');
const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const healthOf = ({ rung, note }: SocketHook): string => (rung === 'none' ? 'missing' : note === '' ? 'best' : 'degraded');
const powerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(size));

const { sessionCountKey } = mapLayout;

/** By the names of transport and family. What is in TIME_WAIT is no session any more. */
const countOpen = ({ live: { count, keys, keyBytes, words, sums } }: OpenSessions): ReadonlyMap<string, number> => {
  const open = new Map<string, number>();
  for (let entry = 0; entry < count; entry++) {
    const at = entry * keyBytes;
    if (keys[at + sessionCountKey.state] === sessionState.tcpTimeWait) continue;
    const transport = transports.get(keys[at + sessionCountKey.transport]!) ?? 'other';
    const key = `${transport} ${families.get(keys[at + sessionCountKey.family]!) ?? 'none'}`;
    open.set(key, (open.get(key) ?? 0) + sums[entry * words + liveWord.open]!);
  }
  return open;
};

const sumOf = (values: Buffer, start: number, end: number): number => {
  let sum = 0n;
  for (let at = start; at < end; at += 8) sum += values.readBigUInt64LE(at);
  return Number(sum);
};

/** Nothing when the programs are just being given back. */
const ifThere = <T>(read: () => T | undefined): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

export const createSocketTelemetry = ({ counters, maps, nowMs = () => performance.now() }: SocketTelemetryOptions): SocketTelemetry => {
  const removals = new Set<() => void>();
  const hookRemovals: (() => void)[] = [];
  let isLoaded = false;
  let room: number | undefined;
  let open: OpenSessions | undefined;
  /** Sessions that are open, by transport and family. */
  let openBy: ReadonlyMap<string, number> = new Map();
  /** Entries of the map of counts. */
  let counted = 0;
  let walkedAtMs = -Infinity;
  let isWalking = false;
  const shown = new Set<string>();

  const gauge = (name: string, labels: Record<string, string>, read: () => number): void => {
    const id = JSON.stringify([name, labels]);
    if (shown.has(id)) return;
    shown.add(id);
    removals.add(counters.gauge(name, labels, read));
  };

  const showMap = (map: 'sessions' | 'flows'): void => {
    const entries = (): number => open?.entries?.[map] ?? 0;
    gauge('ringtail_session_entries', { map }, entries);
    if (room === undefined) return;
    gauge('ringtail_session_capacity', { map }, () => room ?? 0);
    gauge(
      'ringtail_session_bytes',
      { map },
      () => entries() * (KEY_BYTES[map] + mapLayout.session.size + ELEMENT_BYTES) + powerOfTwo(room ?? 1) * BUCKET_BYTES,
    );
  };

  const show = (): void => {
    if (open?.entries === undefined) return;
    showMap('sessions');
    showMap('flows');
    for (const key of openBy.keys()) {
      const [transport = '', family = ''] = key.split(' ');
      gauge('ringtail_session_open', { transport, family }, () => openBy.get(key) ?? 0);
    }
    gauge('ringtail_session_entries', { map: 'session_counts' }, () => counted);
  };

  /** Walks take milliseconds: a page shows what the last one found, and has the next one made. */
  const walk = (): void => {
    if (!isLoaded || isWalking || nowMs() - walkedAtMs < WALK_EVERY_MS) return;
    isWalking = true;
    walkedAtMs = nowMs();
    void (async () => {
      try {
        open = (await readOpenSessions(maps)) ?? open;
        openBy = open === undefined ? new Map() : countOpen(open);
        counted = (await maps.readSums('session_counts'))?.count ?? counted;
        if (isLoaded) show();
      } catch {
        // the next page tries again
      }
      isWalking = false;
    })();
  };

  let stats: readonly number[] = incidents.map(() => 0);
  let before = stats;
  let readAtMs = -Infinity;
  const readStats = (): void => {
    if (nowMs() - readAtMs < READING_MS) return;
    readAtMs = nowMs();
    const entries = isLoaded ? ifThere(() => maps.read('session_stats')) : undefined;
    if (entries === undefined) return;
    const { values, valueBytes } = entries;
    const next = incidents.map(([, at]) => sumOf(values, at * valueBytes, (at + 1) * valueBytes));
    // programs that were loaded anew count from nothing
    if (next.some((value, index) => value < stats[index]!)) before = before.map((value, index) => value + stats[index]!);
    stats = next;
  };
  let hasStats = false;
  const showStats = (): void => {
    if (hasStats) return;
    hasStats = true;
    for (const [index, [name]] of incidents.entries()) {
      const read = (): number => {
        readStats();
        return before[index]! + stats[index]!;
      };
      removals.add(counters.observed('ringtail_session_incidents', { incident: snake(name) }, read));
    }
  };

  const clearHooks = (): void => {
    for (const remove of hookRemovals.splice(0)) remove();
  };

  return {
    update({ rung, hooks }, maxSessions) {
      clearHooks();
      isLoaded = rung === 'ebpf';
      room = maxSessions;
      if (!isLoaded) [open, openBy] = [undefined, new Map()];
      if (rung !== 'none') hookRemovals.push(counters.gauge('ringtail_receiver_rung', { receiver: 'sockets', rung }, () => 1));
      for (const hook of hooks) {
        const labels = { receiver: 'sockets', hook: hook.hook, rung: hook.rung, health: healthOf(hook) };
        const read = (): number => {
          walk();
          return 1;
        };
        hookRemovals.push(counters.gauge('ringtail_hook', labels, read));
      }
      if (isLoaded) showStats();
      walk();
    },
    close() {
      clearHooks();
      readStats();
      isLoaded = false;
      for (const remove of removals) remove();
      removals.clear();
    },
  };
};
