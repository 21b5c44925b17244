/** Tells what was lost since the last look: what did not fit into the ring, what a limit kept out, what the kernel skipped. */
import type { Hub } from './hub.ts';
import type { EventLabels, KernelCounters } from './kernel-counters.ts';

/** The programs of one object. */
export type LossSource = {
  readonly labels: EventLabels;
  readonly counts: KernelCounters;
  /** Runs that the kernel skipped since the object was loaded, by program. */
  skipped(): Readonly<Record<string, number>>;
  /** What a program writes; undefined: nothing that would be missed. */
  kindOf(program: string): number | undefined;
};

const reasons = [
  ['lost', 'ring_full'],
  ['limited', 'rate_limited'],
] as const;

/** Adds what is more than before to `more`, and remembers it. */
const take = <K>(before: Map<K, number>, key: K, now: number, more: (count: number) => void): void => {
  const last = before.get(key) ?? 0;
  // less than before: the program was loaded anew
  if (now > last) more(now - last);
  before.set(key, now);
};

/** Returns a function that looks. */
export const createLossWatch = (
  sources: readonly LossSource[],
  hub: Pick<Hub, 'tellLoss'>,
  nowMs: () => number = Date.now,
): (() => void) => {
  const before = sources.map(() => ({
    lost: new Map<number, number>(),
    limited: new Map<number, number>(),
    skipped: new Map<string, number>(),
  }));
  let windowStartMs = nowMs();
  return () => {
    const endMs = nowMs();
    const tell = (reason: (typeof reasons)[number][1] | 'recursion', lostByKind: ReadonlyMap<number, number>) => {
      if (lostByKind.size > 0) hub.tellLoss({ reason, lostByKind, startMs: windowStartMs, endMs });
    };
    for (const [outcome, reason] of reasons) {
      const byKind = new Map<number, number>();
      sources.forEach(({ labels, counts }, index) => {
        for (const kind of labels.keys()) take(before[index]![outcome], kind, counts.of(kind)[outcome], (more) => byKind.set(kind, more));
      });
      tell(reason, byKind);
    }
    const skippedByKind = new Map<number, number>();
    sources.forEach(({ skipped, kindOf }, index) => {
      for (const [program, runs] of Object.entries(skipped()))
        take(before[index]!.skipped, program, runs, (more) => {
          const kind = kindOf(program);
          if (kind !== undefined) skippedByKind.set(kind, (skippedByKind.get(kind) ?? 0) + more);
        });
    });
    tell('recursion', skippedByKind);
    windowStartMs = endMs;
  };
};
