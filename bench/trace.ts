/**
 * What `ringtail trace` costs a build: `make -j2` of a generated C project, alone, traced (spans sent by OTLP/HTTP to a server that throws them away, written to a file, or only shown as a tree),
 * and under `strace -f`, in interleaved rounds of one run. The time of the build is that of make inside of what is run, so start-up is told apart; the CPU time is that of make and its children,
 * and beside it that of Ringtail's process: from the build's begin to its end, and in all beyond a trace of nothing. Where the machine is shared, the CPU time of the same build differs by more than
 * all of this; so what the kernel says that the BPF programs took inside of the build is told too: with what Ringtail's process takes it is what a trace adds, but for what it does to caches.
 * Then how far the times of spans are from what programs say of themselves: a small one that notes its first and its last moment, beside
 * whatever else the machine does, and before it, by real-time priority: between an exec and the first instruction of the program another may run.
 *
 * usage: node bench/trace.ts [rounds] [files] [way...]       needs root, gcc, make, bpftool and strace; a way is otlp, file, tree or strace, all when none is said
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeCProject } from '../test/support/c-project.ts';
import { readSpans } from '../test/e2e/support/otlp-json.ts';
import { createRandom } from '../test/support/random.ts';
import { buildWorkloads, workloadFolder } from '../test/workloads/build.mjs';
import { quantile, quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const files = Number(process.argv[3] ?? 200);
const ringtail = fileURLToPath(new URL('../bin/ringtail', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ringtail-bench-'));
const project = join(folder, 'project');
const timeFile = join(folder, 'time');

/** Runs make and says how long it took, the CPU time of it and of all that it waited for, and that of its parent's threads meanwhile. */
const timer = join(folder, 'timer.py');
writeFileSync(
  timer,
  `import glob, os, resource, subprocess, sys, time
def parent():
    return sum(int(open(path).read().split()[0]) for path in glob.glob(f'/proc/{os.getppid()}/task/*/schedstat')) / 1e9
before = parent()
began = time.monotonic()
code = subprocess.call(sys.argv[2:], stdout=subprocess.DEVNULL)
wall = time.monotonic() - began
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], 'w').write(f'{wall} {usage.ru_utime + usage.ru_stime} {parent() - before} {code}')
`,
);

/** Takes what it is sent, in a process of its own: its port is its first line. */
const sink = spawn(
  process.execPath,
  [
    '-e',
    `
  const server = require('node:http').createServer((request, response) => request.resume().on('end', () => response.end()));
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`,
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const port = String((await once(sink.stdout, 'data'))[0]).trim();

/** Times of one build, s: make's own, that of Ringtail while make ran, and what all of it took. */
type Result = { readonly wallS: number; readonly cpuS: number; readonly besideS: number; readonly allCpuS: number };

/** CPU time of a command and all of its children, s: it is run by another process that says so. */
const run = (command: readonly string[]): number => {
  const script = 'import resource, subprocess, sys; subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime)';
  const { stdout, status, stderr } = spawnSync('/usr/bin/python3', ['-c', script, ...command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}; // prettier-ignore

const make = ['/usr/bin/python3', timer, timeFile, 'make', '-j2', '-C', project];
const ways = {
  alone: { name: 'make alone', before: [] },
  again: { name: 'make alone again', before: [] },
  otlp: { name: 'trace, OTLP/HTTP', before: [ringtail, 'trace', '--endpoint', `http://127.0.0.1:${port}`, '--'] },
  file: { name: 'trace, file', before: [ringtail, 'trace', '--output', join(folder, 'spans'), '--'] },
  tree: { name: 'trace, tree only', before: [ringtail, 'trace', '--'] },
  strace: { name: 'strace -f', before: ['strace', '-f', '-qq', '-e', 'trace=process', '-o', join(folder, 'strace')] },
} as const;
type Way = keyof typeof ways;
const isAlone = (way: Way): boolean => way === 'alone' || way === 'again';
const asked = process.argv.slice(4);
const order = (Object.keys(ways) as Way[]).filter((way) => isAlone(way) || asked.length === 0 || asked.includes(way));
const traces = order.filter((way) => !isAlone(way) && way !== 'strace');

const build = (way: Way): Result => {
  writeCProject(project, { files, lines: 40 });
  rmSync(join(folder, 'spans'), { force: true });
  const allCpuS = run([...ways[way].before, ...make]);
  const [wallS = 0, cpuS = 0, besideS = 0, code] = readFileSync(timeFile, 'utf8').split(' ').map(Number);
  if (code !== 0) throw new Error(`make ended with ${code}`);
  return { wallS, cpuS, besideS, allCpuS };
};

const STATISTICS = '/proc/sys/kernel/bpf_stats_enabled';
/** CPU time of all BPF programs while make ran, s; the kernel adds some ns a run for looking. */
const programsS = (way: Way): number => {
  writeCProject(project, { files, lines: 40 });
  const before = readFileSync(STATISTICS);
  writeFileSync(STATISTICS, '1');
  const [from, to] = [join(folder, 'programs-before'), join(folder, 'programs-after')];
  try {
    run([...ways[way].before, 'sh', '-c', `bpftool -j prog show > ${from} && make -j2 -C ${project} && bpftool -j prog show > ${to}`]);
  } finally {
    writeFileSync(STATISTICS, before);
  }
  const timesOf = (file: string): ReadonlyMap<number, number> =>
    new Map(
      (JSON.parse(readFileSync(file, 'utf8')) as readonly { readonly id: number; readonly run_time_ns?: number }[]).map(
        ({ id, run_time_ns: ns = 0 }) => [id, ns],
      ),
    );
  const earlier = timesOf(from);
  return Array.from(timesOf(to)).reduce((sum, [id, ns]) => sum + ns - (earlier.get(id) ?? 0), 0) / 1e9;
};

const MOMENTS = 1000;
buildWorkloads();

/** How much earlier than it says itself a program began, and how much later it ended, µs. */
const differences = (before: readonly string[]): { readonly starts: readonly number[]; readonly ends: readonly number[] } => {
  const [spans, log] = [join(folder, 'spans'), join(folder, 'moments')];
  for (const file of [spans, log]) rmSync(file, { force: true });
  const loop = `i=0; while [ $i -lt ${MOMENTS} ]; do ${join(workloadFolder, 'moments')} ${log}; i=$((i+1)); done`;
  run([ringtail, 'trace', '--no-tree', '--output', spans, '--', ...before, 'sh', '-c', loop]);
  const noted = readFileSync(log, 'utf8').trim().split('\n').map((line) => line.split(' '));
  const byPid = new Map(noted.map(([pid, first, last]) => [pid, { first: BigInt(first!), last: BigInt(last!) }]));
  const pairs = readSpans(spans).flatMap((span) => {
    const moments = span.name === 'moments' ? byPid.get(String(span.attributes.get('process.pid'))) : undefined;
    return moments === undefined ? [] : [{ span, ...moments }];
  });
  if (pairs.length !== MOMENTS) throw new Error(`${pairs.length} spans of ${MOMENTS} programs`);
  return {
    starts: pairs.map(({ span, first }) => Number(first - BigInt(span.startTimeUnixNano)) / 1000),
    ends: pairs.map(({ span, last }) => Number(BigInt(span.endTimeUnixNano) - last) / 1000),
  };
}; // prettier-ignore

try {
  for (const way of order) build(way);
  const nothing = new Map(traces.map((way) => [way, quartiles(Array.from({ length: 5 }, () => run([...ways[way].before, 'true'])))]));
  // What ran before shows in what runs next: by chance, so that it falls on all alike.
  const random = createRandom(1);
  const results = new Map(order.map((way): [Way, Result[]] => [way, []]));
  for (let round = 0; round < rounds; round++)
    for (const { way } of order.map((one) => ({ way: one, place: random.below(2 ** 31) })).toSorted((a, b) => a.place - b.place))
      results.get(way)!.push(build(way));
  const of = (way: Way, value: (result: Result) => number): readonly number[] => results.get(way)!.map(value);
  const againWalls = of('again', ({ wallS }) => wallS);
  const againCpus = of('again', ({ cpuS }) => cpuS);
  const walls = of('alone', ({ wallS }) => wallS).map((value, round) => (value + againWalls[round]!) / 2);
  const cpus = of('alone', ({ cpuS }) => cpuS).map((value, round) => (value + againCpus[round]!) / 2);
  const share = (value: readonly number[]): string => show(ratios(value, cpus), 3);
  console.log(`${files} files, ${rounds} rounds, median [quartiles]; ratios round by round, to the mean of the two builds alone`);
  console.log(`make alone           ${show(quartiles(walls), 2)} s, ${show(quartiles(cpus), 2)} s of CPU`);
  for (const way of order) {
    const wall = show(
      ratios(
        of(way, ({ wallS }) => wallS),
        walls,
      ),
      3,
    );
    console.log(`${ways[way].name.padEnd(20)} ${wall} of its time, ${share(of(way, ({ cpuS }) => cpuS))} of its CPU`);
    const idle = nothing.get(way)?.median;
    if (idle === undefined) continue;
    console.log(`  Ringtail beside it ${share(of(way, ({ besideS }) => besideS))} of its CPU`);
    console.log(
      `  Ringtail in all    ${share(of(way, ({ allCpuS, cpuS }) => allCpuS - cpuS - idle))} of its CPU beyond ${idle.toFixed(2)} s for a trace of nothing`,
    );
  }
  const inside = Array.from({ length: traces.length > 0 ? 5 : 0 }, () => programsS(traces[0]!) / quartiles(cpus).median);
  if (inside.length > 0) console.log(`BPF programs         ${show(quartiles(inside), 4)} of its CPU, inside of it`);
  for (const [how, before] of Object.entries({ 'beside others': [], 'before others': ['chrt', '-f', '50'] }))
    for (const [what, us] of Object.entries(differences(before))) {
      const shown = [0.5, 0.9, 0.99, 1].map((p) => `${p === 1 ? 'most' : `p${p * 100}`} ${quantile(us, p).toFixed(0)} µs`);
      console.log(`${`${what} ${how}`.padEnd(20)} ${shown.join(', ')} from what ${MOMENTS} programs say`);
    }
} finally {
  sink.kill();
  rmSync(folder, { recursive: true, force: true });
}
