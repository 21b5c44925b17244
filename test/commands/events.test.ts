import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requirePrivileges } from '../../src/commands/live/privileges.ts';
import { KernelError, RuntimeError, UsageError } from '../../src/core/errors.ts';
import { objectLine } from '../../src/text/json.ts';
import { createCli } from './fakes.ts';
import { exec, fakeFeed, runEvents, until } from './events-support.ts';

const zone = process.env['TZ'];
beforeEach(() => void (process.env['TZ'] = 'UTC'));
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const LINE = '02:45:02.123  root            1  /usr/bin/ls               ls -l';

describe('ringtail events', () => {
  it('prints a line each, says where they are from, and how many there were', async () => {
    const feed = fakeFeed(['nobody sees sockets']);
    const run = runEvents({}, feed);
    feed.send(exec(1), exec(2), { type: 'missed', count: 3, reason: 'slow_reader' });
    feed.end();
    expect(await run.ended).toBe(0);
    expect(run.lines()[0]).toBe(LINE);
    expect(run.lines()).toHaveLength(3);
    expect(run.lines()[2]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}MISSED 3 events: they came faster than they were read$/);
    expect(run.stderr()).toBe(
      'ringtail: events of a test; Ctrl-C ends\nringtail: nobody sees sockets\nringtail: 2 events shown, 3 missed\n',
    );
    expect(feed.closed()).toBeGreaterThan(0);
    expect(run.handlers()).toBe(0);
  });

  it('gives the filter on as it stands', async () => {
    const feed = fakeFeed();
    const run = runEvents(
      {
        event: ['exec', 'file.*'],
        container: ['any'],
        process: ['nginx', '/usr/bin/*'],
        pid: ['1', '2'],
        user: ['root', '33'],
        port: ['443'],
        path: ['/etc'],
        socket: '/run/x.sock',
      },
      feed,
    );
    feed.end();
    await run.ended;
    expect(run.asked().filter).toEqual({
      events: ['exec', 'file.*'],
      containers: ['any'],
      processes: ['nginx', '/usr/bin/*'],
      pids: [1, 2],
      excludedPids: [],
      users: ['root', '33'],
      ports: [443],
      paths: ['/etc'],
    });
    expect(run.asked().options).toEqual({ socket: '/run/x.sock' });
  });

  it.each([
    [{ pid: ['x'] }, '--pid: "x" is not a whole number from 1 to 4194304'],
    [{ pid: ['0'] }, '--pid: "0" is not a whole number'],
    [{ port: ['65536'] }, '--port: "65536" is not a whole number from 1 to 65535'],
    [{ port: ['443', '-1'] }, '--port: "-1"'],
    [{ event: ['process.exc'] }, '--event: there is no "process.exc"; did you mean "process.exec"?'],
    [{ path: ['etc/passwd'] }, '--path: "etc/passwd" has no beginning'],
    [{ user: [''] }, '--user: it is empty'],
    [{ count: '0' }, '--count: "0" is not a whole number from 1'],
    [{ count: '1.5' }, '--count: "1.5"'],
    [{ duration: '5' }, '--duration: "5" is no time to look'],
    [{ duration: '0s' }, '--duration: "0s" is no time to look'],
    [{ duration: '9000h' }, '--duration: "9000h" is no time to look'],
    [{ alone: true, socket: '/x' }, '--socket and --alone exclude each other'],
    [{ rootPath: 'host' }, '--root-path "host" is not an absolute path'],
  ])('refuses %o', async (options, message) => {
    const run = runEvents(options, fakeFeed());
    const error: unknown = await run.ended.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
    expect(run.handlers()).toBe(0);
  });

  it('reads a command line, and refuses with exit code 2', async () => {
    const cli = createCli();
    expect(await cli.run('events', '--port', 'https')).toBe(2);
    expect(cli.stderr()).toContain('ringtail: --port: "https" is not a whole number from 1 to 65535');
    expect(await cli.run('events', '--port', '80', '--path', '/etc')).toBe(2);
    expect(cli.stderr()).toContain('no event has all that the filter asks for; ports are of sessions and network calls');
    expect(await cli.run('events', '--prot', '80')).toBe(2);
    expect(cli.stderr()).toContain("unknown option '--prot'");
  });
});

describe('the end', () => {
  it('comes with --count, to the event', async () => {
    const feed = fakeFeed();
    const run = runEvents({ count: '2' }, feed);
    feed.send(exec(1), { type: 'missed', count: 1, reason: 'rate' }, exec(2), exec(3));
    expect(await run.ended).toBe(0);
    expect(run.lines().filter((line) => line.includes('/usr/bin/ls'))).toHaveLength(2);
    expect(run.stderr()).toContain('2 events shown, 1 missed\n');
    expect(feed.closed()).toBe(1);
  });

  it('comes with --duration', async () => {
    const feed = fakeFeed();
    const run = runEvents({ duration: '5ms' }, feed);
    expect(await run.ended).toBe(0);
    expect(run.stderr()).toContain('0 events shown, 0 missed\n');
  });

  it('comes with a signal, behind what waits', async () => {
    const feed = fakeFeed();
    const run = runEvents({}, feed);
    await run.opened;
    feed.send(exec(1));
    run.signal();
    expect(await run.ended).toBe(0);
    expect(run.lines()).toEqual([LINE]);
    expect(run.stderr()).toContain('1 event shown, 0 missed\n');
  });

  it('is quiet when nobody reads any more', async () => {
    const feed = fakeFeed();
    const run = runEvents({}, feed);
    await run.opened;
    run.closeOutput();
    expect(await run.ended).toBe(0);
    expect(run.stderr()).not.toContain('shown');
    expect(feed.closed()).toBeGreaterThan(0);
  });

  it('of the other side is told', async () => {
    const feed = fakeFeed();
    const run = runEvents({}, feed);
    feed.send({ type: 'end', reason: 'ended' });
    await until(() => feed.left() === 0);
    feed.end();
    expect(await run.ended).toBe(0);
    expect(run.stdout()).toBe('');
    expect(run.stderr()).toContain('0 events shown, 0 missed; Ringtail ended\n');
  });

  it('by a broken connection is an error, and what came is counted', async () => {
    const feed = fakeFeed();
    const run = runEvents({}, feed);
    feed.send(exec(1));
    await until(() => feed.left() === 0);
    feed.fail(new RuntimeError('the connection to the Ringtail of pid 1 broke'));
    await expect(run.ended).rejects.toThrow('the connection to the Ringtail of pid 1 broke');
    expect(run.lines()).toEqual([LINE]);
    expect(run.stderr()).toContain('1 event shown, 0 missed\n');
  });
});

describe('on a terminal', () => {
  it('has a header, which comes again when the columns change', async () => {
    const feed = fakeFeed();
    const run = runEvents({}, feed, { isTTY: true, columns: 120 }, { NO_COLOR: '1' });
    const web = exec(3, { resource: { 'container.name': 'web' } });
    feed.send(exec(1), exec(2));
    await until(() => run.lines().length === 3);
    feed.send(web, exec(4));
    await until(() => run.lines().length === 6);
    run.stream.columns = 80;
    feed.send(exec(5));
    await until(() => run.lines().length === 8);
    feed.end();
    await run.ended;
    const lines = run.lines();
    const headers = lines.flatMap((line, index) => (line.startsWith('TIME') ? [index] : []));
    expect(headers).toEqual([0, 3, 6]);
    expect(lines[0]).not.toContain('CONTAINER');
    expect(lines[3]!.indexOf('CONTAINER')).toBe(lines[4]!.indexOf('[web]'));
    for (const [index, line] of lines.entries()) expect(line.length).toBeLessThanOrEqual(index < 6 ? 120 : 80);
  });

  it.each([
    [{}, {}, true],
    [{ colour: false }, {}, false],
    [{}, { NO_COLOR: '1' }, false],
    [{}, { TERM: 'dumb' }, false],
    [{ json: true }, {}, false],
  ] as const)('with %o and %o has colours: %s', async (options, env, wanted) => {
    const feed = fakeFeed();
    const run = runEvents(options, feed, { isTTY: true, columns: 100 }, env);
    feed.send(exec(1));
    feed.end();
    await run.ended;
    expect(run.stdout().includes('\u001b[')).toBe(wanted);
  });

  it('shows hostile names without obeying them', async () => {
    const feed = fakeFeed();
    const run = runEvents({}, feed, { isTTY: true, columns: 200 }, { NO_COLOR: '1' });
    const nasty = '\u001b[2J\u009b31m\r\n\u202e\u0007\u2028';
    feed.send(
      exec(1, {
        attributes: { 'process.pid': 1, 'process.owner': nasty, 'process.executable.path': nasty, 'process.command_args': [nasty] },
        resource: { 'container.name': nasty },
      }),
      exec(1, { event: `ringtail.${nasty}`, attributes: { [nasty]: nasty, nested: { [nasty]: 1 } } }),
      exec(1, {
        event: 'ringtail.session.start',
        attributes: { 'network.transport': 'unix', 'network.peer.address': nasty, 'ringtail.session.role': nasty },
      }),
    );
    feed.end();
    await run.ended;
    expect(run.stdout().replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(run.lines()).toHaveLength(4);
  });
});

it('as JSON is what came, one object a line', async () => {
  const feed = fakeFeed();
  const run = runEvents({ json: true }, feed, { isTTY: true, columns: 20 });
  const messages = [
    exec(1, { attributes: { a: 'x\u009b\u202e', big: '18446744073709551615', list: ['\u001b'] }, resource: { 'container.name': 'web' } }),
    { type: 'missed', count: 2, reason: 'rate' },
    { type: 'end', reason: 'ended' },
  ] as const;
  feed.send(...messages);
  feed.end();
  await run.ended;
  expect(run.lines().map((line) => JSON.parse(line) as unknown)).toEqual(messages);
  expect(run.lines()).toEqual(messages.map(objectLine));
  expect(run.stdout().replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
});

it('a reader that is slow is waited for, and a signal ends the wait', async () => {
  const feed = fakeFeed();
  const run = runEvents({}, feed);
  await run.opened;
  run.stream.writableNeedDrain = true;
  feed.send(exec(1), exec(2), exec(3));
  await until(() => feed.left() === 2);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(feed.left()).toBe(2);
  run.drain();
  await until(() => feed.left() === 0);
  run.stream.writableNeedDrain = true;
  feed.send(exec(4), exec(5));
  await until(() => feed.left() === 1);
  run.signal();
  expect(await run.ended).toBe(0);
  expect(run.lines()).toHaveLength(5);
});

describe('who may look alone', () => {
  const status = (capabilities: bigint): string => `Name:\tx\nCapEff:\t${capabilities.toString(16).padStart(16, '0')}\n`;

  it.each([[1n << 21n], [(1n << 38n) | (1n << 39n)], [0x1ff_ffff_ffffn]])('with %s', (capabilities) => {
    expect(() => requirePrivileges('events', 'events', status(capabilities))).not.toThrow();
  });

  it.each([[0n], [1n << 39n], [1n << 38n], [1n << 12n]])('not with %s, with exit code 3', (capabilities) => {
    let error: unknown;
    try {
      requirePrivileges('events', 'events', status(capabilities));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(KernelError);
    expect((error as KernelError).exitCode).toBe(3);
    expect((error as KernelError).message).toContain('CAP_BPF and CAP_PERFMON');
    expect((error as KernelError).advice).toContain('sudo ringtail events');
  });

  it('not when nobody knows', () => expect(() => requirePrivileges('events', 'events', '')).toThrow(KernelError));
});
