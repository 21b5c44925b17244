/**
 * What the kernel counts by the index of an interface, added up by its name: an index may be renamed or used again, and one name may go from one index to
 * another. What was counted before a rename stays with the old name. What an interface counted that is gone is kept here, and leaves the kernel's map.
 */
import { mapLayout } from '../../kernel/layouts.gen.ts';
import type { PacketMaps } from '../../kernel/packets/needs.ts';
import { nextGeneration, type Reading } from '../../kernel/sums.ts';

const { packetKey, packetCount } = mapLayout;

/** What a series is of: number of the name, u64; family and transport. */
export const nameKey = { size: 16, name: 0, family: 8, transport: 9 } as const;
export const packetWord = { packets: packetCount.packets / 8, bytes: packetCount.bytes / 8 } as const;
const WORDS = packetCount.size / 8;

/** Names whose series have not ended, some hundred bytes each; packets of any other one count without a name. */
const MOST_NAMES = 65_536;

export type PacketsByName = {
  /** Counts, whose keys are `nameKey`, and what has no name. Undefined: nothing is loaded. Rejects with a NativeError. */
  read(): Promise<readonly [counts: Reading, rest: Reading] | undefined>;
  /** Counts of these keys, which are then no longer there. */
  take(keys: Uint8Array): Reading;
  /** By its number. */
  nameOf(number: number): string;
  /** Whether no interface has the name of this number any more. */
  isGone(number: number): boolean;
};

type Counted = { readonly words: Float64Array };
type Entry = Counted & { name: number };
type Total = Counted & { readonly key: Buffer; readonly name: number };

const NO_NAME = 0;

export const createPacketsByName = (maps: PacketMaps): PacketsByName => {
  const generation = nextGeneration();
  /** Numbers begin at 1 and are used once. */
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  let lastNumber = NO_NAME;
  /** As the kernel's map had them, by their keys. */
  const entries = new Map<string, Entry>();
  const totals = new Map<string, Total>();
  const rest = new Float64Array(WORDS);
  let kernelRest = new Float64Array(WORDS);
  let kernelGeneration: number | undefined;
  let live = new Set<number>();
  /** Indices that have another name since the last reading, and the one before. */
  const former = new Map<number, string>();
  let last: Promise<unknown> = Promise.resolve();

  const numberOf = (name: string | undefined): number => {
    const known = name === undefined ? NO_NAME : numbers.get(name);
    if (known !== undefined) return known;
    if (numbers.size >= MOST_NAMES) return NO_NAME;
    numbers.set(name!, ++lastNumber);
    names.set(lastNumber, name!);
    return lastNumber;
  };

  const totalOf = (name: number, family: number, transport: number): Counted => {
    if (name === NO_NAME) return { words: rest };
    const key = Buffer.alloc(nameKey.size);
    key.writeBigUInt64LE(BigInt(name), nameKey.name);
    key[nameKey.family] = family;
    key[nameKey.transport] = transport;
    const text = key.toString('latin1');
    let total = totals.get(text);
    if (total === undefined) totals.set(text, (total = { key, name, words: new Float64Array(WORDS) }));
    return total;
  };

  /** Adds what is new of each entry to the total of the name that its interface has. */
  const absorb = ({ count, keyBytes, keys, sums, words }: Reading): void => {
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * keyBytes, (i + 1) * keyBytes);
      const index = key.readUInt32LE(packetKey.ifindex);
      const name = numberOf(former.get(index) ?? maps.nameOf(index));
      const text = key.toString('latin1');
      let entry = entries.get(text);
      if (entry === undefined) entries.set(text, (entry = { name, words: new Float64Array(WORDS) }));
      entry.name = name;
      const total = totalOf(name, key[packetKey.family]!, key[packetKey.transport]!);
      for (let word = 0; word < WORDS; word++) {
        const now = sums[i * words + word]!;
        total.words[word]! += Math.max(0, now - entry.words[word]!);
        entry.words[word] = now;
      }
    }
  };

  const absorbRest = ({ count, sums, words }: Reading): void => {
    for (let word = 0; word < WORDS; word++) {
      let now = 0;
      for (let i = 0; i < count; i++) now += sums[i * words + word]!;
      rest[word]! += Math.max(0, now - kernelRest[word]!);
      kernelRest[word] = now;
    }
  };

  const noteGeneration = (now: number | undefined): void => {
    if (now === kernelGeneration) return;
    kernelGeneration = now;
    entries.clear();
    kernelRest = new Float64Array(WORDS);
  };

  const takeGone = async ({ count, keyBytes, keys }: Reading): Promise<void> => {
    const gone: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * keyBytes, (i + 1) * keyBytes);
      if (maps.isGone(key.readUInt32LE(packetKey.ifindex))) gone.push(key);
    }
    const taken = gone.length === 0 ? undefined : await maps.takeSums(Buffer.concat(gone));
    if (taken === undefined) return;
    absorb(taken);
    for (const key of gone) entries.delete(key.toString('latin1'));
  };

  const look = async (): Promise<boolean> => {
    // what is renamed while this reads had its old name in what is read
    const renamed = [...former.keys()];
    const counts = await maps.readSums();
    noteGeneration(counts?.generation);
    if (counts !== undefined) {
      absorb(counts);
      const without = await maps.readRest();
      if (without !== undefined) absorbRest(without);
      await takeGone(counts);
    }
    for (const index of renamed) former.delete(index);
    live = new Set(Array.from(entries.values(), ({ name }) => name));
    return counts !== undefined;
  };

  const inTurn = (): Promise<boolean> => {
    const looking = last.then(look);
    last = looking.catch(() => {});
    return looking;
  };

  maps.onRename((index, before) => {
    if (former.has(index)) return;
    former.set(index, before);
    inTurn().catch(() => {}); // then the next reading finds it
  });

  const readingOf = (list: readonly Total[]): Reading => {
    const keys = Buffer.concat(list.map(({ key }) => key));
    const sums = Float64Array.from(list.flatMap(({ words }) => [...words]));
    return { count: list.length, keyBytes: nameKey.size, keys, words: WORDS, sums, missed: 0, generation };
  };

  const forgetNames = (numbersGone: ReadonlySet<number>): void => {
    const used = new Set([...live, ...Array.from(totals.values(), ({ name }) => name)]);
    for (const number of numbersGone) {
      if (used.has(number)) continue;
      numbers.delete(names.get(number)!);
      names.delete(number);
    }
  };

  return {
    async read() {
      if (!(await inTurn())) return undefined;
      return [readingOf([...totals.values()]), { count: 1, keyBytes: 4, keys: Buffer.alloc(4), words: WORDS, sums: rest.slice(), missed: 0, generation }]; // prettier-ignore
    },
    take(keys) {
      const taken: Total[] = [];
      for (let at = 0; at < keys.length; at += nameKey.size) {
        const text = Buffer.from(keys.subarray(at, at + nameKey.size)).toString('latin1');
        const total = totals.get(text);
        if (total !== undefined && totals.delete(text)) taken.push(total);
      }
      forgetNames(new Set(taken.map(({ name }) => name)));
      return readingOf(taken);
    },
    nameOf: (number) => names.get(number) ?? '',
    isGone: (number) => !live.has(number),
  };
};
