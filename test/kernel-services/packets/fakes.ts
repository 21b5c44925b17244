/** An addon that has interfaces, XDP programs and filters as a test says. */
import type { Addon, NativeFilter, NativeHook, NativeLink, Sums } from '../../../src/kernel/addon.ts';
import type { PacketPrograms } from '../../../src/kernel/packets/programs.ts';

export const linkOf = (index: number, name: string, more: Partial<NativeLink> = {}): NativeLink => ({
  index, name, type: 1, kind: 'veth', driver: '', mtu: 1500, up: true, gone: false, ...more,
}); // prettier-ignore

export const refusal = (code: string): Error => Object.assign(new Error(`refused: ${code}`), { code, errno: 1, log: '' });

/** `change` tells of changes as the kernel would; `links` is what a list says. */
export const fakeInterfaces = (initial: readonly NativeLink[]) => {
  let tell: ((changes: readonly NativeLink[] | null) => void) | undefined;
  const state = { links: initial, lists: 0, open: 0 };
  class LinkWatch {
    constructor(onChange: (changes: readonly NativeLink[] | null) => void) {
      tell = onChange;
      state.open++;
    }
    close(): void {
      tell = undefined;
      state.open--;
    }
  }
  const addon = {
    LinkWatch,
    links: async () => {
      state.lists++;
      return state.links;
    },
  } satisfies Pick<Addon, 'LinkWatch' | 'links'>;
  return { addon, state, change: (...changes: readonly NativeLink[]) => tell?.(changes), lose: () => tell?.(null) };
};

export type FakePrograms = PacketPrograms & {
  readonly hooks: Map<number, NativeHook & { readonly raw: boolean }>;
  readonly places: Map<number, readonly [ifindex: number, slot: number]>;
  /** Adds to a slot, `at` counts families and transports. */
  count(slot: number, at: number, packets: number, bytes: number): void;
  /** What stands in the map of those without a slot. */
  others: Map<string, readonly [packets: number, bytes: number]>;
};

const sumsOf = (keyBytes: number, words: number, entries: readonly (readonly [key: Uint8Array, sums: readonly number[]])[]): Sums => ({
  count: entries.length,
  keyBytes,
  keys: Buffer.concat(entries.map(([key]) => key)),
  words,
  sums: Float64Array.from(entries.flatMap(([, sums]) => sums)),
  missed: 0,
});

export const keyOf = (ifindex: number, family: number, transport: number): Buffer => {
  const key = Buffer.alloc(8);
  key.writeUInt32LE(ifindex, 0);
  key[4] = family;
  key[5] = transport;
  return key;
};

const WORDS = 24;

/** `refuse` says with which code a way to attach is refused. */
export const fakePrograms = (slots: number, refuse: (hook: NativeHook) => string | undefined = () => undefined): FakePrograms => {
  const values = new Float64Array(slots * WORDS);
  const hooks: FakePrograms['hooks'] = new Map();
  const places: FakePrograms['places'] = new Map();
  const others: FakePrograms['others'] = new Map();
  let next = 1;
  const read = (keys: readonly string[]): Sums => sumsOf(8, 2, keys.flatMap((key) => (others.has(key) ? [[Buffer.from(key, 'hex'), others.get(key)!] as const] : []))); // prettier-ignore
  return {
    slots, hooks, places, others,
    count(slot, at, packets, bytes) {
      values[slot * WORDS + at * 2]! += packets;
      values[slot * WORDS + at * 2 + 1]! += bytes;
    },
    async attach(ifindex, kind, raw, filter) {
      const hook = { ifindex, kind, ...filter };
      const code = refuse(hook);
      if (code !== undefined) throw refusal(code);
      hooks.set(next, { ...hook, raw });
      return next++;
    },
    detach: async (hook) => void hooks.delete(hook),
    putPlace: (at, ifindex, slot) => void places.set(at, [ifindex, slot]),
    readSlots: async () => sumsOf(4, WORDS, Array.from({ length: slots }, (_, slot) => [Buffer.from(Uint32Array.of(slot).buffer), [...values.subarray(slot * WORDS, (slot + 1) * WORDS)]])), // prettier-ignore
    readCounts: async () => read([...others.keys()]),
    async takeCounts(keys) {
      const wanted = Array.from({ length: keys.length / 8 }, (_, entry) => Buffer.from(keys.subarray(entry * 8, entry * 8 + 8)).toString('hex'));
      const taken = read(wanted);
      for (const key of wanted) others.delete(key);
      return taken;
    },
    readRest: async () => sumsOf(4, 2, [[Buffer.alloc(4), [7, 700]]]),
    close: async () => hooks.clear(),
  }; // prettier-ignore
};

export const filterOf = (handle: number, name: string, ifindex = 3): NativeFilter => ({ ifindex, handle, priority: 1, id: 9, name });
