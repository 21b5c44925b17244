/** A kernel in miniature: maps of sums with little room, sessions that move between them, and all of it counted once more beside. */
import type { Reading } from '../../../src/kernel/sums.ts';
import type { SeriesDefinition } from '../../../src/receivers/shared/series/types.ts';

export type Key = { readonly cgroup: number; readonly id: number };
type Session = { readonly key: Key; bytes: number };

const KEY_BYTES = 16;
const COUNT_WORDS = 5;
const [BYTES, ENDED, LASTED, SHORT, LONG] = [0, 1, 2, 3, 4] as const;

/** `io` grows by what ended and what is open, `open` goes up and down, `lasted` has two buckets. */
export const definition: SeriesDefinition = {
  keyBytes: KEY_BYTES,
  cgroupAt: 0,
  metrics: [
    {
      name: 'io',
      description: '',
      unit: 'By',
      type: 'counter',
      parts: [
        { reading: 0, tells: [[0, 12]], words: [BYTES] },
        { reading: 1, tells: [[0, 12]], words: [1] },
        { reading: 2, tells: [], words: [BYTES], isRest: true },
        { reading: 2, tells: [], words: [COUNT_WORDS + 1], isRest: true },
      ],
      attributesOf: (keys, at) => [['key', `${keys.readUInt32LE(at)}:${keys.readUInt32LE(at + 8)}`]],
    },
    {
      name: 'open',
      description: '',
      unit: '1',
      type: 'level',
      parts: [
        { reading: 1, tells: [[0, 12]], words: [0] },
        { reading: 2, tells: [], words: [COUNT_WORDS], isRest: true },
      ],
      attributesOf: (keys, at) => [['key', `${keys.readUInt32LE(at)}:${keys.readUInt32LE(at + 8)}`]],
    },
    {
      name: 'lasted',
      description: '',
      unit: 's',
      type: 'histogram',
      bounds: [1],
      // all of a cgroup together
      parts: [
        { reading: 0, tells: [[0, 8]], words: [ENDED, LASTED, SHORT, LONG] },
        { reading: 2, tells: [], words: [ENDED, LASTED, SHORT, LONG], isRest: true },
      ],
      attributesOf: (keys, at) => [['cgroup', keys.readUInt32LE(at)]],
    },
  ],
};

const textOf = ({ cgroup, id }: Key): string => `${cgroup}:${id}`;
const keyOf = ({ cgroup, id }: Key): Buffer => {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeUInt32LE(cgroup, 0);
  key.writeUInt32LE(id, 8);
  return key;
};

const readingOf = (rows: readonly (readonly [key: Buffer, words: readonly number[]])[], words: number, generation: number): Reading => ({
  count: rows.length,
  keyBytes: rows[0]?.[0].length ?? KEY_BYTES,
  keys: Buffer.concat(rows.map(([key]) => key)),
  words,
  sums: Float64Array.from(rows.flatMap(([, values]) => values)),
  missed: 0,
  generation,
});

export const createKernel = (room: number) => {
  let entries = new Map<string, { readonly key: Key; readonly words: number[] }>();
  let rest = Array.from({ length: COUNT_WORDS }, () => 0);
  let generation = 1;
  const sessions = new Set<Session>();
  const gone = new Set<number>();
  const truth = { bytes: 0, ended: 0, lasted: 0 };

  const entryOf = (key: Key): number[] | undefined => {
    const text = textOf(key);
    if (!entries.has(text) && entries.size < room) entries.set(text, { key, words: rest.map(() => 0) });
    return entries.get(text)?.words;
  };

  const readLive = (): readonly [Reading, live: readonly number[]] => {
    const live = new Map<string, { readonly key: Key; readonly words: number[] }>();
    const restLive = [0, 0];
    for (const { key, bytes } of sessions) {
      const place = entryOf(key) === undefined ? undefined : (live.get(textOf(key)) ?? { key, words: [0, 0] });
      if (place !== undefined) live.set(textOf(key), place);
      const words = place?.words ?? restLive;
      words[0]!++;
      words[1]! += bytes;
    }
    return [
      readingOf(
        Array.from(live.values(), ({ key, words }) => [keyOf(key), words] as const),
        2,
        generation,
      ),
      restLive,
    ];
  };

  return {
    truth,
    gone,
    sessions,
    entries: () => entries.size,
    open(key: Key): Session {
      const session = { key, bytes: 0 };
      sessions.add(session);
      return session;
    },
    move(session: Session, bytes: number): void {
      session.bytes += bytes;
      truth.bytes += bytes;
    },
    end(session: Session, lastedNs: number): void {
      sessions.delete(session);
      const words = entryOf(session.key) ?? rest;
      words[BYTES]! += session.bytes;
      words[ENDED]!++;
      words[LASTED]! += lastedNs;
      words[lastedNs > 1e9 ? LONG : SHORT]!++;
      truth.ended++;
      truth.lasted += lastedNs;
    },
    /** The programs are loaded anew: they count from nothing, also of what is open. */
    reload(): void {
      entries = new Map();
      rest = rest.map(() => 0);
      generation++;
      for (const session of sessions) session.bytes = 0;
    },
    /** What ended is read first; `between` happens before what is open is. */
    read(between = (): void => {}): readonly Reading[] {
      const ended = readingOf(
        Array.from(entries.values(), ({ key, words }) => [keyOf(key), [...words]] as const),
        COUNT_WORDS,
        generation,
      );
      const restEnded = [...rest];
      between();
      const [live, restLive] = readLive();
      return [ended, live, readingOf([[Buffer.alloc(4), [...restEnded, ...restLive]]], COUNT_WORDS + 2, generation)];
    },
    take(keys: Uint8Array): Reading {
      const taken: [Buffer, number[]][] = [];
      for (let at = 0; at < keys.length; at += KEY_BYTES) {
        const key = Buffer.from(keys.subarray(at, at + KEY_BYTES));
        const text = textOf({ cgroup: key.readUInt32LE(0), id: key.readUInt32LE(8) });
        const entry = entries.get(text);
        if (entry === undefined) continue;
        entries.delete(text);
        taken.push([key, entry.words]);
      }
      return readingOf(taken, COUNT_WORDS, generation);
    },
  };
};
