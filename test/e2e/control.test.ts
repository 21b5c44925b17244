/** The control socket of a Ringtail that runs: what it tells is exact, and nobody there reaches the pipelines. */
import { copyFileSync, chmodSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectControl, findControl, type ControlClient } from '../../src/commands/live/control-client.ts';
import type { LiveMessage } from '../../src/live/events/types.ts';
import type { Ledger } from '../../src/service/ledger.ts';
import { temporaryFolder } from './support/places.ts';
import { rssAnonKib, run, start, until } from './support/processes.ts';
import { launchRingtail, startRingtail, writeConfig } from './support/ringtail.ts';

const NOBODY = 65_534;
const hostileClient = new URL('support/hostile-client.ts', import.meta.url).pathname;

/** Execs of this host to a file, and the socket in a folder of its own; JSON is YAML. */
const configOf = (folder: string, control: object = {}): string =>
  JSON.stringify({
    receivers: { process: { events: ['exec'] } },
    processors: { resolve_process: {}, resolve_user: {} },
    exporters: { file: { path: join(folder, 'events.json') } },
    extensions: { control: { path: socketIn(folder), ...control } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      extensions: ['control'],
      pipelines: { logs: { receivers: ['process'], processors: ['resolve_process', 'resolve_user'], exporters: ['file'] } },
    },
  });
const socketIn = (folder: string): string => join(folder, 'run/control.sock');

/** A program that does nothing, which nobody else runs. */
const markerIn = (folder: string): string => {
  const marker = join(folder, 'marker');
  copyFileSync('/bin/true', marker);
  chmodSync(marker, 0o755);
  return marker;
};

/** Runs it as often as that, each time with its number, as one process after the other. */
const runMarkers = async (marker: string, count: number): Promise<void> => {
  const { code } = await run('/bin/sh', ['-c', 'i=0; while [ $i -lt "$1" ]; do "$0" $i; i=$((i + 1)); done', marker, String(count)]);
  expect(code).toBe(0);
};

const markersInFile = (folder: string, marker: string): number =>
  existsSync(join(folder, 'events.json'))
    ? readFileSync(join(folder, 'events.json'), 'utf8').split(`"stringValue":"${marker}"}},{"key":"ringtail.attribution"`).length - 1
    : 0;

/** Open sockets of a process. */
const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // it is closed
    }
  }).length;

type Reading = { readonly messages: LiveMessage[]; readonly done: Promise<unknown> };
const readEvents = async (client: ControlClient, query: Record<string, string>): Promise<Reading> => {
  const messages: LiveMessage[] = [];
  const stream = await client.stream<LiveMessage>('/v1/events', query);
  const done = (async () => {
    for await (const message of stream) messages.push(message);
  })();
  done.catch(() => {});
  return { messages, done };
};
const sentIn = ({ messages }: Reading): number => messages.filter(({ type }) => type === 'event').length;
const missedIn = ({ messages }: Reading): number =>
  messages.reduce((sum, message) => sum + (message.type === 'missed' ? message.count : 0), 0);

test('whatever clients do, each event is delivered, and told to who reads', async () => {
  const folder = temporaryFolder();
  const marker = markerIn(folder);
  const ringtail = await startRingtail(writeConfig(folder, configOf(folder)));
  const client = await connectControl(socketIn(folder));
  expect(client.info).toMatchObject({ pid: ringtail.pid, state: 'ready', receivers: ['process'] });
  const honest = await readEvents(client, { path: marker });
  const socketsBefore = socketsOf(ringtail.pid);
  let expected = 0;
  for (const what of ['stops_reading', 'requests', 'pages', 'connects', 'garbage', 'halves', 'heads', 'pipelines']) {
    const hostile = start(process.execPath, [hostileClient, socketIn(folder), what], { stdio: ['pipe', 'pipe', 'pipe'] });
    await runMarkers(marker, 200);
    expected += 200;
    await until(() => sentIn(honest) >= expected, `${expected} events while somebody ${what}`, { otherwise: ringtail.stderr });
    hostile.child.stdin!.end();
    expect([what, (await hostile.ended).code, hostile.stderr()]).toEqual([what, 0, '']);
    const tally = JSON.parse(hostile.stdout()) as { readonly tried: number };
    expect([what, tally.tried]).not.toEqual([what, 0]);
    await until(async () => (await findControl(socketIn(folder)).catch(() => undefined)) !== undefined, `an answer after ${what}`);
  }
  await until(() => socketsOf(ringtail.pid) <= socketsBefore, 'connections to be gone');
  const ledger = await until(async () => {
    const books = await client.page<Ledger>('/v1/ledger');
    return books.balanced && books;
  }, 'books that balance');
  expect(ledger.rows.find(({ book, name }) => book === 'kernel' && name === 'process exec')).toMatchObject({ parts: { lost: 0 } });
  expect([sentIn(honest), missedIn(honest)]).toEqual([expected, 0]);
  await ringtail.stop();
  await honest.done;
  expect(honest.messages.at(-1)).toEqual({ type: 'end', reason: 'ended' });
  expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance', lost: 0, refused: 0, dropped: 0 });
  expect(ringtail.logs().filter(({ level }) => level === 'error')).toEqual([]);
  expect(markersInFile(folder, marker)).toBe(expected);
  expect(existsSync(socketIn(folder))).toBe(false);
});

test('a thousand connections that are opened and cut leave nothing', async () => {
  const folder = temporaryFolder();
  const ringtail = await startRingtail(writeConfig(folder, configOf(folder, { max_clients: 4 })));
  const flood = async (): Promise<void> => {
    for (const what of ['connects', 'stops_reading', 'halves', 'requests']) {
      const hostile = start(process.execPath, [hostileClient, socketIn(folder), what], { stdio: ['pipe', 'pipe', 'pipe'] });
      await runMarkers('/bin/true', 300);
      hostile.child.stdin!.end();
      await hostile.ended;
    }
  };
  await until(async () => (await findControl(socketIn(folder)).catch(() => undefined)) !== undefined, 'an answer');
  const sockets = socketsOf(ringtail.pid);
  await flood();
  await until(() => socketsOf(ringtail.pid) <= sockets, 'connections to be gone');
  const before = rssAnonKib(ringtail.pid)!;
  await flood();
  await until(() => socketsOf(ringtail.pid) <= sockets, 'connections to be gone');
  // what the heap of V8 holds between two collections varies by several MiB
  await until(() => rssAnonKib(ringtail.pid)! < before + 32 * 1024, 'memory to stay');
  expect((await ringtail.stop()).code).toBe(0);
});

test('a reader is given what matched, or told the number', async () => {
  const folder = temporaryFolder();
  const marker = markerIn(folder);
  const ringtail = await startRingtail(writeConfig(folder, configOf(folder, { events_per_second: 50 })));
  const client = await connectControl(socketIn(folder));
  const [narrow, other] = [
    await readEvents(client, { event: 'exec', path: marker }),
    await readEvents(client, { process: 'no-such-program' }),
  ];
  await runMarkers(marker, 1000);
  await until(() => sentIn(narrow) + missedIn(narrow) >= 1000, 'all of them', {
    otherwise: () => `${sentIn(narrow)} and ${missedIn(narrow)}`,
  });
  await ringtail.stop();
  await Promise.all([narrow.done, other.done]);
  expect(sentIn(narrow) + missedIn(narrow)).toBe(1000);
  expect(missedIn(narrow)).toBeGreaterThan(0);
  expect(sentIn(other)).toBe(0);
  expect(markersInFile(folder, marker)).toBe(1000);
});

const asNobody = async (socket: string, groups: readonly string[]): Promise<string> => {
  const program = [
    'import socket, sys',
    's = socket.socket(socket.AF_UNIX)',
    'try: s.connect(sys.argv[1])',
    'except OSError as error: print(type(error).__name__); sys.exit()',
    's.send(b"GET /v1/info HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")',
    'print(s.recv(15).decode())',
  ].join('\n');
  const { stdout, stderr } = await run('setpriv', [
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    ...groups,
    '/usr/bin/python3',
    '-c',
    program,
    socket,
  ]);
  return stdout.trim() || stderr;
};

test('other users are refused, a group may be let in, and a reload changes who', async () => {
  const folder = temporaryFolder();
  const config = writeConfig(folder, configOf(folder));
  const ringtail = await startRingtail(config);
  const socket = socketIn(folder);
  expect([lstatSync(socket).mode & 0o777, lstatSync(join(socket, '..')).mode & 0o777]).toEqual([0o600, 0o755]);
  expect(await asNobody(socket, ['--clear-groups'])).toBe('PermissionError');
  const before = await readEvents(await connectControl(socket), { event: 'exec' });

  writeFileSync(config, configOf(folder, { group: '4711' }));
  ringtail.child.kill('SIGHUP');
  await ringtail.log('the configuration was reloaded');
  await before.done;
  expect(before.messages.at(-1)).toEqual({ type: 'end', reason: 'reloaded' });
  expect(lstatSync(socket)).toMatchObject({ gid: 4711 });
  expect(lstatSync(socket).mode & 0o777).toBe(0o660);
  expect(await asNobody(socket, ['--clear-groups'])).toBe('PermissionError');
  expect(await asNobody(socket, ['--groups=4711'])).toBe('HTTP/1.1 200 OK');

  const moved = join(folder, 'run/other.sock');
  writeFileSync(config, configOf(folder, { path: moved }));
  ringtail.child.kill('SIGHUP');
  await until(() => existsSync(moved) && !existsSync(socket), 'the socket to move');
  expect((await connectControl(moved)).info.pid).toBe(ringtail.pid);
  expect((await ringtail.stop()).code).toBe(0);
  expect(readdirSync(join(folder, 'run'))).toEqual([]);
});

test('a second Ringtail is refused and the first untouched; after a kill another one takes its place', async () => {
  const [folder, other] = [temporaryFolder(), temporaryFolder()];
  const first = await startRingtail(writeConfig(folder, configOf(folder)));
  const reading = await readEvents(await connectControl(socketIn(folder)), { event: 'exec' });
  const config = writeConfig(other, configOf(other, { path: socketIn(folder) }));
  const second = launchRingtail(['run', '--config', config]);
  expect((await second.ended).code).toBe(1);
  expect(second.stderr()).toContain(
    `extensions.control.path: cannot listen on ${socketIn(folder)}: the Ringtail of pid ${first.pid} listens there`,
  );
  const third = await startRingtail(writeConfig(other, configOf(other, { path: socketIn(folder), required: false })));
  expect(third.logs()).toContainEqual(expect.objectContaining({ level: 'warn', msg: 'Ringtail runs without its control socket' }));
  expect((await third.stop()).code).toBe(0);
  await run('/bin/true', []);
  await until(() => sentIn(reading) > 0, 'events');

  first.child.kill('SIGKILL');
  await expect(reading.done).rejects.toThrow(`the connection to the Ringtail of pid ${first.pid} broke`);
  // a process that is being killed closes one descriptor after the other
  await first.ended;
  expect(await findControl(socketIn(folder))).toBeUndefined();
  const next = await startRingtail(config);
  expect((await connectControl(socketIn(folder))).info.pid).toBe(next.pid);
  expect((await next.stop()).code).toBe(0);
});
