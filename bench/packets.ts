/**
 * What counting packets costs: CPU time of a datagram and of 64 KiB over TCP on their way over a veth pair whose receiving end is counted, sent and received
 * by one thread with all that the network does meanwhile. In each round each mode by itself, since one that is used anywhere costs packets of other
 * interfaces too, beside a pair that is not counted, and in front of each the same without Ringtail.
 *
 * An empty program at the same place is the reference: what the kernel takes for calling any.
 *
 * usage: node bench/packets.ts [rounds]       needs root, ip, nsenter and unshare
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { quartiles, ratios, show } from './measure.ts';
import { join } from 'node:path';
import { findClang } from '../scripts/lib/tools.mjs';
import { loadAddon } from '../src/kernel/addon.ts';
import { compile, root, startRingtail, work } from './tracers.ts';

const INSIDE = 'inside';
const rounds = Number(process.argv[2] ?? 30);
// all of it in a network of its own, which is gone with this process
if (process.argv[3] !== INSIDE) {
  const { status } = spawnSync('unshare', ['--net', '--', process.execPath, import.meta.filename, String(rounds), INSIDE], {
    stdio: 'inherit',
  });
  process.exit(status ?? 1);
}
const modes = ['auto', 'tcx', 'clsact', 'xdp_generic', 'xdp'] as const;
/** The goals, for `auto`: ns of a datagram, and share of what TCP moves in the time of a CPU. */
const GOAL_NS = 40;
const GOAL_SHARE = 0.03;
const kinds = [
  { name: 'a datagram of 18 bytes', kind: 'udp', count: 20_000 },
  { name: '64 KiB over TCP', kind: 'tcp', count: 2000 },
] as const;
const COUNTED = 0;
const BESIDE = 1;
const PAIRS = 2;
const EMPTY = 'empty tcx';
const treatments = ['nothing', ...modes, EMPTY] as const;

const child = spawn(compile('packet-cost'), [String(PAIRS)], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const next = async (): Promise<string> => {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('packet-cost has ended');
  return value;
};
const [pid, fd] = (await next()).split(' ');
const there = `/proc/${pid}/fd/${fd}`;
const ip = (batch: string, within: readonly string[] = []): void => {
  const [command, ...args] = [...within, 'ip', '-batch', '-'];
  execFileSync(command!, args, { input: batch });
};
const nameOf = (pair: number) => `rtb${pair}`;
const each = (text: (pair: number) => string) => Array.from({ length: PAIRS }, (_, pair) => text(pair)).join('\n');
ip(each((pair) => `link add ${nameOf(pair)} type veth peer name peer${pair} netns ${there}`)); // prettier-ignore
ip(each((pair) => `addr add 10.77.${pair}.1/30 dev ${nameOf(pair)}\nlink set ${nameOf(pair)} up`)); // prettier-ignore
ip(each((pair) => `addr add 10.77.${pair}.2/30 dev peer${pair}\nlink set peer${pair} up`), ['nsenter', `--net=${there}`, '--']); // prettier-ignore
child.stdin.write('go\n');
await next();

const measure = async (pair: number, kind: string, count: number): Promise<number> => {
  child.stdin.write(`${pair} ${kind} ${count}\n`);
  return Number(await next());
};
const startCounting = async (mode: string) =>
  await startRingtail({
    name: 'packets',
    type: 'packets',
    receiver: `{interfaces: [${nameOf(COUNTED)}], mode: ${mode}}`,
    signal: 'metrics',
  });

/** A program that does nothing, where `auto` puts ours. */
const startEmpty = async () => {
  const addon = loadAddon();
  const multiarch = execFileSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).trim();
  const target = join(work, 'empty.bpf.o');
  const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', `-I/usr/include/${multiarch}`];
  execFileSync(findClang(), [...flags, '-c', join(root, 'bench/empty.bpf.c'), '-o', target]);
  const session = new addon.Session(
    { ringBytes: 65_536, frameBytes: 2 << 20, frames: 0, flushMs: 50, maxRows: 1, layouts: { actor: [], events: [] } },
    () => {},
  );
  const object = session.load({ path: target, programs: ['empty_ingress'], options: {}, mapEntries: {} });
  const { index } = (await addon.links()).find(({ name }) => name === nameOf(COUNTED))!;
  await session.attachHook(object, 'empty_ingress', { kind: 'tcx', ifindex: index });
  return { stop: async () => session.close() };
};

const startTreatment = async (treatment: (typeof treatments)[number]): Promise<{ stop(): Promise<void> } | undefined> => {
  if (treatment === 'nothing') return undefined;
  return treatment === EMPTY ? await startEmpty() : await startCounting(treatment);
};

/** ns in each round, in the same order. */
type Taken = { readonly before: number[]; readonly counted: number[]; readonly besideBefore: number[]; readonly beside: number[] };
const keyOf = (treatment: string, kind: string) => `${treatment} ${kind}`;
const results = new Map<string, Taken>();
for (const treatment of treatments)
  for (const { kind } of kinds) results.set(keyOf(treatment, kind), { before: [], counted: [], besideBefore: [], beside: [] });

for (let round = -1; round < rounds; round++) {
  for (const treatment of treatments) {
    const take = async (ofCounted: keyof Taken, ofBeside: keyof Taken): Promise<void> => {
      for (const { kind, count } of kinds) {
        const [counted, beside] = [await measure(COUNTED, kind, count), await measure(BESIDE, kind, count)];
        if (round < 0) continue;
        const taken = results.get(keyOf(treatment, kind))!;
        taken[ofCounted].push(counted);
        taken[ofBeside].push(beside);
      }
    };
    await take('before', 'besideBefore');
    const started = await startTreatment(treatment);
    await take('counted', 'beside');
    await started?.stop();
  }
}
child.stdin.end();
await once(child, 'exit');

const differences = (values: readonly number[], before: readonly number[]) => quartiles(values.map((value, i) => value - before[i]!));
for (const { name, kind, count } of kinds) {
  console.log(`${name}: CPU time, ns; ${rounds} interleaved rounds of ${count}, median [quartiles]`);
  console.log(
    `  ${''.padEnd(12)} ${['counted', 'over nothing', 'ratio', 'not counted, over nothing'].map((title) => title.padStart(26)).join(' ')}`,
  );
  for (const treatment of treatments) {
    const { before, counted, besideBefore, beside } = results.get(keyOf(treatment, kind))!;
    const parts = [
      show(quartiles(counted)),
      show(differences(counted, before)),
      show(ratios(counted, before), 3),
      show(differences(beside, besideBefore)),
    ];
    console.log(`  ${treatment.padEnd(12)} ${parts.map((part) => part.padStart(26)).join(' ')}`);
  }
  const nothing = results.get(keyOf('nothing', kind))!;
  const noise = ratios(nothing.counted, nothing.before);
  if (noise.high - noise.low > 0.1) console.log('  inconclusive: nothing against nothing spreads by more than 10 %');
  const auto = results.get(keyOf('auto', kind))!;
  const over = differences(auto.counted, auto.before).median;
  const share = 1 - 1 / ratios(auto.counted, auto.before).median;
  console.log(
    kind === 'udp'
      ? `  auto: ${over.toFixed(0)} ns a packet; the goal is at most ${GOAL_NS}`
      : `  auto: ${(share * 100).toFixed(1)} % less throughput of a CPU; the goal is at most ${GOAL_SHARE * 100} %`,
  );
}
