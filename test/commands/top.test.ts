/** `ringtail top` with sessions that are made up: on a screen, in tables and as JSON. */
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { topCommand } from '../../src/commands/top/top.ts';
import type { TopOptions } from '../../src/commands/top/options.ts';
import { KernelError, RuntimeError } from '../../src/core/errors.ts';
import { createFakeTerminal } from '../text/screen/fake-terminal.ts';
import { createCli } from './fakes.ts';
import { createFeed, type FakeFeed, madeSession } from './top-feed.ts';

const usual: TopOptions = { interval: '100ms', view: 'sessions', sort: 'rate' };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Without a terminal. */
const print = (feed: FakeFeed, options: Partial<TopOptions>, stdout: object = {}) => {
  const cli = createCli();
  Object.assign(cli.context.stdout, stdout);
  const ended = topCommand({ ...usual, ...options }, cli.context, async () => feed);
  return { cli, ended };
};

const two = [madeSession(1), madeSession(2, { process: '/usr/bin/\u001b[2Jevil\u202e', peer: '日本', container: { id: '', name: '' } })];

describe('without a screen', () => {
  it('prints one table as wide as what stands in it, and where it is from', async () => {
    const feed = createFeed(two);
    feed.notes = ['Something cannot be seen.'];
    const { cli, ended } = print(feed, { once: true });
    expect(await ended).toBe(0);
    expect(cli.stderr()).toBe('ringtail: sessions of the Ringtail of pid 4711; Something cannot be seen.\n');
    const [head, states, ...table] = cli.stdout().split('\n');
    expect(head).toMatch(/^12:34:56 {2}\S+ {3}2 sessions {3}sent 30 B\/s {3}received 3 B\/s {3}1 container$/);
    expect(states).toBe('tcp 2 established');
    expect(table).toEqual([
      'PROCESS                      PID  USER      CONTAINER  PROTO  LOCAL          ROLE    PEER           STATE        SENT/S  RECV/S     SENT  RECEIVED  AGE',
      '/usr/bin/\\x1b[2Jevil\\u202e  1002  www-data  [CTR]      tcp    10.0.0.1:8002  server  日本           established    20 B     2 B  2.0 KiB     200 B   2s',
      '/usr/bin/prog1              1001  www-data             tcp    10.0.0.1:8001  client  192.0.2.1:443  established    10 B     1 B   1000 B     100 B   1s',
      '',
    ]); // prettier-ignore
    expect(feed.isClosed).toBe(true);
  });

  it('prints as many tables as are wanted, an empty line between them, and no page without rates', async () => {
    const feed = createFeed(two);
    feed.sinceMs = 0;
    const { cli, ended } = print(feed, { count: '2', view: 'process', limit: '1' });
    await vi.waitFor(() => expect(feed.queries.length).toBe(1));
    expect(cli.stdout()).toBe('');
    feed.sinceMs = 100;
    expect(await ended).toBe(0);
    const tables = cli.stdout().split('\n\n');
    expect(tables.length).toBe(2);
    expect(tables[1]).toContain('… and 1 more; --limit shows more of them');
    expect(feed.queries).toHaveLength(3);
    expect(feed.queries[0]).toMatchObject({ view: 'process', sort: 'rate', descending: true, offset: 0, limit: 1 });
  });

  it('prints a page a line as JSON, harmless to a terminal', async () => {
    const feed = createFeed(two);
    const { cli, ended } = print(feed, { json: true, count: '2' });
    expect(await ended).toBe(0);
    const lines = cli.stdout().trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { matched: number }).matched)).toEqual([2, 2]);
    expect((JSON.parse(lines[0]!) as { rows: { process: string }[] }).rows[0]!.process).toBe('/usr/bin/\u001b[2Jevil\u202e');
    expect(cli.stdout()).not.toMatch(/[^\P{C}\n]/u);
  });

  it('fits the terminal when one table is wanted there', async () => {
    const { cli, ended } = print(createFeed(two), { once: true }, { isTTY: true, columns: 60 });
    expect(await ended).toBe(0);
    const lines = stripVTControlCharacters(cli.stdout()).split('\n');
    expect(lines[2]).toBe('PROCESS          PID   PEER             STATE  SENT/S RECV/S');
    expect(cli.stdout()).toContain('\u001b[32mestab\u001b[39m');
  });

  it.each([{ colour: false }, {}])('has no colours when nobody wants them: %j', async (options) => {
    const environment = 'colour' in options ? {} : { NO_COLOR: '1' };
    const cli = createCli(undefined, undefined, undefined, environment);
    Object.assign(cli.context.stdout, { isTTY: true, columns: 80 });
    expect(await topCommand({ ...usual, once: true, ...options }, cli.context, async () => createFeed(two))).toBe(0);
    expect(cli.stdout()).not.toContain('\u001b');
  });

  it('goes on until a signal, the end of the reader, or the end of Ringtail', async () => {
    for (const end of ['signal', 'closeOutput', 'hangUp'] as const) {
      const feed = createFeed(two);
      const { cli, ended } = print(feed, {});
      await vi.waitFor(() => expect(feed.queries.length).toBeGreaterThan(1));
      cli[end]('SIGTERM');
      expect(await ended).toBe(0);
      expect(cli.handlers()).toBe(0);
      expect(feed.isClosed).toBe(true);
    }
    const feed = createFeed(two);
    feed.failure = new RuntimeError('the Ringtail of pid 4711 is gone');
    await expect(print(feed, {}).ended).rejects.toThrow('is gone');
    expect(feed.isClosed).toBe(true);
  });

  it.each([
    [['--interval', 'soon'], '--interval "soon" is not a duration'],
    [['--interval', '1ms'], '--interval "1ms" is out of range; write 100ms to 1h'],
    [['--view', 'proces'], '--view "proces" is not known; did you mean "process"?; write sessions, process or container'],
    [['--sort', 'sessions'], '--sort of the view sessions "sessions" is not known'],
    [['--view', 'container', '--sort', 'peer'], '--sort of the view container "peer" is not known'],
    [['--port', '0'], '--port "0" is not a whole number from 1 to 65535'],
    [['--pid', 'x'], '--pid "x" is not a whole number from 0 to 4194304'],
    [['--state', 'estab'], '--state "estab" is not known'],
    [['--transport', 'sctp'], '--transport "sctp" is not known'],
    [['--limit', '0'], '--limit "0" is not a whole number'],
    [['--count', '1', '--once'], '--once and --count say different things'],
    [['--socket', '/x', '--alone'], '--socket and --alone exclude each other'],
    [['--root-path', 'x'], '--root-path "x" is not an absolute path'],
  ])('refuses %j', async (args, wanted) => {
    const cli = createCli();
    expect(await cli.run('top', ...args)).toBe(2);
    expect(cli.stderr()).toContain(wanted);
  });

  it('says what is missing when it cannot look', async () => {
    const cli = createCli();
    const open = async () => {
      throw new KernelError('no Ringtail is running', { advice: 'run it as root' });
    };
    await expect(topCommand(usual, cli.context, open)).rejects.toThrow('no Ringtail is running');
  });
});

/** On a screen; `looks` resolves when what is shown has the text. */
const show = (feed: FakeFeed, options: Partial<TopOptions> = {}, size: readonly [number, number] = [80, 24]) => {
  const terminal = createFakeTerminal(...size);
  const cli = createCli(undefined, undefined, undefined, {}, terminal.host);
  const ended = topCommand({ ...usual, ...options }, { ...cli.context, now: () => performance.now() }, async () => feed);
  closers.push(() => (terminal.hangUp(), ended));
  const text = () => terminal.model.lines().join('\n');
  return { ...terminal, cli, ended, text, looks: (wanted: string) => vi.waitFor(() => expect(text()).toContain(wanted)) };
};

const many = Array.from({ length: 60 }, (_, index) => madeSession(index));

describe('on a screen', () => {
  it('asks for the rows that fit, again and again, and gives the terminal back', async () => {
    const feed = createFeed(many);
    const { looks, type, ended, model, cli, listeners } = show(feed);
    await looks('1–18 of 60');
    await vi.waitFor(() => expect(feed.queries.length).toBeGreaterThan(2));
    expect(feed.queries[0]).toMatchObject({ offset: 0, limit: 18 });
    type('q');
    expect(await ended).toBe(0);
    expect(model.modes).toEqual(new Set(['7', '25']));
    expect(feed.isClosed).toBe(true);
    expect(cli.stdout() + cli.stderr()).toBe('');
    expect(cli.handlers() + listeners()).toBe(0);
  });

  it.each(['signal', 'hangUp', 'closeOutput'] as const)('ends by %s', async (end) => {
    const { looks, cli, ended, model } = show(createFeed(many));
    await looks('1–18 of 60');
    cli[end]('SIGTERM');
    expect(await ended).toBe(0);
    expect(model.modes).toEqual(new Set(['7', '25']));
  });

  it('scrolls, searches, turns to other views and into a process and back', async () => {
    const feed = createFeed(many);
    const { looks, type, text } = show(feed);
    await looks('1–18 of 60');
    type('G');
    await looks('43–60 of 60');
    type('g/prog3');
    await looks('1–12 of 12');
    expect(text()).toMatch(/^\/prog3 /m);
    type('\r');
    await looks('only "prog3"');
    type('\u001b');
    await looks('1–18 of 60');
    type('2');
    await looks('SESSIONS');
    await looks('1–5 of 5');
    type('\r');
    await looks('only pid 100');
    await looks('of 12');
    type('\u007f');
    await looks('1–5 of 5');
    type('3');
    await looks('the host');
  });

  it('tells all of a session, as it is and when it is gone', async () => {
    const feed = createFeed([madeSession(1, { pid: process.pid, local: '[::1]:8001' })]);
    const { looks, type } = show(feed);
    await looks('1–1 of 1');
    type('\r');
    await looks('session    session-1');
    // what this test was started with
    await looks('command');
    expect(feed.queries.at(-1)).toBeDefined();
    await vi.waitFor(() => expect(feed.queries.at(-1)).toMatchObject({ pids: [process.pid], ports: [8001], limit: 1000 }));
    feed.sessions = [madeSession(1, { pid: process.pid, local: '[::1]:8001', sentBytes: 5 * 1024 })];
    await looks('5.0 KiB (5120 bytes)');
    feed.sessions = [];
    await looks('It is not open any more');
    type('\u007f');
    await looks('nothing is open');
  });

  it('stands still and goes on', async () => {
    const feed = createFeed(many);
    const { looks, type } = show(feed);
    await looks('1–18 of 60');
    type(' ');
    await looks('paused');
    await vi.waitFor(() => expect(feed.queries.length).toBeGreaterThan(0));
    const before = feed.queries.length;
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(feed.queries.length - before).toBeLessThanOrEqual(1);
    type(' ');
    await looks('every 100 ms');
    await vi.waitFor(() => expect(feed.queries.length).toBeGreaterThan(before + 2));
  });

  it('says that Ringtail is gone, keeps what it knew, and goes on when it is back', async () => {
    const feed = createFeed(many);
    const { looks, text } = show(feed);
    await looks('1–18 of 60');
    feed.failure = new RuntimeError('the Ringtail of pid 4711 is gone');
    await looks('the Ringtail of pid 4711 is gone; trying again');
    expect(text()).toContain('prog4');
    feed.failure = undefined;
    await vi.waitFor(() => expect(text()).not.toContain('trying again'), { timeout: 5000 });
  });

  it('ends with a mistake of its own, the terminal given back first', async () => {
    const feed = createFeed(many);
    const { looks, ended, model } = show(feed);
    await looks('1–18 of 60');
    closers.length = 0;
    feed.failure = new TypeError('a mistake');
    await expect(ended).rejects.toThrow('a mistake');
    expect(model.modes).toEqual(new Set(['7', '25']));
  });

  it('follows the size of the terminal', async () => {
    const feed = createFeed(many);
    const { looks, resize } = show(feed, {}, [80, 24]);
    await looks('1–18 of 60');
    resize(200, 50);
    await looks('1–42 of 60');
    await looks('RECEIVED');
    resize(39, 9);
    await looks('are the least');
    resize(40, 10);
    await looks('PROCESS    PEER');
    expect(feed.queries.at(-1)).toMatchObject({ offset: 0 });
  });

  it('shows no more rows than are wanted', async () => {
    const feed = createFeed(many);
    const { looks } = show(feed, { limit: '3' });
    await looks('1–3 of 60');
    expect(feed.queries[0]).toMatchObject({ limit: 3 });
  });

  it('writes nothing when nothing changed but the clock, and little then', async () => {
    const feed = createFeed(many);
    const { looks, writes } = show(feed);
    await looks('1–18 of 60');
    const before = writes.length;
    await vi.waitFor(() => expect(writes.length).toBeGreaterThan(before + 2));
    // the first line, because of its time
    for (const text of writes.slice(before + 1)) expect(text.length).toBeLessThan(300);
  });
});
