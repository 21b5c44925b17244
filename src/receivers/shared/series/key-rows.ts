/**
 * Keys to rows: an open-addressing hash over words of 32 bits. Rows are small numbers that index the columns of whoever owns them; a row that was dropped is
 * handed out again. Nothing is allocated for a key but when the tables grow.
 */

/** Words of a key that tell, under their masks. */
export type Picks = { readonly words: Uint32Array; readonly masks: Uint32Array };

export type KeyRows = {
  /** The row of a key whose first word is at `at`; -1: there is none. */
  find(keys: Uint32Array, at: number, picks: Picks, variant: number): number;
  /** The same; a key that is new gets a row, which is told as `~row`. */
  enter(keys: Uint32Array, at: number, picks: Picks, variant: number): number;
  /** A row that no key leads to. */
  alloc(): number;
  drop(row: number): void;
  /** Every row is below it. */
  readonly end: number;
  readonly size: number;
};

const FIRST_ROWS = 64;
/** Slots are at least twice as many as rows, so that a search ends soon. */
const SLOTS_PER_ROW = 2;
const GONE = -1;

/** What `ranges` of the bytes of a key tell, as words. */
export const picksOf = (ranges: readonly (readonly [from: number, to: number])[], keyBytes: number): Picks => {
  const masks = new Uint32Array(keyBytes / 4);
  const bytes = new Uint8Array(masks.buffer);
  for (const [from, to] of ranges) bytes.fill(0xff, from, to);
  const words = Uint32Array.from([...masks.keys()].filter((word) => masks[word] !== 0));
  return { words, masks: words.map((word) => masks[word]!) };
};

/** The bytes of keys as words; a copy when they do not lie as words do. */
export const wordsOf = (keys: Buffer): Uint32Array =>
  keys.byteOffset % 4 === 0
    ? new Uint32Array(keys.buffer, keys.byteOffset, keys.byteLength >> 2)
    : new Uint32Array(new Uint8Array(keys).buffer, 0, keys.byteLength >> 2);

/** `width` is the number of words that the picks of its keys have, at most. */
export const createKeyRows = (width: number): KeyRows => {
  const stride = width + 1;
  // names are among the keys: nobody shall know which of them meet in one slot
  const seed = (Math.random() * 0xffff_ffff) >>> 0;
  let stored = new Uint32Array(FIRST_ROWS * stride);
  let hashes = new Uint32Array(FIRST_ROWS);
  /** 1: a key leads to it. */
  let keyed = new Uint8Array(FIRST_ROWS);
  let slots = new Int32Array(FIRST_ROWS * SLOTS_PER_ROW);
  let mask = slots.length - 1;
  /** Slots that hold a row or did since they were laid out. */
  let used = 0;
  let end = 0;
  let size = 0;
  const free: number[] = [];

  const hashOf = (keys: Uint32Array, at: number, { words, masks }: Picks, variant: number): number => {
    let hash = Math.imul(seed ^ variant, 0x9e37_79b1);
    for (let i = 0; i < words.length; i++) {
      hash = Math.imul(hash ^ (keys[at + words[i]!]! & masks[i]!), 0x85eb_ca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2_ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  };

  const isKey = (row: number, keys: Uint32Array, at: number, { words, masks }: Picks, variant: number): boolean => {
    const from = row * stride;
    if (stored[from] !== variant) return false;
    for (let i = 0; i < words.length; i++) if (stored[from + 1 + i] !== (keys[at + words[i]!]! & masks[i]!) >>> 0) return false;
    return true;
  };

  const put = (row: number): void => {
    let slot = hashes[row]! & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = row + 1;
  };

  const layOut = (): void => {
    let room = FIRST_ROWS * SLOTS_PER_ROW;
    while (room < (size + 1) * SLOTS_PER_ROW * 2) room *= 2;
    slots = new Int32Array(room);
    mask = room - 1;
    used = size;
    for (let row = 0; row < end; row++) if (keyed[row] === 1) put(row);
  };

  const search = (hash: number, keys: Uint32Array, at: number, picks: Picks, variant: number): number => {
    for (let slot = hash & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = slots[slot]! - 1;
      if (slots[slot] !== GONE && hashes[row] === hash && isKey(row, keys, at, picks, variant)) return row;
    }
    return -1;
  };

  const alloc = (): number => {
    const row = free.pop() ?? end++;
    if (row >= hashes.length) {
      const longer = <T extends Uint32Array | Uint8Array>(column: T, next: T): T => {
        next.set(column);
        return next;
      };
      const room = hashes.length * 2;
      stored = longer(stored, new Uint32Array(room * stride));
      hashes = longer(hashes, new Uint32Array(room));
      keyed = longer(keyed, new Uint8Array(room));
    }
    return row;
  };

  return {
    find: (keys, at, picks, variant) => search(hashOf(keys, at, picks, variant), keys, at, picks, variant),
    enter(keys, at, picks, variant) {
      const hash = hashOf(keys, at, picks, variant);
      const found = search(hash, keys, at, picks, variant);
      if (found >= 0) return found;
      if ((used + 1) * SLOTS_PER_ROW > slots.length) layOut();
      const row = alloc();
      const from = row * stride;
      stored[from] = variant;
      for (let i = 0; i < picks.words.length; i++) stored[from + 1 + i] = keys[at + picks.words[i]!]! & picks.masks[i]!;
      hashes[row] = hash;
      keyed[row] = 1;
      put(row);
      used++;
      size++;
      return ~row;
    },
    alloc,
    drop(row) {
      free.push(row);
      if (keyed[row] === 0) return;
      keyed[row] = 0;
      size--;
      let slot = hashes[row]! & mask;
      while (slots[slot] !== row + 1) slot = (slot + 1) & mask;
      slots[slot] = GONE;
    },
    get end() {
      return end;
    },
    get size() {
      return size;
    },
  };
};
