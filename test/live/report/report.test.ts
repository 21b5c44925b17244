import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KernelError } from '../../../src/core/errors.ts';
import { sessionState } from '../../../src/kernel/layouts.gen.ts';
import { openReport } from '../../../src/live/report/report.ts';
import { createReportRoute } from '../../../src/live/report/route.ts';
import type { ReportPage, ReportQuery } from '../../../src/live/report/types.ts';
import { createFakeKernel } from './fake-kernel.ts';

const BEGAN = Date.parse('2026-11-21T20:00:00Z');
const ESTABLISHED = sessionState.tcpEstablished;
const query = (given: Partial<ReportQuery> = {}): ReportQuery => ({ intervalMs: 1000, cgroup: '', containers: false, recent: 0, ...given });

beforeEach(() => void vi.useFakeTimers({ now: BEGAN }));
afterEach(() => void vi.useRealTimers());

/** Takes pages until it is stopped. */
const look = async (side: ReturnType<typeof createFakeKernel>, given: Partial<ReportQuery> = {}) => {
  const stop = new AbortController();
  const report = await openReport(side.kernel, query(given), stop.signal);
  const pages: ReportPage[] = [];
  const ended = (async () => {
    for await (const page of report) pages.push(page);
  })();
  return {
    pages,
    async close() {
      stop.abort();
      await ended;
    },
  };
};

describe('a report', () => {
  it('tells the differences between readings, and what is open', async () => {
    const side = createFakeKernel();
    side.now.ended = [{ opened: 10, closed: 8, sent: 1000, received: 100 }];
    side.now.live = [{ open: 2, sent: 50, received: 5, state: ESTABLISHED }];
    const { pages, close } = await look(side);
    await vi.advanceTimersByTimeAsync(999);
    expect(pages, 'the first one comes when the interval is over').toEqual([]);
    side.now.ended = [{ opened: 13, closed: 10, sent: 1600, received: 160 }, { failed: 4, error: 111, state: 2 }];
    side.now.live = [{ open: 1, sent: 20, state: ESTABLISHED }, { open: 2, sent: 4, state: 8 }, { open: 1, state: sessionState.tcpListen }];
    await vi.advanceTimersByTimeAsync(1);
    const totals = { open: 3, opened: 3, failed: 4, closed: 2, sentBytes: 574, receivedBytes: 55 };
    expect(pages).toEqual([
      {
        type: 'report',
        fromMs: BEGAN,
        toMs: BEGAN + 1000,
        host: totals,
        containers: { open: 0, opened: 0, failed: 0, closed: 0, sentBytes: 0, receivedBytes: 0 },
        states: { established: 1, close_wait: 2, listen: 1 },
        byContainer: [],
        byCgroup: [{ ...totals, name: '/system.slice/web.service', id: '7', isContainer: false }],
        byNetns: [{ ...totals, name: '1', id: '1', isContainer: false, members: ['/system.slice/web.service'], timeWait: 0 }],
        recent: [],
        recentMissed: 0,
        notes: [],
      },
    ]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(pages[1]).toMatchObject({ fromMs: BEGAN + 1000, host: { ...totals, opened: 0, failed: 0, closed: 0, sentBytes: 0, receivedBytes: 0 } });
    await close();
    expect(side.left()).toEqual([0, 0, 0, 0, 0, 0]);
  }); // prettier-ignore

  it('is the same for two who look at other times, and takes nothing away', async () => {
    const side = createFakeKernel();
    const [often, seldom] = [await look(side, { intervalMs: 1000 }), await look(side, { intervalMs: 2500 })];
    for (let second = 1; second <= 10; second++) {
      side.now.ended = [{ opened: second * 7, sent: second * 1000 }];
      await vi.advanceTimersByTimeAsync(1000);
    }
    await Promise.all([often.close(), seldom.close()]);
    const sum = (pages: readonly ReportPage[]) => pages.reduce((all, { host }) => all + host.opened + host.sentBytes, 0);
    expect([often.pages.length, seldom.pages.length, sum(often.pages), sum(seldom.pages)]).toEqual([10, 4, 10_070, 10_070]);
    expect(side.taken).toEqual([]);
    expect(side.claims.size).toBe(0);
  });

  it('asks as a guest for counts alone, and for records only when recent sessions are wanted', async () => {
    const side = createFakeKernel();
    const quiet = await look(side);
    expect([...side.claims]).toMatchObject([{ counted: true, events: new Set(), isGuest: true }]);
    expect(side.required).toEqual(['cgroup', 'container']);
    const { close } = await look(side, { recent: 1 });
    expect([...side.claims][1]).toMatchObject({ counted: true, events: new Set(['start', 'end']) });
    expect(side.required).toEqual(['cgroup', 'container', 'cgroup', 'container', 'process', 'user']);
    await Promise.all([quiet.close(), close()]);
    expect([side.left(), side.state.reconfigured]).toEqual([[0, 0, 0, 0, 0, 0], 4]);
  });

  it('has no negative numbers when the programs are loaded anew, and says what is missing', async () => {
    const side = createFakeKernel();
    side.now.ended = [{ opened: 100, sent: 5000 }];
    const { pages, close } = await look(side);
    await vi.advanceTimersByTimeAsync(1000);
    side.now.generation = 2;
    side.now.ended = [{ opened: 3, sent: 30 }];
    await vi.advanceTimersByTimeAsync(2000);
    await close();
    expect(pages.map(({ host: { opened, sentBytes }, notes }) => [opened, sentBytes, notes.length])).toEqual([[0, 0, 0], [3, 30, 1], [0, 0, 0]]); // prettier-ignore
    expect(pages[1]!.notes[0]).toContain('loaded anew');
  });

  it('goes on over a reload during which nothing can be read', async () => {
    const side = createFakeKernel();
    const { pages, close } = await look(side);
    side.now.isLoaded = false;
    await vi.advanceTimersByTimeAsync(1300);
    expect(pages).toEqual([]);
    side.now.isLoaded = true;
    side.now.generation = 2;
    side.now.ended = [{ opened: 2 }];
    await vi.advanceTimersByTimeAsync(100);
    expect(pages).toMatchObject([{ host: { opened: 2 }, toMs: BEGAN + 1000 }]);
    side.now.isLoaded = false;
    await vi.advanceTimersByTimeAsync(700);
    const closed = close();
    await vi.advanceTimersByTimeAsync(100);
    await closed;
    expect(pages.length).toBe(1);
  });

  it('tells of what somebody took out of the map what it had grown since', async () => {
    const side = createFakeKernel();
    side.now.ended = [
      { opened: 10, sent: 100 },
      { opened: 1, cgroup: 9 },
    ];
    const { pages, close } = await look(side);
    side.now.ended = [
      { opened: 12, sent: 150 },
      { opened: 1, cgroup: 9 },
    ];
    const { keys } = (await side.maps.readSums('session_counts'))!;
    await side.takeKeys(keys.subarray(0, keys.length / 2));
    await vi.advanceTimersByTimeAsync(1000);
    side.now.ended = [
      { opened: 1, sent: 7 },
      { opened: 1, cgroup: 9 },
    ];
    await vi.advanceTimersByTimeAsync(1000);
    await close();
    expect(pages.map(({ host: { opened, sentBytes } }) => [opened, sentBytes])).toEqual([[2, 50], [1, 7]]); // prettier-ignore
  });

  it('does not tell twice what ends while it reads', async () => {
    const side = createFakeKernel();
    side.now.live = [{ open: 1, sent: 1e9, state: ESTABLISHED }];
    let isEnding = true;
    side.now.beforeWalk = () => {
      if (!isEnding) return;
      isEnding = false;
      side.now.live = [];
      side.now.ended = [{ closed: 1, sent: 1e9 + 5 }];
    };
    const { pages, close } = await look(side);
    await vi.advanceTimersByTimeAsync(1000);
    side.now.ended = [
      { closed: 1, sent: 1e9 + 5 },
      { sent: 3, cgroup: 8 },
    ];
    await vi.advanceTimersByTimeAsync(1000);
    await close();
    expect(pages.map(({ host }) => host.sentBytes)).toEqual([0, 3]);
  });

  it('knows containers and cgroups that ended in the interval', async () => {
    const side = createFakeKernel();
    side.containers.set(8, { id: 'a'.repeat(64), name: 'web' });
    side.containers.set(9, { id: 'b'.repeat(64) });
    side.paths.set(11, '/gone');
    const { pages, close } = await look(side, { containers: true });
    side.now.ended = [{ cgroup: 8, netns: 5, opened: 3, sent: 9 }, { cgroup: 9, netns: 5, failed: 1 }, { cgroup: 11, opened: 1 }];
    side.now.live = [{ cgroup: 0, netns: 5, open: 4, state: sessionState.tcpTimeWait }];
    side.removeCgroup(11);
    await vi.advanceTimersByTimeAsync(1000);
    await close();
    const { byContainer, byCgroup, byNetns, host, containers, states } = pages[0]!;
    expect(byContainer.map(({ name, opened, failed }) => [name, opened, failed])).toEqual([['web', 3, 0], ['bbbbbbbbbbbb', 0, 1]]);
    expect(byCgroup.map(({ name, id, isContainer }) => [name, id, isContainer])).toEqual([['', '8', true], ['', '9', true], ['/gone', '11', false]]);
    expect(byNetns.map(({ id, isContainer, members, timeWait }) => [id, isContainer, members, timeWait])).toEqual([
      ['5', true, ['web', 'bbbbbbbbbbbb'], 4],
      ['1', false, ['/gone'], 0],
    ]);
    expect([host.opened, containers.opened, containers.failed, states]).toEqual([1, 3, 1, { time_wait: 4 }]);
  }); // prettier-ignore

  it('is about one cgroup and what is below it, by path or folder', async () => {
    const side = createFakeKernel();
    for (const [id, path] of [[1, '/'], [2, '/a'], [3, '/a/b'], [4, '/ab']] as const) side.paths.set(id, path);
    side.now.live = [1, 2, 3, 4].map((cgroup) => ({ cgroup, open: cgroup, state: ESTABLISHED }));
    const { pages, close } = await look(side, { cgroup: '/a/', recent: 5 });
    side.deliver([{ cgroup: 3 }, { cgroup: 4 }]);
    await vi.advanceTimersByTimeAsync(1000);
    await close();
    expect([pages[0]!.host.open, pages[0]!.recent.length]).toEqual([5, 1]);
    await expect(look(side, { cgroup: '/system.slice/wep.service' })).rejects.toThrow(
      'there is no cgroup "/system.slice/wep.service"; did you mean "/system.slice/web.service"?',
    );
    await expect(look(side, { cgroup: 'web.service' })).rejects.toThrow('did you mean "/system.slice/web.service"?');
    expect(side.left()).toEqual([0, 0, 0, 0, 0, 0]);
  }); // prettier-ignore

  it('says what is not counted', async () => {
    const side = createFakeKernel();
    Object.assign(side.status, {
      notes: ['one'],
      cgroup: '/sys/fs/cgroup/a',
      hooks: [
        { hook: 'udp', rung: 'none', note: 'no sessions of UDP' },
        { hook: 'peer', rung: 'cgroup_skb', note: 'less' },
      ],
    });
    const { pages, close } = await look(side);
    await vi.advanceTimersByTimeAsync(1000);
    await close();
    expect(pages[0]!.notes).toEqual([
      'one',
      'only sockets of /sys/fs/cgroup/a are counted, as a receiver asks for',
      'udp: no sessions of UDP',
    ]);
  });

  it('gives everything back when the kernel cannot count, or cannot be changed, or nobody takes a page', async () => {
    const side = createFakeKernel();
    side.status.rung = 'procfs';
    side.status.notes.push('there is no BTF');
    await expect(look(side)).rejects.toThrow(KernelError);
    await expect(look(side)).rejects.toThrow('there is no BTF');
    side.status.rung = 'ebpf';
    side.state.failure = new KernelError('refused');
    await expect(look(side)).rejects.toThrow('refused');
    side.state.failure = undefined;
    expect(side.left()).toEqual([0, 0, 0, 0, 0, 0]);
    const stop = new AbortController();
    await openReport(side.kernel, query({ recent: 3 }), stop.signal);
    stop.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(side.left()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('keeps to the clock however long a reader takes, and leaves out what has passed', async () => {
    const side = createFakeKernel();
    const stop = new AbortController();
    const report = await openReport(side.kernel, query(), stop.signal);
    const times: (readonly [number, number])[] = [];
    const ended = (async () => {
      for await (const { fromMs, toMs } of report) {
        times.push([fromMs - BEGAN, toMs - BEGAN]);
        if (times.length === 2) await new Promise((resolve) => { setTimeout(resolve, 2300); }); // prettier-ignore
      }
    })();
    await vi.advanceTimersByTimeAsync(6000);
    stop.abort();
    await ended;
    expect(times).toEqual([[0, 1000], [1000, 2000], [2000, 5000], [5000, 6000]]); // prettier-ignore
  });
});

describe('/v1/report', () => {
  it('is a page a line, by checked parameters', async () => {
    const side = createFakeKernel();
    const route = createReportRoute({ kernel: side.kernel });
    if (!('open' in route)) throw new Error('no stream');
    const stop = new AbortController();
    const wrong = [
      'interval=5',
      'interval=1ms',
      'cgroup=/none',
      'recent=-1',
      'recent=2000',
      'containers=yes',
      'count=3',
      'cgroup=/a&cgroup=/b',
    ];
    const errorOf = async (text: string): Promise<unknown> =>
      await (async () => await route.open(new URLSearchParams(text), stop.signal))().catch((error: unknown) => (error as Error).name);
    expect(await Promise.all(wrong.map(errorOf))).toEqual(wrong.map(() => 'QueryError'));
    const lines = await route.open(new URLSearchParams('interval=2s&recent=2&containers=true'), stop.signal);
    const first = lines[Symbol.asyncIterator]().next();
    await vi.advanceTimersByTimeAsync(2000);
    const { value } = await first;
    expect(value).toMatch(/^\{"type":"report",.*\}\n$/);
    stop.abort();
    side.status.rung = 'none';
    const refused = (async () => await route.open(new URLSearchParams(), new AbortController().signal))();
    await expect(refused).rejects.toThrow(expect.objectContaining({ name: 'UnavailableError' }));
  });
});
