/** `ringtail events`: what known programs did, attached to a Ringtail and alone; each filter lets exactly the right ones through. */
import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LiveEvent, LiveMessage } from '../../src/live/events/types.ts';
import { textWidth } from '../../src/text/width.ts';
import { enterCgroup, makeCgroup, newContainerId } from './support/cgroups.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { type Running, run, start, until } from './support/processes.ts';
import { type Ringtail, ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';
import { startOnTerminal, withoutColours } from './support/terminal.ts';

const NOBODY = 65_534;

/** Everything that any of the filters asks for, told at a socket. */
const startSocket = async (folder: string): Promise<{ readonly ringtail: Ringtail; readonly socket: string }> => {
  const socket = join(folder, 'control.sock');
  const config = `
receivers:
  process: {events: [exec, exit]}
  sockets: {protocols: [tcp, udp, unix]}
  syscalls: {calls: [open, openat, unlinkat, unlink]}
processors: {resolve_container: , resolve_process: , resolve_user: }
exporters: {nop: }
extensions: {control: {path: ${socket}, events_per_second: 20000}}
service:
  extensions: [control]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [process, sockets, syscalls], processors: [resolve_container, resolve_process, resolve_user], exporters: [nop]}
`;
  return { ringtail: await startRingtail(writeConfig(folder, config)), socket };
};

type Looking = Running & { events(): readonly LiveEvent[]; stop(): Promise<string> };

/** Waits until it looks. */
const look = async (args: readonly string[]): Promise<Looking> => {
  const running = start(ringtailCommand, ['events', '--json', ...args]);
  await until(() => running.stderr().includes('Ctrl-C ends'), 'the first line of ringtail events', { otherwise: running.stderr });
  const messages = () => running.stdout().split('\n').slice(0, -1).map((line) => JSON.parse(line) as LiveMessage); // prettier-ignore
  return {
    ...running,
    events: () => messages().filter((message) => message.type === 'event'),
    async stop() {
      running.child.kill('SIGINT');
      expect(await running.ended).toEqual({ code: 0, signal: null });
      return running.stderr().trim().split('\n').at(-1)!;
    },
  };
};

const times = async (count: number, act: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await act();
};

/** Connects to a server of this process and says nothing. */
const connectTo = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end());
    socket.on('error', reject).on('close', () => resolve());
    socket.resume();
  });

const listening = async (port: number) => {
  const server = createServer((socket) => socket.on('error', () => {}).end());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
};

const RUNS = 7;
const NOBODYS = 4;
const BOXED = 3;
const LOOKS = 5;
const CONNECTIONS = 6;

test('shows what happened, attached and alone, and each filter lets exactly the right ones through', { timeout: 180_000 }, async () => {
  const folder = temporaryFolder();
  const { ringtail, socket } = await startSocket(folder);
  const [port] = (await freePorts(1)) as [number];
  const program = (name: string, of = '/bin/true'): string => {
    copyFileSync(of, join(folder, name));
    return join(folder, name);
  };
  const [runs, others, boxed, cat, last] = [
    program('runs'),
    program('others'),
    program('boxed'),
    program('looks', '/bin/cat'),
    program('last'),
  ];
  const id = newContainerId();
  const cgroup = makeCgroup(`/ringtail-e2e-${process.pid}/docker-${id}.scope`);
  const missing = join(folder, 'missing');

  /** Name of the event, program or port: how many. */
  const execs = ['--event', 'exec'];
  const table: readonly (readonly [args: readonly string[], wanted: Readonly<Record<string, number>>])[] = [
    [['--process', 'runs', '--event', 'process'], { 'exec runs': RUNS, 'exit runs': RUNS }],
    [['--process', `${folder}/*`, ...execs], { 'exec runs': RUNS, 'exec others': NOBODYS, 'exec boxed': BOXED, 'exec looks': 1, 'exec last': 1 }],
    [['--user', 'nobody', '--path', folder, ...execs], { 'exec others': NOBODYS }],
    [['--user', String(NOBODY), '--process', 'others', '--event', 'exit'], { 'exit others': NOBODYS }],
    [['--path', missing, '--event', 'file.open'], { 'open looks ENOENT': LOOKS }],
    [['--path', `${missing}/*-1`, '--event', 'file'], { 'open looks ENOENT': 1 }],
    [['--port', String(port), '--pid', String(process.pid), '--event', 'session.start', '--event', 'end', '--event', 'listen'], { 'start node': 2 * CONNECTIONS, 'end node': 2 * CONNECTIONS, 'listen node': 1 }],
    [['--port', String(port), '--event', 'session.end'], { 'end node': 2 * CONNECTIONS }],
    [['--container', id.slice(0, 12), '--path', folder, ...execs], { 'exec boxed': BOXED }],
    [['--container', 'any', '--path', folder, ...execs], { 'exec boxed': BOXED }],
    [['--container', 'host', '--path', folder, ...execs], { 'exec runs': RUNS, 'exec others': NOBODYS, 'exec looks': 1, 'exec last': 1 }],
    [['--pid', '4194304'], {}],
  ]; // prettier-ignore
  const attached = await Promise.all(table.map(([args]) => look([...args, '--socket', socket])));
  const again = [table[0]!, table[4]!, table[6]!, table[8]!];
  const alone = await Promise.all(again.map(([args]) => look([...args, '--alone'])));
  const marked = await Promise.all([
    look(['--process', last, '--socket', socket]),
    look(['--process', last, '--event', 'exit', '--alone']),
  ]);

  await times(RUNS, () => run(runs, []));
  await times(NOBODYS, () => run(others, [], { uid: NOBODY, gid: NOBODY }));
  await times(BOXED, async () => {
    const child = spawn('sh', ['-c', `read go; exec ${boxed}`], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => child.on('close', resolve));
    enterCgroup(cgroup, child.pid!);
    child.stdin.end('\n');
    await ended;
  });
  await run(
    cat,
    Array.from({ length: LOOKS }, (_, i) => join(missing, `file-${i}`)),
  );
  const server = await listening(port);
  await times(CONNECTIONS, () => connectTo(port));
  await new Promise((resolve) => server.close(resolve));
  await run(last, []);
  // what was last comes last
  await until(() => marked.every((one) => one.events().length > 0), 'the last program', {
    otherwise: () => marked.map((one) => one.stderr()).join(''),
  });

  const told = (events: readonly LiveEvent[]) =>
    Object.fromEntries(
      Object.entries(
        Object.groupBy(events, ({ event, attributes }) =>
          [event.split('.').at(-1), String(attributes['process.executable.path']).split('/').at(-1), attributes['error.type']].filter(Boolean).join(' '),
        ),
      ).map(([key, list]) => [key, list!.length]),
    ); // prettier-ignore
  for (const [index, one] of attached.entries()) {
    const [args, wanted] = table[index]!;
    await until(() => one.events().length >= Object.values(wanted).reduce((sum, count) => sum + count, 0), args.join(' '), { otherwise: one.stdout });
    const summary = await one.stop();
    expect([args, told(one.events())]).toEqual([args, wanted]);
    expect(summary).toBe(`ringtail: ${one.events().length} event${one.events().length === 1 ? '' : 's'} shown, 0 missed`);
  } // prettier-ignore
  for (const [index, one] of alone.entries()) {
    const [args, wanted] = again[index]!;
    await one.stop();
    expect(['alone', args, told(one.events())]).toEqual(['alone', args, wanted]);
  }
  for (const one of marked) await one.stop();
  expect((await ringtail.stop()).code).toBe(0);
});

test('on a terminal nothing wraps, and hostile names do not reach it raw', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const { ringtail, socket } = await startSocket(folder);
  const nasty = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e漢字\n';
  const program = join(folder, `x${nasty}`);
  copyFileSync('/bin/true', program);
  const inner = `stty cols 80 rows 24; exec ${ringtailCommand} events --path ${folder} --socket ${socket}`;
  const running = startOnTerminal(['sh', '-c', inner], { ...process.env, NO_COLOR: '', LANG: 'C.UTF-8' });
  await until(() => running.stdout().includes('Ctrl-C ends'), 'the first line', { otherwise: running.stdout });
  await run(program, [nasty, 'y'.repeat(300)]);
  const server = createServer((one) => one.end());
  await new Promise<void>((resolve) => server.listen(join(folder, `s${nasty}`), resolve));
  await new Promise((resolve) =>
    connect(join(folder, `s${nasty}`))
      .resume()
      .on('close', resolve),
  );
  await new Promise((resolve) => server.close(resolve));
  await until(() => / → .*unlinked /s.test(withoutColours(running.stdout())), 'the events', { otherwise: running.stdout });
  running.type('\x03');
  expect(await running.ended).toEqual({ code: 0, signal: null });
  const shown = withoutColours(running.stdout());
  const controls = new Set(shown.replaceAll('\r\n', '').match(/[\p{Cc}\p{Bidi_Control}]/gu));
  controls.delete('\x03');
  expect([...controls]).toEqual([]);
  expect(shown).toContain(String.raw`\x1b[2J`);
  const lines = shown.split('\r\n').filter((line) => /^(TIME|\d\d:\d\d:\d\d) /.test(line));
  expect(lines[0]).toMatch(/^TIME +USER +PID +PROCESS +WHAT HAPPENED$/);
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) expect([line, textWidth(line) <= 80]).toEqual([line, true]);
  expect((await ringtail.stop()).code).toBe(0);
});

test('ends when Ringtail does, and says so; a reader that has enough ends it quietly', { timeout: 60_000 }, async () => {
  const folder = temporaryFolder();
  const { ringtail, socket } = await startSocket(folder);
  const piped = start('sh', ['-c', `${ringtailCommand} events --socket ${socket} | head -1`]);
  const one = await look(['--event', 'exec', '--socket', socket]);
  await until(async () => {
    await run('/bin/true', []);
    return piped.hasEnded();
  }, 'head to end');
  expect(piped.stdout().split('\n')).toHaveLength(2);
  expect(piped.stderr().trim().split('\n')).toHaveLength(1);
  expect((await ringtail.stop()).code).toBe(0);
  expect(await one.ended).toEqual({ code: 0, signal: null });
  expect(one.stderr()).toMatch(/\d+ events? shown, 0 missed; Ringtail ended\n$/);
  const nobody = await run('setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ringtailCommand, 'events', '--alone']);
  expect(nobody.code).toBe(3);
  expect(nobody.stderr).toContain('takes root, or CAP_BPF and CAP_PERFMON; run "sudo ringtail events"');
  const nothing = await run(ringtailCommand, ['events', '--alone', '--event', 'file.open'], {
    env: { ...process.env, RINGTAIL_INJECT_FACTS: '{"btf":false}' },
  });
  expect(nothing.code).toBe(3);
  expect(nothing.stderr).toBe(
    'ringtail: this host tells of nothing that is asked for: syscalls: procfs tells of no system calls; ringtail doctor says what is missing\n',
  );
});
