/**
 * Since when calls are counted, and from which values on: the maps of the kernel outlive the pipelines that read them. Kept for each kernel side, so that
 * a receiver which replaces another one in a reload goes on where that one was.
 */
import { type CallCount, type CallCounts, readCallCounts } from '../../kernel/calls/counts.ts';
import type { CallMaps } from '../../kernel/services.ts';

export type Counted = Pick<CallCount, 'calls' | 'bytes'>;

/** A series since the counting of its call began. */
export type CountedSeries = CallCount & {
  readonly key: string;
  /** Unix time, ns. */
  readonly startNs: bigint;
  /** What the map had no room for; then `name` and `errno` say nothing. */
  readonly isOverflow: boolean;
};

/** What a receiver told last, for deltas. */
export type Told = { atNs: bigint; values: Map<string, Counted> };

export type Counting = {
  /** Undefined while the programs are not loaded. */
  read(): readonly CountedSeries[] | undefined;
  /** The same object for each instance of a receiver, for as long as one of them counts. */
  readonly told: Told;
  end(): void;
};

type Began = { users: number; readonly startNs: bigint; readonly base: ReadonlyMap<string, Counted> };
type Shared = { readonly calls: Map<number, Began>; readonly told: Map<string, Told & { users: number }> };

const NOTHING: Counted = { calls: 0n, bytes: 0n };
const overflowKey = (call: number): string => `overflow ${call}`;

/** Every count by its key. */
const entriesOf = ({ series, overflow }: CallCounts): readonly (readonly [string, CallCount, isOverflow: boolean])[] => [
  ...Array.from(series, ([key, count]) => [key, count, false] as const),
  ...Array.from(overflow, ([call, count]) => [overflowKey(call), count, true] as const),
];

const shared = new WeakMap<object, Shared>();

/** From now on these calls, by `enum call_id`, are counted for a receiver of this id. `nowNs` is Unix time. */
export const beginCounting = (maps: CallMaps, receiver: string, calls: ReadonlySet<number>, nowNs: () => bigint): Counting => {
  const state: Shared = shared.get(maps) ?? { calls: new Map(), told: new Map() };
  shared.set(maps, state);
  // what was counted for somebody before
  const present = [...calls].every((call) => state.calls.has(call)) ? undefined : readCallCounts(maps);
  const startNs = nowNs();
  for (const call of calls) {
    let began = state.calls.get(call);
    if (began === undefined) {
      const own = present === undefined ? [] : entriesOf(present).filter(([, count]) => count.call === call);
      began = { users: 0, startNs, base: new Map(own.map(([key, count]) => [key, count])) };
      state.calls.set(call, began);
    }
    began.users++;
  }
  const told = state.told.get(receiver) ?? { users: 0, atNs: startNs, values: new Map<string, Counted>() };
  state.told.set(receiver, told);
  told.users++;
  let ended = false;
  return {
    told,
    read() {
      const counts = readCallCounts(maps);
      if (counts === undefined) return undefined;
      return entriesOf(counts).flatMap(([key, count, isOverflow]): CountedSeries[] => {
        const began = calls.has(count.call) ? state.calls.get(count.call) : undefined;
        if (began === undefined) return [];
        const base = began.base.get(key) ?? NOTHING;
        const since = { calls: count.calls - base.calls, bytes: count.bytes - base.bytes };
        return since.calls > 0n ? [{ ...count, ...since, key, startNs: began.startNs, isOverflow }] : [];
      });
    },
    end() {
      if (ended) return;
      ended = true;
      for (const call of calls) if (--state.calls.get(call)!.users === 0) state.calls.delete(call);
      if (--told.users === 0) state.told.delete(receiver);
    },
  };
};
