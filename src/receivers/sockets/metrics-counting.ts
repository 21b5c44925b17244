/**
 * Since when sessions are counted, and from which values on. Kept for each kernel side, so that a receiver which replaces another one in a reload goes on
 * where that one was. What was counted never goes back: not when a session moves from what is open to what ended between the two readings, and not when
 * the programs are loaded anew and count from nothing.
 */
import { type CountMaps, readSessionCounts, type SessionCounts } from '../../kernel/sockets/counts.ts';
import { createSessionSeries, type SessionSeries } from './metrics-series.ts';

export type CountedSeries = Omit<SessionSeries, 'ended' | 'live'> & {
  readonly key: string;
  /** Unix time, ns. */
  readonly startNs: bigint;
  readonly values: readonly bigint[];
};

/** What a receiver told last, for deltas. */
export type Told = { atNs: bigint; values: ReadonlyMap<string, readonly bigint[]> };

export type Counting = {
  /** Undefined while the programs are not loaded. Runs the walks of the kernel; rejects with a NativeError. */
  read(): Promise<readonly CountedSeries[] | undefined>;
  /** The same object for each instance of a receiver, for as long as one of them counts. */
  readonly told: Told;
  end(): void;
};

/** `base` is there before the first reading. */
type Began = { users: number; readonly startNs: bigint; base: ReadonlyMap<string, readonly bigint[]> };
type Shared = {
  users: number;
  readonly seriesOf: ReturnType<typeof createSessionSeries>;
  /** By transport; -1: what found no room. */
  readonly began: Map<number, Began>;
  readonly told: Map<string, Told & { users: number }>;
  /** Of the last reading: what the kernel had counted of what ended ... */
  ended: ReadonlyMap<string, readonly bigint[]>;
  /** ... and what was counted by programs that are gone. */
  before: ReadonlyMap<string, readonly bigint[]>;
  readonly grown: Map<string, readonly bigint[]>;
  /** Every series that grows, also those that are gone from the maps since the programs were loaded anew. */
  readonly met: Map<string, SessionSeries>;
  /** Readings go one after the other. */
  last: Promise<unknown>;
};

const NO_ROOM = -1;
const NOTHING: ReadonlyMap<string, readonly bigint[]> = new Map();

const zip = (a: readonly bigint[], b: readonly bigint[], join: (a: bigint, b: bigint) => bigint): readonly bigint[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, index) => join(a[index] ?? 0n, b[index] ?? 0n));
const sum = (a: bigint, b: bigint): bigint => a + b;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
export const difference = (a: readonly bigint[], b: readonly bigint[] = []): readonly bigint[] => zip(a, b, (x, y) => x - y);

/** Entries are never taken out of the kernel's map: less than before says that it is another map. */
const isAnew = (last: Shared['ended'], series: ReadonlyMap<string, SessionSeries>): boolean =>
  [...last].some(([key, values]) => {
    const now = series.get(key)?.ended ?? [];
    return values.some((value, index) => (now[index] ?? 0n) < value);
  });

const shared = new WeakMap<object, Shared>();

const totalOf = ({ before }: Shared, key: string, { ended, live }: SessionSeries): readonly bigint[] =>
  zip(zip(ended, live, sum), before.get(key) ?? [], sum);

const advance = (state: Shared, counts: SessionCounts): ReadonlyMap<string, SessionSeries> => {
  const series = state.seriesOf(counts);
  if (isAnew(state.ended, series)) state.before = new Map(state.grown);
  const ended = new Map<string, readonly bigint[]>();
  for (const [key, one] of series) {
    if (one.metric === 'open') continue;
    ended.set(key, one.ended);
    state.met.set(key, one);
    state.grown.set(key, zip(totalOf(state, key, one), state.grown.get(key) ?? [], larger));
  }
  state.ended = ended;
  return series;
};

/** The readings of all receivers come in the order in which they are asked for. */
const readInTurn = <T>(state: Shared, read: () => Promise<T>): Promise<T> => {
  const reading = state.last.then(read);
  state.last = reading.catch(() => {});
  return reading;
};

/** From now on sessions of these transports, by `enum net_transport`, are counted for a receiver of this id. `nowNs` is Unix time. */
export const beginCounting = (maps: CountMaps, receiver: string, transports: ReadonlySet<number>, nowNs: () => bigint): Counting => {
  const state: Shared = shared.get(maps) ?? {
    users: 0,
    seriesOf: createSessionSeries(),
    began: new Map(),
    told: new Map(),
    ended: new Map(),
    before: new Map(),
    grown: new Map(),
    met: new Map(),
    last: Promise.resolve(),
  };
  shared.set(maps, state);
  state.users++;
  const wanted = new Set([...transports, NO_ROOM]);
  const startNs = nowNs();
  const news = [...wanted].filter((transport) => !state.began.has(transport));
  for (const transport of wanted) {
    const began = state.began.get(transport) ?? { users: 0, startNs, base: NOTHING };
    began.users++;
    state.began.set(transport, began);
  }
  // what was counted for somebody before, or was open before
  const present = news.length === 0 ? Promise.resolve(undefined) : readSessionCounts(maps).catch(() => undefined);
  void readInTurn(state, async () => {
    const counts = await present;
    if (counts === undefined) return;
    const base = new Map(Array.from(state.seriesOf(counts), ([key, one]) => [key, totalOf(state, key, one)]));
    for (const transport of news) {
      const began = state.began.get(transport);
      if (began !== undefined) began.base = base;
    }
  });
  const told = state.told.get(receiver) ?? { users: 0, atNs: startNs, values: new Map<string, readonly bigint[]>() };
  state.told.set(receiver, told);
  told.users++;
  let ended = false;
  return {
    told,
    async read() {
      const series = await readInTurn(state, async () => {
        const counts = await readSessionCounts(maps);
        return counts && advance(state, counts);
      });
      if (series === undefined) return undefined;
      const all: CountedSeries[] = [];
      const put = (key: string, { metric, transport, family, cgroupId, attributes, live }: SessionSeries): void => {
        const began = state.began.get(transport ?? NO_ROOM);
        if (began === undefined || !wanted.has(transport ?? NO_ROOM)) return;
        const values = metric === 'open' ? live : difference(state.grown.get(key) ?? [], began.base.get(key));
        if (values[0]! > 0n) all.push({ metric, key, transport, family, cgroupId, attributes, startNs: began.startNs, values });
      };
      for (const [key, one] of state.met) put(key, one);
      for (const [key, one] of series) if (one.metric === 'open') put(key, one);
      return all;
    },
    end() {
      if (ended) return;
      ended = true;
      for (const transport of wanted) if (--state.began.get(transport)!.users === 0) state.began.delete(transport);
      if (--told.users === 0) state.told.delete(receiver);
      if (--state.users === 0) shared.delete(maps);
    },
  };
};
