/**
 * Who is behind a connection, with 10,000 sockets open: `ringtail who` beside `ss` and `lsof`, each as a user calls it, start included; and the look-up
 * service by its sources. Root. `node bench/who.ts`
 */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createCounters } from '../src/core/counters.ts';
import { createKernelServices } from '../src/kernel/services.ts';
import { createLookupService } from '../src/kernel/sockets/lookup-service.ts';
import type { SocketNeeds } from '../src/kernel/sockets/needs.ts';
import type { SocketQuestion } from '../src/kernel/sockets/question.ts';
import { ratios, quartiles, show } from './measure.ts';

const SOCKETS = 10_000;
/** Few enough for the usual limit of descriptors. */
const SOCKETS_PER_PROCESS = 1_000;
const ROUNDS = 30;
const LOOKUPS = 50;
/** USER_HZ */
const TICK_MS = 10;
const STOP_MS = 2_000;

/** In a process of its own: opens connections to itself, tells the ports of the first one, and keeps them until it is ended. */
const holdSockets = async (count: number): Promise<void> => {
  const kept: Socket[] = [];
  const server = createServer((socket) => kept.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < count / 2; i++) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    kept.push(socket);
  }
  while (kept.length < count) await once(server, 'connection');
  process.send!({ local: kept[0]!.localPort === port ? kept[0]!.remotePort : kept[0]!.localPort, peer: port });
  process.on('disconnect', () => process.exit(0));
};

/** CPU time of the children that have ended, ms; fields 16 and 17 of proc(5). */
const childrenMs = (): number => {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1)!.split(' ');
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
};

type Measured = { readonly wallMs: number[]; cpuMs: number };

const compare = (title: string, commands: readonly (readonly string[])[]): void => {
  const measured = new Map<readonly string[], Measured>(commands.map((command) => [command, { wallMs: [], cpuMs: 0 }]));
  for (let round = -1; round < ROUNDS; round++)
    for (const [command, result] of measured) {
      const cpuMs = childrenMs();
      const startMs = performance.now();
      const { status, error } = spawnSync(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
      if (error !== undefined || status !== 0) throw new Error(`${command.join(' ')}: ${error?.message ?? `ended with ${status}`}`);
      // the first round fills caches
      if (round < 0) continue;
      result.wallMs.push(performance.now() - startMs);
      result.cpuMs += childrenMs() - cpuMs;
    }
  console.log(`${title}, ${ROUNDS} rounds each in turn`);
  const [reference] = measured.values();
  for (const [command, { wallMs, cpuMs }] of measured) {
    const ratio = show(ratios(wallMs, reference!.wallMs), 2);
    const name = command.join(' ').replace(/^\S*\/bin\//, '');
    console.log(`  ${name.padEnd(34)} ${show(quartiles(wallMs))} ms, CPU ${(cpuMs / ROUNDS).toFixed(0)} ms, ${ratio} of the first`);
  }
};

const needs: SocketNeeds = {
  events: new Set(),
  states: new Set(),
  protocols: new Set(['tcp']),
  families: new Set(['ipv4', 'ipv6']),
  loopback: true,
  idleTimeoutMs: {},
  counted: false,
  mode: 'ebpf',
  cgroup: undefined,
  maxSessions: 65_536,
  procfsIntervalMs: 60_000,
  ruleSets: [],
};
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const measureLookups = async (ports: { readonly local: number; readonly peer: number }): Promise<void> => {
  const loopback = Uint8Array.of(127, 0, 0, 1);
  const question: SocketQuestion = {
    protocol: 'tcp',
    local: { address: loopback, port: ports.local },
    peer: { address: loopback, port: ports.peer },
  };
  const kernel = createKernelServices({
    ringBytes: 1 << 20,
    flushRows: 1024,
    flushIntervalMs: 50,
    rootPath: '/',
    rung: 'auto',
    procfsIntervalMs: 60_000,
    counters: createCounters(),
    logger: silent as never,
  });
  const claim = kernel.needSockets(needs);
  await kernel.start();
  const procfs = () => createLookupService({ root: '', counters: createCounters(), readMaps: () => undefined });
  const remembering = procfs();
  await remembering.find(question);
  const sources = [
    ['map', () => kernel.socketLookup!.find(question)],
    ['cache', () => remembering.find(question)],
    ['procfs', () => procfs().find(question)],
  ] as const;
  const times = new Map<string, number[]>(sources.map(([source]) => [source, []]));
  for (let round = 0; round < LOOKUPS; round++)
    for (const [source, find] of sources) {
      const startMs = performance.now();
      const [answer] = await find();
      times.get(source)!.push(performance.now() - startMs);
      if (answer?.source !== source) throw new Error(`the answer came by ${answer?.source}, not by ${source}`);
    }
  console.log(`a look-up by the service, ${LOOKUPS} each in turn`);
  for (const [source, values] of times) console.log(`  ${source.padEnd(8)} ${show(quartiles(values), 2)} ms`);
  claim.end();
  await kernel.stop(STOP_MS);
};

const main = async (): Promise<void> => {
  const holders = await Promise.all(
    Array.from({ length: SOCKETS / SOCKETS_PER_PROCESS }, async () => {
      const child = fork(fileURLToPath(import.meta.url), ['hold', `${SOCKETS_PER_PROCESS}`]);
      const [ports] = (await once(child, 'message')) as [{ local: number; peer: number }];
      return { child, ports };
    }),
  );
  const { ports } = holders[0]!;
  const who = [fileURLToPath(new URL('../bin/ringtail', import.meta.url)), 'who'];
  const { local } = ports;
  try {
    compare(`one connection of ${SOCKETS} sockets`, [
      [...who, `:${local}`],
      ['ss', '-tp', `sport = :${local} or dport = :${local}`],
      ['ss', '-tp'],
      ['lsof', '-i', `:${local}`],
      ['lsof', '-nP', '-i', `:${local}`],
      ['lsof', '-i'],
    ]);
    compare(`all ${SOCKETS} sockets`, [who, ['ss', '-tp'], ['lsof', '-i'], ['lsof', '-nP', '-i']]);
    await measureLookups(ports);
  } finally {
    for (const { child } of holders) child.disconnect();
  }
};

await (process.argv[2] === 'hold' ? holdSockets(Number(process.argv[3])) : main());
