/**
 * Which receivers count on a kernel side, and what each told: a receiver that replaces another one in a reload goes on where that one was. Readings of one
 * side go one after the other, so that what is taken out of a map of the kernel is in no reading that is still on its way.
 */
import type { Metric } from '../../../core/metric-batch.ts';
import { type Collecting, createSeriesTable, type SeriesTable } from './table.ts';
import type { ClassOf, Reading, SeriesDefinition } from './types.ts';

export type CountingOptions = {
  /** What holds the maps of the kernel: the same object for as long as what is read goes on. */
  readonly side: object;
  readonly receiver: string;
  readonly definition: SeriesDefinition;
  /** Numbers below 256. Those that another instance of the receiver counts already go on. */
  readonly classes: ReadonlySet<number>;
  readonly classOf: ClassOf;
  /** Readings in the order of the definition, of one generation; undefined: the programs are not loaded. */
  readonly read: () => Promise<readonly Reading[] | undefined>;
  /** Takes entries out of the map of the first reading. */
  readonly take?: ((keys: Uint8Array) => Promise<Reading | undefined>) | undefined;
  /** Unix time, ms. */
  readonly nowMs: () => number;
};

export type Counting = {
  /** Reads and gives what is told now; undefined: the programs are not loaded, or nobody wants to know any more. Rejects when the kernel cannot be read. */
  collect(how: Pick<Collecting, 'config' | 'isGone' | 'shows'>, isWanted: () => boolean): Promise<readonly Metric[] | undefined>;
  end(): void;
};

type Receiver = { users: number; readonly table: SeriesTable; readonly classes: Map<number, number>; classOf: ClassOf };
type Side = { readonly receivers: Map<string, Receiver>; last: Promise<unknown> | undefined };

const sides = new WeakMap<object, Map<SeriesDefinition, Side>>();

const sideOf = (key: object, definition: SeriesDefinition): Side => {
  const definitions = sides.get(key) ?? new Map<SeriesDefinition, Side>();
  sides.set(key, definitions);
  const side = definitions.get(definition) ?? { receivers: new Map(), last: undefined };
  definitions.set(definition, side);
  return side;
};

/** At once when nothing is under way. */
const inTurn = <T>(side: Side, work: () => Promise<T>): Promise<T> => {
  const done = side.last === undefined ? work() : side.last.then(work);
  const settled: Promise<unknown> = done
    .catch(() => {})
    .then(() => {
      if (side.last === settled) side.last = undefined;
    });
  side.last = settled;
  return done;
};

const nsOf = (ms: number): bigint => BigInt(Math.trunc(ms * 1000)) * 1000n;

/** From now on these classes are counted for a receiver of this id. */
export const beginCounting = (options: CountingOptions): Counting => {
  const { receiver: id, definition, classes, classOf, read, take, nowMs } = options;
  const side = sideOf(options.side, definition);
  const receiver: Receiver = side.receivers.get(id) ?? { users: 0, table: createSeriesTable(definition), classes: new Map(), classOf };
  side.receivers.set(id, receiver);
  receiver.users++;
  receiver.classOf = classOf;
  const news = new Set([...classes].filter((one) => !receiver.classes.has(one)));
  for (const one of classes) receiver.classes.set(one, (receiver.classes.get(one) ?? 0) + 1);
  const beganMs = nowMs();
  if (news.size > 0) {
    void inTurn(side, async () => {
      // what was counted for somebody before
      const present = await read().catch(() => undefined);
      receiver.table.begin(news, nsOf(beganMs), beganMs, present, classOf);
    });
  }
  let ended = false;

  const takeDead = async (keys: readonly Uint8Array[]): Promise<void> => {
    if (keys.length === 0 || take === undefined) return;
    const taken = await take(Buffer.concat(keys));
    if (taken !== undefined) for (const one of side.receivers.values()) one.table.retire(taken, one.classOf);
  };

  return {
    collect: (how, isWanted) =>
      inTurn(side, async () => {
        const readings = await read();
        if (readings === undefined || !isWanted()) return undefined;
        const now = nowMs();
        const collecting: Collecting = { ...how, nowMs: now, timeNs: nsOf(now), classOf };
        const metrics = receiver.table.collect(readings, collecting);
        // what could not be taken out is there the next time
        await takeDead(receiver.table.dead(readings, collecting)).catch(() => {});
        return metrics;
      }),
    end() {
      if (ended) return;
      ended = true;
      const over = new Set<number>();
      for (const one of classes) {
        const users = receiver.classes.get(one)! - 1;
        if (users > 0) receiver.classes.set(one, users);
        else {
          receiver.classes.delete(one);
          over.add(one);
        }
      }
      if (--receiver.users === 0) side.receivers.delete(id);
      else if (over.size > 0) receiver.table.end(over);
    },
  };
};
