/**
 * How many events of system calls a second are delivered, what is lost, and what the consumer costs: Ringtail to OTLP bytes that are thrown away, beside
 * bpftrace and opensnoop writing text to a file in memory. A flood of reads and writes of one byte, paced at 500,000 a second and unpaced, and of opens.
 *
 * usage: node bench/call-flood.ts [seconds] [rounds]       needs root; opensnoop and bpftrace are Debian's
 */
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePrometheusText } from '../src/service/prometheus-text.ts';
import { quartiles, show } from './measure.ts';
import { bpftrace, compile, mountTracefs, opensnoop, startBpftrace, startOpensnoop, startRingtail, type Tracer } from './tracers.ts';

const seconds = Number(process.argv[2] ?? 4);
const rounds = Number(process.argv[3] ?? 5);
const path = '/tmp/ringtail-bench/b/c/d/e/f/g/h/file';
const output = '/dev/shm/ringtail-bench-flood';
const METRICS_PORT = 18_987;
/** Longer than any flush interval; then the numbers stand still. */
const SETTLE_MS = 1500;

type Load = { readonly name: string; readonly kind: 'io' | 'open'; readonly rate: number };
const loads: readonly Load[] = [
  { name: 'reads and writes of one byte, 500,000 a second', kind: 'io', rate: 500_000 },
  { name: 'reads and writes of one byte, unpaced', kind: 'io', rate: 0 },
  { name: 'opens, unpaced', kind: 'open', rate: 0 },
];

type Flood = { readonly made: number; readonly seconds: number };
type Result = Flood & { readonly delivered: number; readonly lost: number | undefined; readonly cpuSeconds: number };

const program = compile('call-flood');
const flood = ({ kind, rate }: Load): Flood => {
  const [made, took] = execFileSync(program, [kind, String(seconds), String(rate), path], { encoding: 'utf8' })
    .trim()
    .split(' ')
    .map(Number);
  return { made: made!, seconds: took! };
};

const linesWith = async (text: string): Promise<number> => {
  let lines = 0;
  let rest = '';
  for await (const chunk of createReadStream(output, 'latin1')) {
    const parts = (rest + (chunk as string)).split('\n');
    rest = parts.pop()!;
    for (const line of parts) if (line.includes(text)) lines++;
  }
  return lines;
};

const scrape = async (): Promise<(name: string, labels: Readonly<Record<string, string>>) => number> => {
  const text = await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text();
  const samples = parsePrometheusText(text);
  return (name, labels) =>
    samples
      .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((sum, { value }) => sum + value, 0);
};

const measured = async (load: Load, tracer: Tracer, delivered: () => Promise<Pick<Result, 'delivered' | 'lost'>>): Promise<Result> => {
  const before = tracer.cpuSeconds();
  const done = flood(load);
  await sleep(SETTLE_MS);
  const cpuSeconds = tracer.cpuSeconds() - before;
  const counted = await delivered();
  await tracer.stop();
  return { ...done, ...counted, cpuSeconds };
};

const tracers: Readonly<Record<string, (load: Load) => Promise<Result | undefined>>> = {
  nothing: async (load) => ({ ...flood(load), delivered: 0, lost: undefined, cpuSeconds: 0 }),
  ringtail: async (load) => {
    const receiver = `{calls: [${load.kind}${load.kind === 'open' ? ', openat' : ''}], rate_limit: {enabled: false}}`;
    const filter = '{preset: none, process: {drop: [{comm: ["*"]}], keep: [{comm: [call-flood]}]}}';
    const tracer = await startRingtail({ name: 'call-flood', receiver, filter, kernel: '{ring_bytes: 64MiB}', metricsPort: METRICS_PORT });
    return await measured(load, tracer, async () => {
      const value = await scrape();
      return {
        delivered: value('otelcol_exporter_sent_log_records', {}),
        lost: value('ringtail_kernel_events', { receiver: 'syscalls', outcome: 'lost' }),
      };
    });
  },
  bpftrace: async (load) => {
    if (bpftrace === undefined) return undefined;
    const exits = load.kind === 'io' ? ['read', 'write'] : ['openat'];
    const script = exits
      .map((name) => `tracepoint:syscalls:sys_exit_${name} /comm == "call-flood"/ { printf("%d %s %d\\n", pid, comm, args->ret); }`)
      .join(' ');
    return await measured(load, await startBpftrace(script, output), async () => ({
      delivered: await linesWith('call-flood'),
      lost: undefined,
    }));
  },
  opensnoop: async (load) => {
    if (opensnoop === undefined || load.kind === 'io') return undefined;
    return await measured(load, await startOpensnoop(output), async () => ({ delivered: await linesWith('call-flood'), lost: undefined }));
  },
};

mountTracefs();
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, '');
for (const load of loads) {
  const results = new Map<string, Result[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(tracers)) {
      const result = await run(load);
      if (result !== undefined) results.set(name, [...(results.get(name) ?? []), result]);
    }
  }
  console.log(`${load.name}: ${rounds} interleaved rounds of ${seconds} s, median [quartiles]`);
  const plain = quartiles(results.get('nothing')!.map((result) => result.made / result.seconds)).median;
  for (const [name, all] of results) {
    const of = (value: (result: Result) => number, digits = 0) => show(quartiles(all.map(value)), digits);
    const speed = quartiles(all.map((result) => result.made / result.seconds));
    console.log(
      `  ${name.padEnd(10)} ${show({ low: speed.low / 1000, median: speed.median / 1000, high: speed.high / 1000 })} k calls/s, ${(plain / speed.median).toFixed(2)} times slower than nothing` +
        (name === 'nothing'
          ? ''
          : `; delivered ${of((result) => (100 * result.delivered) / result.made, 2)} % of them, ${of((result) => (result.cpuSeconds * 1e6) / Math.max(1, result.delivered), 2)} us of CPU an event` +
            (all[0]!.lost === undefined ? '' : `, counted as lost ${of((result) => result.lost!)}`)),
    );
  }
}
rmSync(output, { force: true });
