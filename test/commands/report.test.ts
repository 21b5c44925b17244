import { describe, expect, it } from 'vitest';
import { reportCommand, type ReportOptions } from '../../src/commands/report/report.ts';
import { KernelError, RuntimeError } from '../../src/core/errors.ts';
import type { RecentSession, ReportFeed, ReportGroup, ReportPage, ReportQuery, ReportTotals } from '../../src/live/report/types.ts';
import { textWidth } from '../../src/text/width.ts';
import { createCli } from './fakes.ts';

const FROM = new Date(2026, 10, 21, 20, 0, 0).getTime();
const totals = (given: Partial<ReportTotals> = {}): ReportTotals => ({
  open: 0, opened: 0, failed: 0, closed: 0, sentBytes: 0, receivedBytes: 0, ...given,
}); // prettier-ignore
const group = (name: string, given: Partial<ReportGroup> = {}): ReportGroup => ({
  ...totals(),
  name,
  id: '1',
  isContainer: false,
  ...given,
});
const session = (given: Partial<RecentSession> = {}): RecentSession => ({
  time: new Date(FROM + 1234).toISOString().replace('Z', '567890Z'),
  what: 'closed', transport: 'tcp', role: 'client', local: '192.0.2.1:5000', peer: '192.0.2.9:443', process: '/usr/bin/curl', pid: 42, user: 'root', container: 'web',
  sentBytes: 1200, receivedBytes: 34_000, ...given,
}); // prettier-ignore

const page = (given: Partial<ReportPage> = {}): ReportPage => ({
  type: 'report',
  fromMs: FROM,
  toMs: FROM + 2000,
  host: totals({ open: 60, opened: 72, failed: 3, closed: 48, sentBytes: 1_700_000, receivedBytes: 1_200_000 }),
  containers: totals({ open: 4, opened: 7, closed: 7, sentBytes: 3700, receivedBytes: 330_000 }),
  states: { established: 24, open: 40, time_wait: 1_234_567, listen: 5 },
  byContainer: [],
  byCgroup: [group('/system.slice/web.service', { open: 60, opened: 72 }), group('', { id: '4711', closed: 1 })],
  byNetns: [group('6422', { id: '6422', open: 4, members: ['web', '/system.slice/web.service'], timeWait: 3 })],
  recent: [],
  recentMissed: 0,
  notes: [],
  ...given,
});

/** A feed that gives these pages and then waits, or ends with an error. */
const feedOf = (pages: readonly ReportPage[], error?: Error) => {
  const asked: { query?: ReportQuery; options?: unknown; closed: number } = { closed: 0 };
  const never = Promise.withResolvers<never>();
  const open = async (query: ReportQuery, options: unknown): Promise<ReportFeed> => {
    Object.assign(asked, { query, options });
    return {
      source: 'the Ringtail of pid 4711',
      close: async () => void asked.closed++,
      async *[Symbol.asyncIterator]() {
        yield* pages;
        if (error !== undefined) throw error;
        await never.promise;
      },
    };
  };
  return { asked, open };
};

const run = async (options: Partial<ReportOptions>, pages: readonly ReportPage[], terminal?: number) => {
  const cli = createCli();
  const { asked, open } = feedOf(pages);
  const stdout = { ...cli.context.stdout, ...(terminal !== undefined && { isTTY: true, columns: terminal }) };
  const code = await reportCommand({ interval: '2s', count: String(pages.length), ...options }, { ...cli.context, stdout }, open as never);
  return { code, asked, out: cli.stdout(), err: cli.stderr(), handlers: cli.handlers(), lines: cli.stdout().split('\n') };
};

// oxlint-disable-next-line no-control-regex -- they are what is meant
const plain = (text: string): string => text.replaceAll(/\u001b\[[\d;]*m/g, '');

describe('ringtail report', () => {
  it('prints a block an interval: totals, states, cgroups and networks', async () => {
    const { out, err, code, handlers, asked } = await run({}, [page(), page({ fromMs: FROM + 2000, toMs: FROM + 4000, states: {} })]);
    const [first, second] = out.split('\n\n');
    expect(first).toBe(
      [
        '2026-11-21 20:00:00 to 20:00:02  2.0 s',
        '                                      OPEN OPENED FAILED CLOSED     SENT RECEIVED   SENT/s   RECV/s',
        'host                                    60     72      3     48  1.6 MiB  1.1 MiB  830 KiB  586 KiB',
        'containers                               4      7      0      7  3.6 KiB  322 KiB  1.8 KiB  161 KiB',
        'total                                   64     79      3     55  1.6 MiB  1.5 MiB  832 KiB  747 KiB',
        'states  listen 5  established 24  time_wait 1234567  stateless 40',
        'CGROUP                                OPEN OPENED FAILED CLOSED     SENT RECEIVED   SENT/s   RECV/s',
        '/system.slice/web.service               60     72      0      0      0 B      0 B      0 B      0 B',
        'cgroup 4711                              0      0      0      1      0 B      0 B      0 B      0 B',
        'NETWORK                               OPEN OPENED FAILED CLOSED     SENT RECEIVED   SENT/s   RECV/s',
        '6422 web, /system.slice/web.service      4      0      0      0      0 B      0 B      0 B      0 B',
      ].join('\n'),
    );
    expect(second).toContain('20:00:02 to 20:00:04');
    expect(second).toContain('\nstates  none\n');
    expect(err).toBe('ringtail: sessions of the Ringtail of pid 4711, every 2s; Ctrl-C ends\n');
    expect([code, handlers, asked.closed]).toEqual([0, 0, 1]);
    expect(asked.query).toEqual({ intervalMs: 2000, cgroup: '', containers: false, recent: 0 });
  });

  it('shows containers one by one and recent sessions when it is asked to', async () => {
    const given = { byContainer: [group('web', { open: 4, isContainer: true })], recent: [session(), session({ what: 'opened', container: 'CTR' })], recentMissed: 9 }; // prettier-ignore
    const { out, asked } = await run({ showContainers: true, showEvents: true, cgroup: '/a' }, [page(given)]);
    expect(asked.query).toEqual({ intervalMs: 2000, cgroup: '/a', containers: true, recent: 10 });
    expect(out).toContain('2.0 s  /a\n');
    expect(out).toContain('\nCONTAINER  ');
    expect(out).toMatch(/\nweb +4 +0/);
    expect(out).toMatch(
      /RECENT\n20:00:01\.234 {2}root +42 {2}\/usr\/bin\/curl +\[web\] +→ 192\.0\.2\.9:443 tcp closed 1\.2 KiB out, 33 KiB in\n/,
    );
    expect(out).toMatch(/\[CTR\] +→ 192\.0\.2\.9:443 tcp opened.*\nand 9 before them\n$/);
    const none = await run({ showContainers: true, showEvents: '3' }, [page()]);
    expect(none.asked.query).toMatchObject({ recent: 3 });
    expect(none.out).toContain('no container has sessions\n');
    expect(none.out).toContain('no session began or ended\n');
  });

  it.each([40, 80, 99, 100, 200])('fits a terminal of %i columns, with hostile names', async (width) => {
    const hostile = '/\u001b[2J\u001b]0;x\u0007\n\r\u202e\udcff界'.repeat(20);
    const given = {
      byCgroup: [group(hostile, { open: 1e9, sentBytes: 1e15 }), ...Array.from({ length: 30 }, (_, i) => group(`/system.slice/${'x'.repeat(i * 5)}`))],
      byContainer: [group(hostile.slice(1), { isContainer: true })],
      byNetns: [group('1', { members: [hostile, hostile] })],
      recent: [session({ process: hostile, user: hostile, container: hostile, peer: hostile, error: hostile })],
      states: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`established${i}`, 1e9])),
    }; // prettier-ignore
    const { lines, out } = await run({ showContainers: true, showEvents: true }, [page(given)], width);
    expect(out).toContain('\u001b[1m');
    for (const line of lines.map(plain)) {
      expect(textWidth(line)).toBeLessThanOrEqual(width);
      // oxlint-disable-next-line no-control-regex -- they are what is meant
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]|\p{Cs}/u);
    }
    expect(out.includes('SENT/s')).toBe(width >= 100);
    expect(out.includes('rates  sent')).toBe(width < 100);
  });

  it('has no colours when they are not wanted', async () => {
    const { out } = await run({ colour: false }, [page()], 80);
    expect(out).not.toContain('\u001b');
  });

  it('is a page a line with --json', async () => {
    const given = page({ notes: ['a note'], byCgroup: [group('/\u001b\u202e\u009b')] });
    const { out, err } = await run({ json: true }, [given, page()]);
    const lines = out.split('\n');
    expect(lines.length).toBe(3);
    expect(JSON.parse(lines[0]!)).toEqual(given);
    expect(lines[0]).not.toMatch(/[\u202e\u009b]/);
    expect(err).not.toContain('a note');
  });

  it('tells notes once', async () => {
    const { err } = await run({}, [page({ notes: ['no \u001bprograms'] }), page({ notes: ['no \u001bprograms', 'other'] })]);
    expect(err.split('\n').slice(1)).toEqual(['ringtail: no \\u001bprograms', 'ringtail: other', '']);
  });

  it('ends with a signal, and when nobody reads', async () => {
    for (const end of ['signal', 'closeOutput', 'hangUp'] as const) {
      const cli = createCli();
      const { asked, open } = feedOf([page()]);
      const running = reportCommand({ interval: '1s' }, cli.context, open as never);
      await cli.says('Ctrl-C ends');
      cli[end]('SIGINT');
      expect(await running).toBe(0);
      expect([asked.closed, cli.handlers()]).toEqual([1, 0]);
    }
  });

  it('says when the other side has ended, and gives everything back', async () => {
    const cli = createCli();
    const { asked, open } = feedOf([page()], new RuntimeError('the Ringtail of pid 4711 has ended'));
    await expect(reportCommand({ interval: '1s' }, cli.context, open as never)).rejects.toThrow('has ended');
    expect([asked.closed, cli.handlers(), cli.stdout().length > 0]).toEqual([1, 0, true]);
    const refused = () => Promise.reject(new KernelError('takes root'));
    await expect(reportCommand({ interval: '1s' }, cli.context, refused)).rejects.toThrow('takes root');
    expect(cli.handlers()).toBe(0);
  });

  it.each([
    [['--interval', '5'], '--interval "5" is not a duration; write it with a unit, as in 1s or 5m'],
    [['--interval', '10ms'], '--interval "10ms" is out of range; write 1s to 24h'],
    [['--count', '0'], '--count "0" is not a whole number from 1'],
    [['--show-events', '1001'], '--show-events "1001" is not a whole number from 1 to 1000'],
    [['--alone', '--socket', '/x'], '--alone asks no running Ringtail, so --socket says nothing; leave one of them out'],
  ])('refuses %j', async (argv, message) => {
    const cli = createCli();
    expect(await cli.run('report', ...argv)).toBe(2);
    expect(cli.stderr()).toBe(`ringtail: ${message}\n`);
  });
});
