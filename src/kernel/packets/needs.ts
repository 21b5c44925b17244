/** What receivers ask of the programs of packets. */
import type { Reading } from '../sums.ts';

/** How packets are counted on an interface. `auto`: the cheapest that delays nobody. */
export const packetModes = ['auto', 'xdp', 'xdp_generic', 'tcx', 'clsact'] as const;
export type PacketMode = (typeof packetModes)[number];

export type PacketNeeds = {
  /** Names of interfaces, which may have `*` and `?`; empty: all. */
  readonly interfaces: readonly string[];
  /** The same, of those that are left out. */
  readonly exclude: readonly string[];
  readonly mode: PacketMode;
};

/** One who asks. */
export type PacketsClaim = {
  change(needs: PacketNeeds): void;
  end(): void;
};

/** What became of one interface that somebody asks for. */
export type PacketInterface = {
  readonly index: number;
  readonly name: string;
  /** `none`: its packets are not counted. */
  readonly mode: Exclude<PacketMode, 'auto'> | 'none';
  /** Why not better, or why not at all; one sentence, empty when it is as it was asked for. */
  readonly note: string;
};

export type PacketsStatus = {
  /** `none`: nobody asks, or it cannot be. */
  readonly rung: 'ebpf' | 'none';
  readonly notes: readonly string[];
  readonly interfaces: readonly PacketInterface[];
};

/**
 * Counts of packets. Who asks is served from the next `reconfigure` on; interfaces that come, go, are renamed or leave this network namespace are followed
 * without one.
 */
export type PacketServices = {
  needPackets(needs: PacketNeeds): PacketsClaim;
  packets(): PacketsStatus;
  readonly packetMaps: PacketMaps;
};

export type PacketMaps = {
  /** Entries of `packet_counts`, all CPUs together: keys are `struct packet_key`, values `struct packet_count`. Undefined while nothing is loaded. */
  readSums(): Promise<Reading | undefined>;
  /** Takes entries out, whole. */
  takeSums(keys: Uint8Array): Promise<Reading | undefined>;
  /** What found no room in `packet_counts`: `struct packet_count`, its keys say nothing. */
  readRest(): Promise<Reading | undefined>;
  /** Name that an index of an interface has or had last; undefined: none that was followed. */
  nameOf(index: number): string | undefined;
  /** Calls back before `nameOf` tells of another name, after a rename or when an index is used again. Returns a function that takes it back. */
  onRename(listener: (index: number, before: string) => void): () => void;
  /** Whether the interface is gone from this network namespace. */
  isGone(index: number): boolean;
};
