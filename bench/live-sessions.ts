/**
 * What it takes to look at 10,000 open sessions once a second: CPU time of all processes that do it, user and system together, with a screen of 200 columns and 50
 * lines. `ringtail top` alone; `ringtail top` and what the Ringtail that it asks spends for it, over what that spends when nobody looks; beside them `ss -tnpH`. In
 * turn, in one run; something goes over 500 of the sessions in each second. Root.
 *
 * usage: node bench/live-sessions.ts [rounds] [seconds of a round]
 */
import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { quartiles, show } from './measure.ts';
import { root, work } from './tracers.ts';

const SOCKETS = 10_000;
/** Few enough for the usual limit of descriptors. */
const SOCKETS_PER_PROCESS = 1_000;
const WRITES_PER_PROCESS = 50;
const DEFAULT_ROUNDS = 5;
const DEFAULT_SECONDS = 8;
/** From the start to the rows: all that is done once is over by then. */
const WARM_UP_MS = 4_000;
/** So long, and a little more, a Ringtail keeps sessions behind the last question. */
const KEPT_MS = 16_000;
const INTERVAL_MS = 1_000;
const TICK_MS = 10;
const MS_PER_S = 1_000;
const READY_MS = 30_000;
const TTY = 'stty cols 200 rows 50; exec';

const ringtail = join(root, 'bin/ringtail');

/** In a process of its own: connections to itself, over some of which something goes once a second. */
const holdSockets = async (count: number): Promise<void> => {
  const clients: Socket[] = [];
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < count / 2; i++) {
    const socket = connect(port, '127.0.0.1');
    await Promise.all([once(socket, 'connect'), once(server, 'connection')]);
    clients.push(socket);
  }
  setInterval(() => {
    for (let i = 0; i < WRITES_PER_PROCESS; i++) clients[Math.trunc(Math.random() * clients.length)]!.write('x'.repeat(1000));
  }, INTERVAL_MS);
  process.send!('ready');
  process.on('disconnect', () => process.exit(0));
};

/** CPU time of a process and of what it waited for, ms. */
const cpuMsOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
};

/** The only one that runs `main.js` below a process. */
const ringtailBelow = (pid: number): number | undefined => {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]!.split(' ')[1] === String(pid);
    } catch {
      return false;
    }
  }); // prettier-ignore
  for (const child of children) {
    if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('main.js')) return Number(child);
    const below = ringtailBelow(Number(child));
    if (below !== undefined) return below;
  }
  return undefined;
};

const until = async <T>(what: string, look: () => T | undefined): Promise<T> => {
  const end = performance.now() + READY_MS;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`${what} did not come in ${READY_MS} ms`);
    await sleep(50);
  }
};

type Screen = { readonly pid: number; stop(): Promise<void> };

/** `ringtail top` on a terminal of its own, which nobody reads. */
const startTop = async (...options: readonly string[]): Promise<Screen> => {
  const args = ['-qfec', `${TTY} ${[ringtail, 'top', ...options].join(' ')}`, '/dev/null'];
  const child = spawn('script', args, { stdio: ['pipe', 'ignore', 'inherit'], env: { ...process.env, TERM: 'xterm-256color' } });
  const pid = await until('top', () => ringtailBelow(child.pid!));
  return {
    pid,
    async stop() {
      const gone = once(child, 'exit');
      process.kill(pid, 'SIGTERM');
      await gone;
    },
  };
};

const startService = async (name: string, receivers: string): Promise<{ readonly child: ChildProcess; readonly socket: string }> => {
  const socket = join(work, `${name}.sock`);
  const config = join(work, `${name}.yaml`);
  rmSync(socket, { force: true });
  const list = [...receivers.matchAll(/(\w+):/g)].map(([, type]) => type).join(', ');
  writeFileSync(
    config,
    `receivers: {${receivers}}\nexporters: {nop: }\nextensions: {control: {path: ${socket}}}
service: {telemetry: {metrics: {level: none}}, extensions: [control], pipelines: {logs: {receivers: [${list}], exporters: [nop]}}}\n`,
  );
  const child = spawn(ringtail, ['run', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await until('Ringtail', () => (/"ready"|is ready/.test(told) ? true : undefined));
  return { child, socket };
};

/** Ms of CPU a second, of some processes. */
const measure = async (pids: readonly number[], seconds: number): Promise<number> => {
  const sum = (): number => pids.reduce((total, pid) => total + cpuMsOf(pid), 0);
  const [before, startMs] = [sum(), performance.now()];
  await sleep(seconds * MS_PER_S);
  return ((sum() - before) / (performance.now() - startMs)) * MS_PER_S;
};

const measureTop = async (seconds: number, options: readonly string[], others: readonly number[]): Promise<readonly number[]> => {
  const top = await startTop(...options);
  await sleep(WARM_UP_MS);
  const [own, theirs] = await Promise.all([measure([top.pid], seconds), measure(others, seconds)]);
  await top.stop();
  return [own, theirs];
};

const measureSs = async (seconds: number): Promise<number> => {
  const before = cpuMsOf(process.pid);
  const beforeOwn = process.cpuUsage();
  const startMs = performance.now();
  for (let second = 0; second < seconds; second++) {
    spawnSync('ss', ['-tnpH'], { stdio: ['ignore', 'ignore', 'inherit'] });
    await sleep(Math.max(0, startMs + (second + 1) * INTERVAL_MS - performance.now()));
  }
  const own = process.cpuUsage(beforeOwn);
  return ((cpuMsOf(process.pid) - before - (own.user + own.system) / 1000) / (performance.now() - startMs)) * MS_PER_S;
};

const main = async (rounds: number, seconds: number): Promise<void> => {
  const holders = await Promise.all(
    Array.from({ length: SOCKETS / SOCKETS_PER_PROCESS }, async () => {
      const child = fork(fileURLToPath(import.meta.url), ['hold', `${SOCKETS_PER_PROCESS}`]);
      await once(child, 'message');
      return child;
    }),
  );
  const results = new Map<string, number[]>();
  const note = (name: string, ms: number): void => void results.set(name, [...(results.get(name) ?? []), ms]);
  const services = [
    ['follows processes', await startService('live-process', 'process: ')],
    ['follows sockets', await startService('live-sockets', 'process: , sockets: ')],
  ] as const;
  try {
    for (let round = 0; round < rounds; round++) {
      const [own] = await measureTop(seconds, ['--alone'], []);
      note('top alone', own!);
      for (const [name, { child, socket }] of services) {
        const idle = await measure([child.pid!], seconds);
        const [asks, isAsked] = await measureTop(seconds, ['--socket', socket], [child.pid!]);
        note(`top, of a Ringtail that ${name}`, asks!);
        note(`  what that one spends for it (${name})`, isAsked! - idle);
        note(`top and a Ringtail that ${name}, together`, asks! + isAsked! - idle);
        await sleep(KEPT_MS);
      }
      note('ss -tnpH', await measureSs(seconds));
    }
  } finally {
    for (const [, { child }] of services) child.kill('SIGTERM');
    for (const child of holders) child.disconnect();
  }
  console.log(`${SOCKETS} sessions, a look a second: ms of CPU a second, ${rounds} rounds of ${seconds} s each in turn`);
  for (const [name, values] of results) console.log(`  ${name.padEnd(50)} ${show(quartiles(values), 1)}`);
};

const [, , first = DEFAULT_ROUNDS, second = DEFAULT_SECONDS] = process.argv;
if (first === 'hold') await holdSockets(Number(second));
else await main(Number(first), Number(second));
