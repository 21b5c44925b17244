/** What the kernel has added up of sessions and what is open, by place, in one moment: no session is missing between the two, and none is in both. */
import { mapLayout } from '../layouts.gen.ts';
import type { Reading } from '../sums.ts';
import { type CountMaps, countWord, exclusively, liveWord, restWord, walkOpenSessions, type OpenSessions } from './counts.ts';

const { sessionCountKey: at } = mapLayout;
/** Behind these bytes of a key stands what may change over the life of a session. */
const PLACE_BYTES = at.role;
/** Readings until a place that keeps changing is taken as it is: what ended between two reads of it is then told the next time. */
const MOST_READINGS = 4;

/** The same cgroup, network namespace, transport and family. */
export type SessionPlace = {
  /** 0n: not known. */
  readonly cgroupId: bigint;
  readonly netnsCookie: bigint;
  /** `enum net_transport`; 0: what found no room in the maps. */
  readonly transport: number;
  /** 4 or 6; 0: neither. */
  readonly family: number;
};

/** What only grows for as long as the programs are loaded; bytes are payload of what ended and of what is open. */
export type SessionSums = {
  readonly opened: number;
  readonly failed: number;
  readonly closed: number;
  readonly sent: number;
  readonly received: number;
};

export type PlaceCounts = SessionPlace &
  SessionSums & {
    /** Open now by `enum session_state`, 0: it has none; TIME_WAIT and LISTEN among them. */
    readonly states: ReadonlyMap<number, number>;
  };

export type SettledCounts = {
  /** Another one says that the programs were loaded anew and count from nothing. */
  readonly generation: number;
  /** By a text that is the same for the same place. */
  readonly places: ReadonlyMap<string, PlaceCounts>;
};

type Sums = { opened: number; failed: number; closed: number; sent: number; received: number };
type Open = { sent: number; received: number; readonly states: Map<number, number> };

const REST = '\0'.repeat(PLACE_BYTES);
const NO_SUMS: SessionSums = { opened: 0, failed: 0, closed: 0, sent: 0, received: 0 };
const NOTHING_OPEN: Open = { sent: 0, received: 0, states: new Map() };

const placeText = (keys: Buffer, start: number): string => keys.toString('latin1', start, start + PLACE_BYTES);

const placeOf = (text: string): SessionPlace => {
  const key = Buffer.from(text, 'latin1');
  return {
    cgroupId: key.readBigUInt64LE(at.cgroupId),
    netnsCookie: key.readBigUInt64LE(at.netnsCookie),
    transport: key[at.transport]!,
    family: key[at.family]!,
  };
};

type CountWords = Readonly<Record<keyof Sums, number>>;

const addSums = (all: Map<string, Sums>, place: string, sums: Float64Array, first: number, words: CountWords): void => {
  let mine = all.get(place);
  if (mine === undefined) all.set(place, (mine = { ...NO_SUMS }));
  mine.opened += sums[first + words.opened]!;
  mine.failed += sums[first + words.failed]!;
  mine.closed += sums[first + words.closed]!;
  mine.sent += sums[first + words.sent]!;
  mine.received += sums[first + words.received]!;
};

const readSums = ({ count, keys, keyBytes, sums, words }: Reading): Map<string, Sums> => {
  const all = new Map<string, Sums>();
  for (let entry = 0; entry < count; entry++) addSums(all, placeText(keys, entry * keyBytes), sums, entry * words, countWord);
  return all;
};

/** Of entries of `session_counts`, by the texts of `SettledCounts.places`. */
export const sumsByPlace = (reading: Reading): ReadonlyMap<string, { readonly place: SessionPlace; readonly sums: SessionSums }> =>
  new Map(Array.from(readSums(reading), ([text, sums]) => [text, { place: placeOf(text), sums }]));

const openByPlace = ({ live, rest }: OpenSessions): Map<string, Open> => {
  const all = new Map<string, Open>();
  const add = (place: string, state: number, sums: Float64Array, first: number, words: typeof liveWord): void => {
    let mine = all.get(place);
    if (mine === undefined) all.set(place, (mine = { sent: 0, received: 0, states: new Map() }));
    mine.sent += sums[first + words.sent]!;
    mine.received += sums[first + words.received]!;
    const open = sums[first + words.open]!;
    if (open > 0) mine.states.set(state, (mine.states.get(state) ?? 0) + open);
  };
  for (let entry = 0; entry < live.count; entry++) {
    const key = entry * live.keyBytes;
    add(placeText(live.keys, key), live.keys[key + at.state]!, live.sums, entry * live.words, liveWord);
  }
  if (rest.count > 0) add(REST, 0, rest.sums, 0, restWord.live);
  return all;
};

type Ended = { readonly generation: number; readonly sums: Map<string, Sums> };

const readEnded = async (maps: CountMaps): Promise<Ended | undefined> => {
  const [ended, rest] = await Promise.all([maps.readSums('session_counts'), maps.readSums('session_rest')]);
  if (ended === undefined || rest === undefined || ended.generation !== rest.generation) return undefined;
  const sums = readSums(ended);
  if (rest.count > 0) addSums(sums, REST, rest.sums, 0, restWord.ended);
  return { generation: ended.generation, sums };
};

const isEqual = (one: SessionSums = NO_SUMS, other: SessionSums = NO_SUMS): boolean =>
  one.opened === other.opened &&
  one.failed === other.failed &&
  one.closed === other.closed &&
  one.sent === other.sent &&
  one.received === other.received;

const joined = (place: string, ended: SessionSums = NO_SUMS, open: Open = NOTHING_OPEN): PlaceCounts => ({
  ...placeOf(place),
  opened: ended.opened,
  failed: ended.failed,
  closed: ended.closed,
  sent: ended.sent + open.sent,
  received: ended.received + open.received,
  states: open.states,
});

const readAll = async (maps: CountMaps): Promise<SettledCounts | undefined> => {
  const places = new Map<string, PlaceCounts>();
  const unsettled = new Set<string>();
  let before = await readEnded(maps);
  for (let reading = 1; before !== undefined; reading++) {
    const walked = await walkOpenSessions(maps);
    const after = await readEnded(maps);
    if (walked === undefined || after === undefined) return undefined;
    if (after.generation !== before.generation || walked.live.generation !== before.generation) return undefined;
    const open = openByPlace(walked);
    const isLast = reading === MOST_READINGS;
    const candidates: Iterable<string> = reading === 1 ? new Set([...after.sums.keys(), ...open.keys()]) : [...unsettled];
    unsettled.clear();
    for (const place of candidates) {
      const ended = before.sums.get(place);
      if (isLast || isEqual(ended, after.sums.get(place))) places.set(place, joined(place, ended, open.get(place)));
      else unsettled.add(place);
    }
    if (unsettled.size === 0) return { generation: before.generation, places };
    before = after;
  }
  return undefined;
};

/** Readings that were asked for and have not begun. */
const waiting = new WeakMap<object, Promise<SettledCounts | undefined>>();

/**
 * Undefined while the programs are not loaded, or when others were loaded meanwhile; rejects with a NativeError. A reading serves all who asked before it
 * began.
 */
export const readSettledCounts = (maps: CountMaps): Promise<SettledCounts | undefined> => {
  let reading = waiting.get(maps);
  if (reading === undefined) {
    reading = exclusively(maps, () => {
      waiting.delete(maps);
      return readAll(maps);
    });
    waiting.set(maps, reading);
  }
  return reading;
};
