/**
 * What counting packets costs: CPU time of a datagram and of 64 KiB over TCP on their way over a veth pair whose receiving end is counted in each mode, sent and
 * received by one thread with all that the network does meanwhile. Interleaved rounds of one run: no Ringtail, over two pairs; then a pair for each mode, and
 * one that is not counted. Above it: the goal, for `auto`.
 *
 * usage: node bench/packets.ts [rounds]       needs root, ip and nsenter
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { quartiles, ratios, show } from './measure.ts';
import { compile, startRingtail } from './tracers.ts';

const rounds = Number(process.argv[2] ?? 30);
const modes = ['auto', 'tcx', 'clsact', 'xdp_generic', 'xdp'] as const;
/** The goals, for `auto`: ns of a datagram, and share of TCP. */
const GOAL_NS = 40;
const GOAL_SHARE = 0.03;
const kinds = [
  { name: 'a datagram of 18 bytes', kind: 'udp', count: 20_000 },
  { name: '64 KiB over TCP', kind: 'tcp', count: 2000 },
] as const;
/** The pair of each row; the first two are measured while Ringtail does not run. */
const rows = ['nothing', 'nothing, again', ...modes, 'beside it'] as const;
const BARE = 2;

const child = spawn(compile('packet-cost'), [String(rows.length)], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const next = async (): Promise<string> => {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('packet-cost has ended');
  return value;
};
const [pid, first, second] = (await next()).split(' ');
const netnsOf = (fd: string | undefined) => `/proc/${pid}/fd/${fd}`;
const ip = (fd: string | undefined, batch: string): void =>
  void execFileSync('nsenter', [`--net=${netnsOf(fd)}`, '--', 'ip', '-batch', '-'], { input: batch });

const nameOf = (row: number) => `rtb${row}`;
const each = (text: (row: number) => string) => rows.map((_, row) => text(row)).join('\n');
ip(first, each((row) => `link add ${nameOf(row)} type veth peer name peer${row} netns ${netnsOf(second)}`)); // prettier-ignore
ip(first, each((row) => `addr add 10.77.${row}.1/30 dev ${nameOf(row)}\nlink set ${nameOf(row)} up`)); // prettier-ignore
ip(second, each((row) => `addr add 10.77.${row}.2/30 dev peer${row}\nlink set peer${row} up`)); // prettier-ignore
child.stdin.write('go\n');
await next();

const measure = async (row: number, kind: string, count: number): Promise<number> => {
  child.stdin.write(`${row} ${kind} ${count}\n`);
  return Number(await next());
};
const startCounting = async () => {
  const [one, ...others] = modes.map((mode, i) => [mode, `{interfaces: [${nameOf(BARE + i)}], mode: ${mode}}`] as const);
  return await startRingtail({
    name: 'packets',
    type: `packets/${one![0]}`,
    receiver: one![1],
    others: Object.fromEntries(others.map(([mode, options]) => [`packets/${mode}`, options])),
    signal: 'metrics',
    within: ['nsenter', `--net=${netnsOf(first)}`, '--'],
  });
};

/** ns by row. */
const results = new Map(kinds.map(({ kind }) => [kind, rows.map((): number[] => [])] as const));
for (let round = -1; round < rounds; round++) {
  const take = async (from: number, to: number): Promise<void> => {
    for (const { kind, count } of kinds)
      for (let row = from; row < to; row++) {
        const ns = await measure(row, kind, count);
        if (round >= 0) results.get(kind)![row]!.push(ns);
      }
  };
  await take(0, BARE);
  const ringtail = await startCounting();
  await take(BARE, rows.length);
  await ringtail.stop();
}
child.stdin.end();
await once(child, 'exit');

for (const { name, kind, count } of kinds) {
  const [nothing, again] = results.get(kind)!;
  console.log(`${name}: CPU time, ns; ${rounds} interleaved rounds of ${count}, median [quartiles]`);
  console.log(`  ${''.padEnd(16)} ${''.padStart(24)} ${'over nothing'.padStart(24)} ${'ratio'.padStart(22)}`);
  for (const [row, values] of results.get(kind)!.entries()) {
    const over = quartiles(values.map((value, round) => value - nothing![round]!));
    const parts = [show(quartiles(values)).padStart(24), show(over).padStart(24), show(ratios(values, nothing!), 3).padStart(22)];
    console.log(`  ${rows[row]!.padEnd(16)} ${parts.join(' ')}`);
  }
  const noise = ratios(again!, nothing!);
  if (noise.high - noise.low > 0.1) console.log('  inconclusive: nothing against nothing spreads by more than 10 %');
  const auto = results.get(kind)![BARE]!;
  const over = quartiles(auto.map((value, round) => value - nothing![round]!)).median;
  const share = 1 - 1 / ratios(auto, nothing!).median;
  console.log(
    kind === 'udp'
      ? `  auto: ${over.toFixed(0)} ns a packet; the goal is at most ${GOAL_NS}`
      : `  auto: ${(share * 100).toFixed(1)} % less throughput of a CPU; the goal is at most ${GOAL_SHARE * 100} %`,
  );
}
