/**
 * What a send costs while metrics are taken and nothing else: a byte and 64 KiB over TCP, a datagram sent and received; CPU time of those who call, with
 * all that the network does inside their calls. Over few sockets, all of which the caches hold, and over many, in few cgroups and in as many. Interleaved
 * rounds of one run: nothing, Ringtail's metrics of sockets, and all of its metrics. Beside it the CPU time of Ringtail itself.
 *
 * usage: node bench/metrics-cost.ts [rounds]       needs root and the v2 hierarchy
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { quartiles, ratios, show, type Quartiles } from './measure.ts';
import { compile, startRingtail, type Tracer } from './tracers.ts';

const rounds = Number(process.argv[2] ?? 30);
type Spread = { readonly sockets: number; readonly cgroups: number };
const spreads: readonly [hot: Spread, few: Spread, many: Spread] = [
  { sockets: 10, cgroups: 10 },
  { sockets: 10_000, cgroups: 10 },
  { sockets: 10_000, cgroups: 10_000 },
];
const wordsOf = ({ sockets, cgroups }: Spread): string => `${sockets} sockets, ${cgroups} cgroups`;
const kinds = [
  { name: 'a byte over TCP', transport: 'tcp', bytes: 1, count: 50_000 },
  { name: '64 KiB over TCP', transport: 'tcp', bytes: 65_536, count: 3000 },
  { name: 'a datagram', transport: 'udp', bytes: 1, count: 25_000 },
] as const;
/** All of them at once are open sessions. */
const ROOM = '{max_sessions: 262144}';

type Treatment = { readonly name: string; readonly start: () => Promise<Tracer | undefined> };
const treatments: readonly Treatment[] = [
  { name: 'nothing', start: async () => undefined },
  { name: 'nothing, again', start: async () => undefined },
  {
    name: 'metrics of sockets',
    start: () => startRingtail({ name: 'metrics-cost', type: 'sockets', receiver: ROOM, signal: 'metrics' }),
  },
  {
    name: 'all metrics',
    start: () =>
      startRingtail({
        name: 'metrics-cost-all',
        type: 'sockets',
        receiver: ROOM,
        signal: 'metrics',
        others: { process: '{}', syscalls: '{calls: [files, network, io]}' },
      }),
  },
];

const v2Mount = (): string => {
  const line = readFileSync('/proc/mounts', 'utf8').split('\n').find((one) => one.split(' ')[2] === 'cgroup2'); // prettier-ignore
  if (line === undefined) throw new Error('no cgroup2 in /proc/mounts');
  return line.split(' ')[1]!;
};

type Sender = {
  /** CPU time of one send and of one receive, ns. */
  send(bytes: number, count: number): Promise<{ readonly sent: number; readonly received: number }>;
  end(): Promise<void>;
};

const program = compile('send-cost');
const startSender = async (folder: string, { sockets, cgroups }: Spread, transport: string): Promise<Sender> => {
  mkdirSync(folder, { recursive: true });
  const child = spawn(program, [folder, String(cgroups), String(sockets), transport], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('send-cost has ended');
    return value;
  };
  await next();
  return {
    async send(bytes, count) {
      child.stdin.write(`${bytes} ${count}\n`);
      const [sent, received] = (await next()).split(' ').map(Number) as [number, number];
      return { sent, received };
    },
    async end() {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
};

const parent = join(v2Mount(), `ringtail-bench-${process.pid}`);
const senders = new Map<string, Sender>();
const keyOf = (transport: string, spread: Spread) => `${transport}, ${wordsOf(spread)}`;
for (const spread of spreads)
  for (const transport of ['tcp', 'udp'])
    senders.set(keyOf(transport, spread), await startSender(join(parent, String(spread.cgroups)), spread, transport));

/** ns by treatment, kind and number of cgroups. */
const results = new Map<string, number[]>();
const valuesOf = (...words: readonly (string | number)[]): number[] => {
  const key = words.join('; ');
  if (!results.has(key)) results.set(key, []);
  return results.get(key)!;
};
const own = new Map<string, number[]>();

for (let round = -1; round < rounds; round++) {
  for (const treatment of treatments) {
    const tracer = await treatment.start();
    const before = tracer?.cpuSeconds() ?? 0;
    const startMs = performance.now();
    for (const { name, transport, bytes, count } of kinds) {
      for (const spread of spreads) {
        const { sent, received } = await senders.get(keyOf(transport, spread))!.send(bytes, count);
        if (round < 0) continue;
        valuesOf(treatment.name, name, wordsOf(spread)).push(transport === 'udp' ? sent + received : sent);
      }
    }
    if (tracer !== undefined && round >= 0) {
      const share = (tracer.cpuSeconds() - before) / ((performance.now() - startMs) / 1000);
      own.set(treatment.name, [...(own.get(treatment.name) ?? []), share * 100]);
    }
    await tracer?.stop();
  }
}
await Promise.all([...senders.values()].map(async (sender) => await sender.end()));
await removeCgroups(parent);

for (const { name, count } of kinds) {
  console.log(`${name}: CPU time, ns; ${rounds} interleaved rounds of ${count}, median [quartiles]`);
  console.log(`  ${''.padEnd(50)} ${''.padStart(24)} ${'over nothing'.padStart(20)} ${'ratio'.padStart(22)}`);
  for (const spread of spreads) {
    const nothing = valuesOf('nothing', name, wordsOf(spread));
    for (const treatment of treatments) {
      const values = valuesOf(treatment.name, name, wordsOf(spread));
      const over: Quartiles = quartiles(values.map((value, round) => value - nothing[round]!));
      const parts = [show(quartiles(values)).padStart(24), show(over).padStart(20), show(ratios(values, nothing), 3).padStart(22)];
      console.log(`  ${`${wordsOf(spread)}: ${treatment.name}`.padEnd(50)} ${parts.join(' ')}`);
    }
    const noise = ratios(valuesOf('nothing, again', name, wordsOf(spread)), nothing);
    if (noise.high - noise.low > 0.1) console.log('  inconclusive: nothing against nothing spreads by more than 10 %');
  }
  const [, few, many] = spreads;
  for (const treatment of treatments.filter((one) => !one.name.startsWith('nothing'))) {
    /** Round by round, as a share of the bare send over as many sockets in as many cgroups. */
    const shares = (spread: Spread): number[] =>
      valuesOf(treatment.name, name, wordsOf(spread)).map((value, round) => value / valuesOf('nothing', name, wordsOf(spread))[round]!);
    console.log(
      `  ${treatment.name}, ratio in ${many.cgroups} cgroups to ratio in ${few.cgroups}: ${show(ratios(shares(many), shares(few)), 3)}`,
    );
  }
}
for (const [name, shares] of own) console.log(`Ringtail itself, ${name}: ${show(quartiles(shares), 1)} % of a CPU meanwhile`);

/** The kernel may still be about to let a process go. */
async function removeCgroups(folder: string): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) await removeCgroups(join(folder, entry.name));
  for (let i = 0; existsSync(folder); i++) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (i === 100) throw error;
      await wait(20);
    }
  }
}
