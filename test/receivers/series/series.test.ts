import { describe, expect, it } from 'vitest';
import type { SeriesConfig } from '../../../src/receivers/shared/series/types.ts';
import { createSeriesTable } from '../../../src/receivers/shared/series/table.ts';
import { createRandom } from '../../support/random.ts';
import { createKernel, definition, type Key } from './kernel.ts';
import { createBackend } from './told.ts';

const S = 1000;
const CLASS = 1;
const REST_CLASS = 2;
const classOf = [() => CLASS, () => CLASS, () => REST_CLASS];

/** A table over a kernel, collected each ten seconds of its clock. */
const setUp = ({ room = 64, ...config }: Partial<SeriesConfig> & { room?: number } = {}) => {
  const kernel = createKernel(room);
  const table = createSeriesTable(definition);
  const backend = createBackend();
  const whole: SeriesConfig = { temporality: 'cumulative', maxSeries: 8, expiryMs: 60 * S, ...config };
  let nowMs = 100 * S;
  const ns = (): bigint => BigInt(nowMs) * 1_000_000n;
  table.begin(new Set([CLASS, REST_CLASS]), ns(), nowMs, kernel.read(), classOf);
  const collect = (between?: () => void) => {
    nowMs += 10 * S;
    const how = { nowMs, timeNs: ns(), classOf, config: whole, isGone: (id: number) => kernel.gone.has(id) };
    const readings = kernel.read(between);
    const metrics = table.collect(readings, how);
    const dead = table.dead(readings, how);
    if (dead.length > 0) table.retire(kernel.take(Buffer.concat(dead)), classOf);
    backend.take(metrics);
    return metrics;
  };
  /** A session that is over at once. */
  const pass = (key: Key, bytes: number, lastedNs = 1): void => {
    const session = kernel.open(key);
    kernel.move(session, bytes);
    kernel.end(session, lastedNs);
  };
  return { kernel, table, backend, collect, pass };
};

/** `key value start`, in s. */
const ioOf = (metrics: ReturnType<ReturnType<typeof setUp>['collect']>): readonly string[] =>
  (metrics.find(({ name }) => name === 'io')?.points ?? []).map((point) => {
    const { attributes, startUnixNs } = point;
    return `${String(attributes[0]![1])} ${'value' in point ? String(point.value) : ''} ${Number(startUnixNs / 1_000_000_000n)}`;
  });

describe('series', () => {
  it('are told by themselves as long as there are places, and the rest of them in one', () => {
    const { collect, pass } = setUp({ maxSeries: 2 });
    pass({ cgroup: 1, id: 1 }, 10);
    expect(ioOf(collect())).toEqual(['1:1 10 100']);
    pass({ cgroup: 1, id: 2 }, 5);
    pass({ cgroup: 1, id: 3 }, 50);
    pass({ cgroup: 1, id: 4 }, 7);
    expect(ioOf(collect())).toEqual(['1:1 10 100', '1:3 50 100', 'true 12 100']);
    pass({ cgroup: 1, id: 3 }, 1);
    pass({ cgroup: 1, id: 2 }, 1);
    expect(ioOf(collect())).toEqual(['1:1 10 100', '1:3 51 100', 'true 13 100']);
  });

  it('whose cgroup is gone end when they did not move for the expiry, told a last time; the kernel forgets them', () => {
    const { kernel, collect, pass } = setUp({ maxSeries: 2, expiryMs: 20 * S });
    pass({ cgroup: 1, id: 1 }, 10);
    pass({ cgroup: 2, id: 1 }, 20);
    pass({ cgroup: 3, id: 1 }, 5);
    expect(ioOf(collect())).toEqual(['1:1 10 100', '2:1 20 100', 'true 5 100']);
    kernel.gone.add(1);
    expect(ioOf(collect())).toEqual(['1:1 10 100', '2:1 20 100', 'true 5 100']);
    expect(ioOf(collect())).toEqual(['1:1 10 100', '2:1 20 100', 'true 5 100']);
    expect(kernel.entries()).toBe(3);
    expect(ioOf(collect())).toEqual(['2:1 20 100', 'true 5 100']);
    expect(kernel.entries()).toBe(2);
    // a place is free: what it had before stays in the rest
    pass({ cgroup: 3, id: 1 }, 2);
    expect(ioOf(collect())).toEqual(['2:1 20 100', '3:1 2 140', 'true 5 100']);
  });

  it('begin anew when they come back, with a start behind their end', () => {
    const { kernel, collect, pass, backend } = setUp({ expiryMs: 20 * S });
    pass({ cgroup: 1, id: 1 }, 10);
    collect();
    kernel.gone.add(1);
    for (let i = 0; i < 5; i++) collect();
    expect(ioOf(collect())).toEqual([]);
    pass({ cgroup: 1, id: 1 }, 3);
    const [line] = ioOf(collect());
    expect(line).toMatch(/^1:1 3 1[3-9]\d$/);
    expect(backend.total('io')).toEqual([13]);
  });

  it('that are idle for ten times the expiry make room where others wait, and only then', () => {
    const { collect, pass } = setUp({ maxSeries: 1, expiryMs: 20 * S });
    pass({ cgroup: 1, id: 1 }, 10);
    for (let i = 0; i < 30; i++) expect(ioOf(collect())).toEqual(['1:1 10 100']);
    pass({ cgroup: 1, id: 2 }, 1);
    expect(ioOf(collect())).toEqual(['1:1 10 100', 'true 1 100']);
    pass({ cgroup: 1, id: 2 }, 4);
    expect(ioOf(collect())).toEqual(['1:2 4 410', 'true 1 100']);
  });

  it('keep what is open in a cgroup that is gone for as long as it moves', () => {
    const { kernel, collect } = setUp({ expiryMs: 20 * S });
    const session = kernel.open({ cgroup: 1, id: 1 });
    kernel.gone.add(1);
    for (let i = 1; i < 8; i++) {
      kernel.move(session, 1);
      expect(ioOf(collect())).toEqual([`1:1 ${i} 100`]);
    }
  });

  it('of a level are told once as nothing, and the rest of a level is the sum of the others', () => {
    const { kernel, collect } = setUp({ maxSeries: 1 });
    const sessions = [1, 1, 2, 3].map((id) => kernel.open({ cgroup: 1, id }));
    const open = () =>
      collect()
        .find(({ name }) => name === 'open')
        ?.points.map((point) => Number('value' in point ? point.value : 0));
    expect(open()).toEqual([2, 2]);
    for (const session of sessions) kernel.end(session, 1);
    expect(open()).toEqual([0, 0]);
    expect(open()).toBeUndefined();
  });

  it('go on when the programs are loaded anew', () => {
    const { kernel, collect, pass } = setUp();
    pass({ cgroup: 1, id: 1 }, 10);
    collect();
    kernel.reload();
    pass({ cgroup: 1, id: 1 }, 3);
    expect(ioOf(collect())).toEqual(['1:1 13 100']);
  });

  it.each([
    { seed: 1, maxSeries: 8, room: 64 },
    { seed: 2, maxSeries: 3, room: 6 },
    { seed: 3, maxSeries: 100, room: 10 },
    { seed: 4, maxSeries: 1, room: 1 },
    { seed: 5, maxSeries: 5, room: 20, temporality: 'delta' as const },
    { seed: 6, maxSeries: 20, room: 5, temporality: 'delta' as const },
  ])('tell each unit once and never go back, whatever happens: %o', ({ seed, ...config }) => {
    const { below } = createRandom(seed);
    const { kernel, backend, collect, table } = setUp({ ...config, expiryMs: 30 * S });
    const act = (): void => {
      const cgroup = 1 + below(12);
      const all = [...kernel.sessions];
      const any = all[below(all.length)];
      const what = below(10);
      if (any === undefined || what < 3) {
        if (!kernel.gone.has(cgroup)) kernel.open({ cgroup, id: below(4) });
      } else if (what < 7) kernel.move(any, 1 + below(1000));
      else if (what < 9) kernel.end(any, 1 + below(2_000_000_000));
      else if (below(4) === 0 && all.every(({ key }) => key.cgroup !== cgroup)) kernel.gone.add(cgroup);
      else kernel.gone.delete(cgroup);
    };
    /** How far the other metrics are off the truth. */
    const off: number[][] = [];
    for (let round = 0; round < 400; round++) {
      for (let i = below(30); i > 0; i--) act();
      // what is lost in the moment of a load is not counted: what was is collected before
      if (below(60) === 0) {
        collect();
        kernel.reload();
      }
      const isTorn = below(4) === 0;
      collect(isTorn ? () => { for (let i = below(10); i > 0; i--) act(); } : undefined); // prettier-ignore
      const { bytes, ended, lasted } = kernel.truth;
      // what ended between the two readings is in the next one
      const told = isTorn ? Math.min(bytes, backend.total('io')[0]!) : bytes;
      expect(backend.total('io')).toEqual([told]);
      if (!isTorn)
        off.push([
          backend.open() - kernel.sessions.size,
          (backend.total('lasted')[0] ?? 0) - ended,
          (backend.total('lasted')[1] ?? 0) - lasted,
        ]);
      for (const name of ['io', 'open', 'lasted']) expect(backend.count(name)).toBeLessThanOrEqual(config.maxSeries + 1);
    }
    expect(backend.faults).toEqual([]);
    expect(off.filter((all) => all.some((by) => by !== 0))).toEqual([]);
    expect(table.rows).toBeLessThan(400);
  });
});
