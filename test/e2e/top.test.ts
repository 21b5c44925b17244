/** `ringtail top` on terminals, and its figures against those of a program that knows them. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import type { SessionRow, SessionsPage } from '../../src/live/sessions/types.ts';
import { temporaryFolder } from './support/places.ts';
import { run, start, until } from './support/processes.ts';
import { ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';
import { startTmux, type Tmux } from './support/tmux.ts';

const steady = fileURLToPath(new URL('../workloads/steady.py', import.meta.url));

type Truth = {
  readonly port: number;
  readonly connections: readonly { readonly port: number; readonly sent: number; readonly received: number }[];
};

/** A program that clears the screen, turns the text and rings, by its name. */
const HOSTILE = '\u001b[2J\u202e\u0007';
const SHOWN = '\\x1b[2J\\u202e\\x07';

/** A copy of Python with this name, so that it is the executable's. */
const startSteady = async (name: string, count: number, rate = 0) => {
  const executable = join(temporaryFolder(), name);
  copyFileSync('/usr/bin/python3', executable);
  const running = start(executable, [steady, String(count), String(rate)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONHOME: '/usr' },
  });
  const first = await until(() => running.stdout().split('\n', 1)[0], 'its connections', { otherwise: running.stderr });
  return {
    ...running,
    executable,
    truth: JSON.parse(first) as Truth,
    /** What it has sent over the first connection. */
    async finish(): Promise<number> {
      running.child.stdin!.end();
      await running.ended;
      return (JSON.parse(running.stdout().trim().split('\n')[1]!) as { readonly sent: number }).sent;
    },
  };
};

/** Resolves when the terminal is as it should be. */
const isGivenBack = (terminal: Tmux): Promise<unknown> =>
  until(() => isDeepStrictEqual(terminal.modes(), shellModes), 'the terminal is as a shell has it', {
    otherwise: () => `${JSON.stringify(terminal.modes())}\n${terminal.lines().join('\n')}`,
  });

/** As a shell has it. */
const shellModes = { alternate: false, cursor: true, wraps: true, echoes: true };
const screenModes = { alternate: true, cursor: false, wraps: false, echoes: false };

test('a terminal of 80×24 that becomes larger and smaller, with hostile names, and is given back on every way out', async () => {
  const program = await startSteady(HOSTILE, 30);
  const terminal = startTmux(80, 24);
  const top = `${ringtailCommand} top --alone --listening --interval 250ms --pid ${program.pid}`;
  terminal.run('echo "before top"');
  terminal.run(top);

  // 30 connections have two ends each, and there is who listens
  const matched = 61;
  const at80 = await terminal.sees(`1–17 of ${matched}`);
  expect(terminal.modes()).toEqual(screenModes);
  expect(at80).toHaveLength(24);
  expect(at80[0]).toMatch(/^ringtail top · .* every 250 ms · \d\d:\d\d:\d\d$/);
  expect(at80[4]).toBe(`only pid ${program.pid}`);
  expect(at80[5]).toBe('PROCESS             PID PR   LOCAL    PEER                  STATE  SENT/S RECV/S');
  expect(at80[23]).toMatch(/^q quit {2}\? help {2}\/ search/);
  for (const line of at80.slice(6, 23)) expect(line).toMatch(/^\\x1b\[2J\\u202e\\… +\d+ tcp  +:\d+ [·←] /);

  terminal.resize(200, 50);
  const at200 = await terminal.sees(`1–41 of ${matched}`);
  expect(at200).toHaveLength(50);
  expect(at200[0]).toMatch(/\d\d:\d\d:\d\d$/);
  expect(at200[49]).toMatch(/^q quit .*\+ - pace$/);
  const titles = at200.find((line) => line.startsWith('PROCESS'))!;
  const column = (line: string, title: string, width: number): string =>
    line.slice(titles.indexOf(title), titles.indexOf(title) + width).trim();
  for (const line of at200.slice(8, 48)) {
    expect(line.startsWith(SHOWN)).toBe(true);
    expect(column(line, 'PROTO', 4)).toBe('tcp');
    expect(column(line, 'STATE', 11)).toMatch(/^(established|listen)$/);
  }

  // the largest first: the last connection has sent 30,000 bytes from its client and 15,000 back
  terminal.press('s');
  await terminal.sees(new RegExp(`by total ▼[^]*\\nPROCESS .*\\n.*:${program.truth.connections[29]!.port} `));
  terminal.press('Enter');
  await terminal.sees('session    ');
  await terminal.sees(/sent {7}(29 KiB \(30000|15 KiB \(15000) bytes\)/);
  await terminal.sees(`${SHOWN} (pid ${program.pid})`);
  terminal.press('Escape');

  terminal.resize(40, 10);
  const at40 = await terminal.sees('PROCESS    PEER            SENT/S RECV/S');
  expect(at40).toHaveLength(10);
  expect(at40[9]).toMatch(/^q quit /);
  terminal.resize(30, 5);
  await terminal.sees('are the');
  terminal.resize(80, 24);
  await terminal.sees('1–17 of');

  // control-Z, and on
  terminal.press('C-z');
  await terminal.sees('before top');
  await isGivenBack(terminal);
  terminal.run('fg');
  await terminal.sees('1–17 of');
  expect(terminal.modes()).toEqual(screenModes);

  // stopped by somebody who gives no chance to clean up, and on
  process.kill(terminal.child(), 'SIGSTOP');
  await until(() => terminal.lines().some((line) => line.includes('Stopped')), 'the shell says so');
  terminal.run('fg');
  await until(() => terminal.lines()[23]!.startsWith('q quit'), 'it is drawn again', { otherwise: () => terminal.lines().join('\n') });
  expect(terminal.modes()).toEqual(screenModes);

  terminal.press('q');
  await terminal.sees('before top');
  await isGivenBack(terminal);

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    terminal.run(`clear; echo "before ${signal}"; ${top}; echo "code $?"`);
    await terminal.sees('1–17 of');
    process.kill(terminal.child(), signal);
    await terminal.sees('code 0');
    expect(terminal.lines()[0]).toBe(`before ${signal}`);
    await isGivenBack(terminal);
  }
  await program.finish();
});

/** What it prints, one page after the other. */
const pagesOf = async (...args: readonly string[]): Promise<readonly SessionsPage[]> => {
  const { stdout, stderr, code } = await run(ringtailCommand, ['top', '--json', ...args]);
  expect(`${code} ${stderr}`).toMatch(/^0 ringtail: sessions of /);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SessionsPage);
};

test('its figures are those of the program, alone and of a Ringtail that runs, which may end and come back', async () => {
  const folder = temporaryFolder();
  const socket = join(folder, 'control.sock');
  const config = writeConfig(
    folder,
    `receivers: {sockets: {}}
exporters: {nop: {}}
extensions: {control: {path: ${socket}}}
service:
  extensions: [control]
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [sockets], exporters: [nop]}}
`,
  );
  const ringtail = await startRingtail(config);
  const program = await startSteady('steady', 12, 400_000);
  const { truth } = program;

  for (const source of [['--alone'], ['--socket', socket]]) {
    const pages = await pagesOf(
      ...source,
      '--pid',
      String(program.pid),
      '--transport',
      'tcp',
      '--count',
      '3',
      '--interval',
      '300ms',
      '--limit',
      '100',
    );
    expect(pages).toHaveLength(3);
    for (const page of pages) {
      const sessions = page.rows as readonly SessionRow[];
      const clients = truth.connections.map(({ port, sent, received }) => ({
        local: `127.0.0.1:${port}`,
        peer: `127.0.0.1:${truth.port}`,
        sent,
        received,
      }));
      const told = (wanted: (row: SessionRow) => boolean) =>
        sessions
          .filter(wanted)
          .map(({ local, peer, sentBytes, receivedBytes }) => ({ local, peer, sent: sentBytes, received: receivedBytes }))
          .toSorted((a, b) => Number(a.received) - Number(b.received));
      // but for the first, over which more goes
      expect(told(({ local, peer }) => peer.endsWith(`:${truth.port}`) && local !== clients[0]!.local)).toEqual(clients.slice(1));
      expect(sessions).toHaveLength(24);
      expect(new Set(sessions.map(({ process, pid, state, user }) => `${process} ${pid} ${state} ${user}`))).toEqual(
        new Set([`${program.executable} ${program.pid} established root`]),
      );
    }
    // what a page says of a second is what has come since the page before
    const first = (page: SessionsPage) =>
      (page.rows as readonly SessionRow[]).find(({ local }) => local === `127.0.0.1:${truth.connections[0]!.port}`)!;
    for (const [index, page] of pages.entries()) {
      if (index === 0) continue;
      const grown = first(page).sentBytes! - first(pages[index - 1]!).sentBytes!;
      expect(grown).toBeGreaterThan(0);
      expect(Math.abs((first(page).sentRate * page.sinceMs) / 1000 - grown)).toBeLessThan(1);
    }
    expect(first(pages[2]!).sentBytes!).toBeGreaterThan(1000);
    const [processes] = await pagesOf(
      ...source,
      '--view',
      'process',
      '--pid',
      String(program.pid),
      '--transport',
      'tcp',
      '--once',
      '--interval',
      '200ms',
    );
    expect(processes!.rows).toMatchObject([{ pid: program.pid, name: program.executable, sessions: 24, established: 24 }]);
  }

  const terminal = startTmux(100, 30);
  terminal.run(`${ringtailCommand} top --socket ${socket} --interval 250ms --process steady --sort process`);
  await terminal.sees('of 24');
  await terminal.sees(`the Ringtail of pid ${ringtail.pid}`);
  await ringtail.stop();
  await terminal.sees('trying again');
  expect(terminal.modes()).toEqual(screenModes);
  const next = await startRingtail(config);
  await until(() => !terminal.lines().some((line) => line.includes('trying again')), 'it goes on', {
    otherwise: () => terminal.lines().join('\n'),
  });
  await terminal.sees('of 24');
  terminal.press('q');
  await isGivenBack(terminal);
  const sent = await program.finish();
  expect(sent).toBeGreaterThan(1000);
  await next.stop();
});
