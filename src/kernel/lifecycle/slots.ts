/**
 * The store of the process table: one slot of 64 bytes (a cache line) for each program that a process ran, an open-addressing index
 * by (pid, start time), and the slots of one process chained from the newest exec id to the oldest. Knows nothing of records.
 */

/** Words of a slot. */
export const WORD = {
  pid: 0,
  startLo: 1,
  startHi: 2,
  execId: 3,
  executable: 4,
  state: 5,
  older: 6,
  newer: 7,
  before: 8,
  after: 9,
  parentPid: 10,
  parentStartLo: 11,
  parentStartHi: 12,
  parentExecId: 13,
  /** Two words: a float64, Unix time of creation in µs. */
  createdUs: 14,
} as const;
export const SLOT_SHIFT = 4;
const DOUBLE_SHIFT = SLOT_SHIFT - 1;
const CREATED_DOUBLE = WORD.createdUs / 2;

/** The pid of a slot that was given up; no process has it. */
const NOBODY = 0xffff_ffff;

/** Bits of `state`; the low two are an index into `attributionSource`. */
export const STATE = { attributionMask: 3, dead: 4, seen: 8, kernelThread: 16 } as const;

export type SlotStoreOptions = {
  /** Most slots, living and dead. */
  readonly capacity: number;
  /** Most dead slots. */
  readonly deadCapacity: number;
  /** Called before a slot is given up. */
  readonly onFree: (slot: number) => void;
  readonly seed: number;
};

export type SlotStore = {
  /** Slot n begins at word n << SLOT_SHIFT. Slot 0 is no process. */
  readonly words: Uint32Array;
  /** ms, by the clock that the caller uses: when a dead slot died, when a living one was read from procfs. */
  readonly atMs: Float64Array;
  /** The newest slot of a process, or 0. */
  newest(pid: number, startLo: number, startHi: number): number;
  /** The slot of exactly this program, or 0. */
  find(pid: number, startLo: number, startHi: number, execId: number): number;
  /**
   * A living slot for a program that `find` does not know; makes room by giving up the oldest dead or else a living one that was not
   * seen for long. A newer program of the same process makes the older ones dead at `nowMs`.
   */
  insert(pid: number, startLo: number, startHi: number, execId: number, nowMs: number): number;
  /** Whether a slot is still the one of this program: it may have been given up and taken again. */
  isOf(slot: number, pid: number, startLo: number, startHi: number, execId: number): boolean;
  /** Marks a slot dead; it stays until it is the oldest dead one and room or time is up. */
  bury(slot: number, nowMs: number): void;
  /** Gives up the dead from before `bornBeforeMs` and those above the dead capacity. */
  expire(diedBeforeMs: number): void;
  /** Gives up one slot; false when there is none. */
  evict(): boolean;
  createdUs(slot: number): number;
  setCreatedUs(slot: number, unixUs: number): void;
  readonly alive: number;
  readonly dead: number;
  readonly inserts: number;
  /** Living slots that were given up for want of room, and dead ones before their time. */
  readonly evictedAlive: number;
  readonly evictedDead: number;
};

/** Whether exec id `a` is later than `b`; the counter is 32 bits wide and wraps. */
export const isLater = (a: number, b: number): boolean => ((a - b) | 0) > 0;

export const createSlotStore = ({ capacity, deadCapacity, onFree, seed }: SlotStoreOptions): SlotStore => {
  // Two slots behind the last are the ends of the two rings: living in the order of insertion, dead in the order of death.
  const living = capacity + 1;
  const buried = capacity + 2;
  const buffer = new ArrayBuffer((capacity + 3) << (SLOT_SHIFT + 2));
  const words = new Uint32Array(buffer);
  const doubles = new Float64Array(buffer);
  const atMs = new Float64Array(capacity + 3);
  // Pairs (slot, hash), at most half full.
  const indexSize = 2 ** Math.ceil(Math.log2(2 * (capacity + 1)));
  const indexMask = indexSize - 1;
  const index = new Uint32Array(indexSize * 2);
  let freeList = 0;
  let unused = 1;
  let alive = 0;
  let dead = 0;
  let inserts = 0;
  let evictedAlive = 0;
  let evictedDead = 0;

  for (const end of [living, buried]) {
    words[(end << SLOT_SHIFT) + WORD.before] = end;
    words[(end << SLOT_SHIFT) + WORD.after] = end;
  }

  const hashOf = (pid: number, startLo: number): number => {
    let hash = Math.imul(pid ^ seed, 0x9e37_79b1) ^ Math.imul(startLo, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
    return (hash ^ (hash >>> 13)) >>> 0;
  };

  /** Position in the index of the entry of a process, or of the free place where it belongs. */
  const place = (pid: number, startLo: number, startHi: number, hash: number): number => {
    let at = hash & indexMask;
    for (;;) {
      const slot = index[at * 2]!;
      if (slot === 0) return at;
      if (index[at * 2 + 1] === hash) {
        const base = slot << SLOT_SHIFT;
        if (words[base + WORD.pid] === pid && words[base + WORD.startLo] === startLo && words[base + WORD.startHi] === startHi) return at;
      }
      at = (at + 1) & indexMask;
    }
  };

  /** Takes an entry out and moves back those that had to step over it. */
  const unplace = (hole: number): void => {
    let at = hole;
    for (;;) {
      at = (at + 1) & indexMask;
      if (index[at * 2] === 0) break;
      const home = index[at * 2 + 1]! & indexMask;
      if (((at - home) & indexMask) >= ((at - hole) & indexMask)) {
        index[hole * 2] = index[at * 2]!;
        index[hole * 2 + 1] = index[at * 2 + 1]!;
        hole = at;
      }
    }
    index[hole * 2] = 0;
  };

  const unlink = (slot: number): void => {
    const base = slot << SLOT_SHIFT;
    const before = words[base + WORD.before]!;
    const after = words[base + WORD.after]!;
    words[(before << SLOT_SHIFT) + WORD.after] = after;
    words[(after << SLOT_SHIFT) + WORD.before] = before;
  };
  const append = (slot: number, end: number): void => {
    const last = words[(end << SLOT_SHIFT) + WORD.before]!;
    words[(slot << SLOT_SHIFT) + WORD.before] = last;
    words[(slot << SLOT_SHIFT) + WORD.after] = end;
    words[(last << SLOT_SHIFT) + WORD.after] = slot;
    words[(end << SLOT_SHIFT) + WORD.before] = slot;
  };

  const newest = (pid: number, startLo: number, startHi: number): number => index[place(pid, startLo, startHi, hashOf(pid, startLo)) * 2]!;

  const find = (pid: number, startLo: number, startHi: number, execId: number): number => {
    let slot = newest(pid, startLo, startHi);
    while (slot !== 0 && words[(slot << SLOT_SHIFT) + WORD.execId] !== execId) slot = words[(slot << SLOT_SHIFT) + WORD.older]!;
    return slot;
  };

  const free = (slot: number): void => {
    onFree(slot);
    const base = slot << SLOT_SHIFT;
    const older = words[base + WORD.older]!;
    const newer = words[base + WORD.newer]!;
    if (older !== 0) words[(older << SLOT_SHIFT) + WORD.newer] = newer;
    if (newer !== 0) words[(newer << SLOT_SHIFT) + WORD.older] = older;
    else {
      const pid = words[base + WORD.pid]!;
      const startLo = words[base + WORD.startLo]!;
      const at = place(pid, startLo, words[base + WORD.startHi]!, hashOf(pid, startLo));
      if (older !== 0) index[at * 2] = older;
      else unplace(at);
    }
    unlink(slot);
    if (words[base + WORD.state]! & STATE.dead) dead--;
    else alive--;
    words[base + WORD.pid] = NOBODY;
    words[base + WORD.after] = freeList;
    freeList = slot;
  };

  /** Second chance: what was seen since the last round goes to the end once. */
  const evictLiving = (): boolean => {
    for (;;) {
      const slot = words[(living << SLOT_SHIFT) + WORD.after]!;
      if (slot === living) return false;
      const state = (slot << SLOT_SHIFT) + WORD.state;
      if ((words[state]! & STATE.seen) === 0) {
        free(slot);
        evictedAlive++;
        return true;
      }
      words[state]! &= ~STATE.seen;
      unlink(slot);
      append(slot, living);
    }
  };

  const evict = (): boolean => {
    const oldestDead = words[(buried << SLOT_SHIFT) + WORD.after]!;
    if (oldestDead === buried) return evictLiving();
    free(oldestDead);
    evictedDead++;
    return true;
  };

  const take = (): number => {
    if (freeList === 0 && unused > capacity) evict();
    if (freeList === 0) return unused++;
    const slot = freeList;
    freeList = words[(slot << SLOT_SHIFT) + WORD.after]!;
    return slot;
  };

  const bury = (slot: number, nowMs: number): void => {
    const state = (slot << SLOT_SHIFT) + WORD.state;
    if (words[state]! & STATE.dead) return;
    words[state]! |= STATE.dead;
    alive--;
    dead++;
    atMs[slot] = nowMs;
    unlink(slot);
    append(slot, buried);
  };

  return {
    words,
    atMs,
    newest,
    find,
    isOf(slot, pid, startLo, startHi, execId) {
      const base = slot << SLOT_SHIFT;
      return (
        words[base + WORD.pid] === pid &&
        words[base + WORD.execId] === execId &&
        words[base + WORD.startLo] === startLo &&
        words[base + WORD.startHi] === startHi
      );
    },
    insert(pid, startLo, startHi, execId, nowMs) {
      const slot = take();
      atMs[slot] = 0;
      const base = slot << SLOT_SHIFT;
      words.fill(0, base, base + (1 << SLOT_SHIFT));
      words[base + WORD.pid] = pid;
      words[base + WORD.startLo] = startLo;
      words[base + WORD.startHi] = startHi;
      words[base + WORD.execId] = execId;
      words[base + WORD.state] = STATE.seen;
      alive++;
      inserts++;
      append(slot, living);
      const hash = hashOf(pid, startLo);
      const at = place(pid, startLo, startHi, hash);
      let older = index[at * 2]!;
      let newer = 0;
      while (older !== 0 && isLater(words[(older << SLOT_SHIFT) + WORD.execId]!, execId)) {
        newer = older;
        older = words[(older << SLOT_SHIFT) + WORD.older]!;
      }
      words[base + WORD.older] = older;
      words[base + WORD.newer] = newer;
      if (older !== 0) {
        words[(older << SLOT_SHIFT) + WORD.newer] = slot;
        bury(older, nowMs);
      }
      if (newer === 0) {
        index[at * 2] = slot;
        index[at * 2 + 1] = hash;
      } else {
        words[(newer << SLOT_SHIFT) + WORD.older] = slot;
        bury(slot, nowMs);
      }
      return slot;
    },
    bury,
    expire(diedBeforeMs) {
      for (;;) {
        const slot = words[(buried << SLOT_SHIFT) + WORD.after]!;
        if (slot === buried) return;
        const inTime = atMs[slot]! >= diedBeforeMs;
        if (inTime && dead <= deadCapacity) return;
        if (inTime) evictedDead++;
        free(slot);
      }
    },
    evict,
    createdUs: (slot) => doubles[(slot << DOUBLE_SHIFT) + CREATED_DOUBLE]!,
    setCreatedUs(slot, unixUs) {
      doubles[(slot << DOUBLE_SHIFT) + CREATED_DOUBLE] = unixUs;
    },
    get alive() {
      return alive;
    },
    get dead() {
      return dead;
    },
    get inserts() {
      return inserts;
    },
    get evictedAlive() {
      return evictedAlive;
    },
    get evictedDead() {
      return evictedDead;
    },
  };
};
