/** What was counted, as if all of it stood in one map: interfaces with a slot of their own, and those that found none. */
import type { Sums } from '../addon.ts';
import { mapLayout, packetTransport } from '../layouts.gen.ts';
import { nextGeneration, type Reading } from '../sums.ts';
import type { Links } from './links.ts';
import type { PacketPrograms } from './programs.ts';

const { packetKey, packetSlot, packetCount } = mapLayout;
/** PACKET_PLACES of bpf/packets.h. */
const PLACES = 4096;
const WORDS = packetCount.size / 8;
const WORDS_OF_SLOT = packetSlot.size / 8;
const KEYS_OF_SLOT = WORDS_OF_SLOT / WORDS;
const TRANSPORTS = Object.keys(packetTransport).length;

export type PacketCounts = {
  /** Finds a slot for an interface that is counted from now on. */
  place(ifindex: number): void;
  read(): Promise<Reading>;
  take(keys: Uint8Array): Promise<Reading>;
  rest(): Promise<Reading>;
};

type Entry = { readonly key: Uint8Array; readonly sums: readonly number[] };

const keyOf = (ifindex: number, at: number): Uint8Array => {
  const key = Buffer.alloc(packetKey.size);
  key.writeUInt32LE(ifindex, packetKey.ifindex);
  key[packetKey.family] = Math.floor(at / TRANSPORTS);
  key[packetKey.transport] = at % TRANSPORTS;
  return key;
};

const ifindexOf = (keys: Buffer, entry: number): number => keys.readUInt32LE(entry * packetKey.size + packetKey.ifindex);

const entriesOf = ({ count, keys, words, sums }: Sums): readonly Entry[] =>
  Array.from({ length: count }, (_, entry) => ({
    key: keys.subarray(entry * packetKey.size, (entry + 1) * packetKey.size),
    sums: Array.from(sums.subarray(entry * words, (entry + 1) * words)),
  }));

export const createPacketCounts = (programs: PacketPrograms, links: Pick<Links, 'nameOf' | 'isGone' | 'forget'>): PacketCounts => {
  const generation = nextGeneration();
  const slotOf = new Map<number, number>();
  const free = Array.from({ length: programs.slots }, (_, slot) => programs.slots - 1 - slot);
  /** What of each slot is no longer told: it was taken, or is of the interface that had the slot before. */
  const taken = new Float64Array(programs.slots * WORDS_OF_SLOT);

  const readingOf = (entries: readonly Entry[], missed: number): Reading => ({
    count: entries.length,
    keyBytes: packetKey.size,
    keys: Buffer.concat(entries.map(({ key }) => key)),
    words: WORDS,
    sums: Float64Array.from(entries.flatMap(({ sums }) => sums)),
    missed,
    generation,
  });

  const slotEntry = (all: Sums, ifindex: number, slot: number, at: number): Entry => {
    const first = slot * WORDS_OF_SLOT + at * WORDS;
    return { key: keyOf(ifindex, at), sums: Array.from({ length: WORDS }, (_, word) => all.sums[first + word]! - taken[first + word]!) };
  };

  /** Of a slot, those that counted something. */
  const slotEntries = (all: Sums, ifindex: number, slot: number): readonly Entry[] =>
    Array.from({ length: KEYS_OF_SLOT }, (_, at) => slotEntry(all, ifindex, slot, at)).filter(({ sums }) => sums[0]! > 0);

  /** One that is gone and has nothing left to be told, or whose name nobody knows any more, gives its slot to others. */
  const giveBack = (all: Sums): void => {
    for (const [ifindex, slot] of slotOf) {
      const isKnown = links.nameOf(ifindex) !== undefined;
      if (isKnown && (!links.isGone(ifindex) || slotEntries(all, ifindex, slot).length > 0)) continue;
      const first = slot * WORDS_OF_SLOT;
      taken.set(all.sums.subarray(first, first + WORDS_OF_SLOT), first);
      slotOf.delete(ifindex);
      free.push(slot);
      programs.putPlace(ifindex % PLACES, 0, 0);
      links.forget(ifindex);
    }
  };

  /** Keys are numbers of slots in the order of the array. */
  const readSlots = async (): Promise<Sums> => {
    const all = await programs.readSlots();
    giveBack(all);
    return all;
  };

  return {
    place(ifindex) {
      const isTaken = [...slotOf.keys()].some((other) => other % PLACES === ifindex % PLACES);
      if (isTaken || free.length === 0) return;
      const slot = free.pop()!;
      programs.putPlace(ifindex % PLACES, ifindex, slot);
      slotOf.set(ifindex, slot);
    },
    async read() {
      const [slots, others] = await Promise.all([readSlots(), programs.readCounts()]);
      const ofSlots = Array.from(slotOf, ([ifindex, slot]) => slotEntries(slots, ifindex, slot)).flat();
      // packets of an interface that left are counted by what it is called where it went, for the moment until the program is off
      const known = entriesOf(others).filter((_, entry) => links.nameOf(ifindexOf(others.keys, entry)) !== undefined);
      return readingOf([...ofSlots, ...known], others.missed);
    },
    async take(keys) {
      const [slots, others] = await Promise.all([programs.readSlots(), programs.takeCounts(keys)]);
      const ofSlots: Entry[] = [];
      const wanted = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
      for (let entry = 0; entry < wanted.length / packetKey.size; entry++) {
        const slot = slotOf.get(ifindexOf(wanted, entry));
        if (slot === undefined) continue;
        const key = wanted.subarray(entry * packetKey.size);
        const at = key[packetKey.family]! * TRANSPORTS + key[packetKey.transport]!;
        if (at >= KEYS_OF_SLOT) continue;
        const found = slotEntry(slots, ifindexOf(wanted, entry), slot, at);
        if (found.sums[0]! > 0) ofSlots.push(found);
        const first = slot * WORDS_OF_SLOT + at * WORDS;
        taken.set(slots.sums.subarray(first, first + WORDS), first);
      }
      giveBack(slots);
      return readingOf([...ofSlots, ...entriesOf(others)], others.missed);
    },
    rest: async () => ({ ...(await programs.readRest()), generation }),
  };
};
