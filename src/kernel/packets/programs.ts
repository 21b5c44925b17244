/** The object that counts packets, with a session of its own: it needs no ring and no other program. */
import { buildPath, type Addon, type NativeSession, type Sums } from '../addon.ts';
import { hasFrags, hasTcx, type PacketFacts } from './facts.ts';
import type { HookMode } from './ladder.ts';

export type PacketPrograms = {
  /** Rejects with a NativeError; undefined when it was closed meanwhile. `filter`: of clsact. */
  attach(
    ifindex: number,
    mode: HookMode,
    raw: boolean,
    filter?: { readonly handle: number; readonly priority: number },
  ): Promise<number | undefined>;
  detach(hook: number): Promise<void>;
  readonly slots: number;
  /** `struct packet_place`. */
  putPlace(at: number, ifindex: number, slot: number): void;
  readSlots(): Promise<Sums>;
  readCounts(): Promise<Sums>;
  takeCounts(keys: Uint8Array): Promise<Sums>;
  readRest(): Promise<Sums>;
  close(): Promise<void>;
};

export type PacketProgramsOptions = {
  readonly addon: Addon;
  readonly facts: PacketFacts;
  /** Of which each counts one interface fast. */
  readonly slots: number;
};

/** The kernel frees behind a grace period. */
const FREED_WITHIN_MS = 1000;
const FREED_POLL_MS = 5;

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const programOf = (mode: HookMode, raw: boolean, frags: boolean): string => {
  if (mode === 'xdp') return frags ? 'on_xdp_frags' : 'on_xdp';
  // For a program that takes pieces the generic hook copies packets and loses the length of their Ethernet header (6.9 to 6.18 at least), which all of traffic
  // control behind it then does not see.
  if (mode === 'xdp_generic') return 'on_xdp';
  return `on_${mode}${raw ? '_raw' : ''}`;
};

const open = (addon: Addon): NativeSession =>
  new addon.Session(
    // the least that it takes; nothing is read
    { ringBytes: 65_536, frameBytes: 2 << 20, frames: 0, flushMs: 50, maxRows: 1, layouts: { actor: [], events: [] } },
    () => {},
  );

/** Throws a NativeError. */
export const loadPacketPrograms = ({ addon, facts, slots }: PacketProgramsOptions): PacketPrograms => {
  const frags = hasFrags(facts);
  const modes: readonly HookMode[] = ['xdp', 'xdp_generic', ...(hasTcx(facts) ? (['tcx'] as const) : []), 'clsact'];
  const programs = [...new Set(modes.flatMap((mode) => [false, true].map((raw) => programOf(mode, raw, frags))))];
  const session = open(addon);
  const load = (): number => {
    try {
      return session.load({ path: buildPath('bpf/packets.bpf.o'), programs, options: {}, mapEntries: { packet_slots: slots } });
    } catch (error) {
      session.close();
      throw error;
    }
  };
  const object = load();
  return {
    slots,
    attach: (ifindex, mode, raw, filter) => session.attachHook(object, programOf(mode, raw, frags), { kind: mode, ifindex, ...filter }),
    detach: (hook) => session.detachHook(hook),
    putPlace: (at, ifindex, slot) =>
      session.putEntry(
        object,
        'packet_places',
        new Uint8Array(Uint32Array.of(at).buffer),
        new Uint8Array(Uint32Array.of(ifindex, slot).buffer),
      ),
    readSlots: () => session.readSums(object, 'packet_slots'),
    readCounts: () => session.readSums(object, 'packet_counts'),
    takeCounts: (keys) => session.takeSums(object, 'packet_counts', keys),
    readRest: () => session.readSums(object, 'packet_rest'),
    async close() {
      session.close();
      const end = performance.now() + FREED_WITHIN_MS;
      while (session.kernelObjects() > 0 && performance.now() < end) await sleep(FREED_POLL_MS);
    },
  };
};
