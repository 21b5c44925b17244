/** The consoles of the documentation that need root: each does what it shows, with the program as users run it. */
import { execFile } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { filesOf, shown } from '../docs/blocks.ts';
import { runCommand, runSteps, stepsOf } from '../docs/transcript.ts';
import { projectRoot, temporaryFolder } from './support/places.ts';
import { type Running, start, until } from './support/processes.ts';

/** What goes on until it is told to stop. */
const staysOn = (command: string): boolean => /^(npm start|(bin\/)?ringtail run)\b/.test(command);
const readyLine = /"msg":"ready"|\bready\b/;

/** Takes what the pages send to a Collector on this host; a Collector that is there already does as well. */
const startSink = async (): Promise<void> => {
  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.on('error', () => resolve());
  server.listen(4318, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
};

/** The pages show the ports of the defaults: another instance must have let go of them. */
const defaultPorts = [18_888, 18_133, 18_679];
const isFree = (port: number): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return promise;
};

/** What happens on a host anyway, and may not on one that only tests: a program that begins, reads below /etc, and ends. */
const startLife = (): void => {
  const life = setInterval(() => execFile('cat', ['/etc/hostname']), 250);
  onTestFinished(() => clearInterval(life));
};

/** A folder as a reader has it who has set the project up. */
const placeOf = (page: string) => {
  const folder = temporaryFolder();
  for (const name of ['bin', 'config']) symlinkSync(join(projectRoot, name), join(folder, name));
  for (const [name, text] of filesOf(page)) writeFileSync(join(folder, name), text);
  return { folder, environment: { ...process.env, PATH: `${projectRoot}bin:${process.env['PATH']}`, HOME: folder, TOKEN: 'secret' } };
};

test.each(shown('console root', 'sh root'))('%s does what it shows', async (_, { page, info, text }) => {
  await startSink();
  await until(async () => (await Promise.all(defaultPorts.map(isFree))).every(Boolean), `ports ${defaultPorts.join(', ')} to be free`, {
    deadlineMs: 120_000,
  });
  startLife();
  const place = placeOf(page);
  const staying: Running[] = [];
  const run = async (command: string) => {
    const cwd = command.startsWith('npm') ? projectRoot : place.folder;
    if (!staysOn(command)) return runCommand(command, { ...place, folder: cwd });
    // a group of its own gets the signal, as from a terminal
    const running = start('bash', ['-c', `exec ${command}`], { cwd, env: place.environment, detached: true });
    staying.push(running);
    onTestFinished(() => {
      if (!running.hasEnded()) process.kill(-running.pid, 'SIGKILL');
    });
    // a replay ends by itself
    await until(() => running.hasEnded() || readyLine.test(running.stderr()), `${command} to be ready`, {
      deadlineMs: 120_000,
      otherwise: running.stderr,
    });
    if (running.hasEnded()) return { code: (await running.ended).code ?? -1, output: `${running.stdout()}${running.stderr()}` };
    return { code: 0, output: `${running.stdout()}${running.stderr()}` };
  };
  const isConsole = info.startsWith('console');
  expect(await runSteps(stepsOf(text, isConsole), isConsole, run)).toEqual([]);
  for (const running of staying) {
    if (!running.hasEnded()) process.kill(-running.pid, 'SIGINT');
    expect({ ...(await running.ended), stderr: running.stderr() }).toMatchObject({ code: 0, signal: null });
  }
});
