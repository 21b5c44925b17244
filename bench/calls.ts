/**
 * What a system call costs its caller while tracers are attached: getppid, openat + close of a path of ten components, a read and a write of one
 * byte; CPU time of the calling thread. Interleaved rounds of one run; Ringtail in the states that matter, beside a program that does
 * nothing, bpftrace and opensnoop.
 *
 * usage: node bench/calls.ts [rounds]       needs root; opensnoop and bpftrace are Debian's
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAddon } from '../src/kernel/addon.ts';
import { findClang } from '../scripts/lib/tools.mjs';
import { quartiles, ratios, show } from './measure.ts';
import {
  bpftrace,
  compile,
  mountTracefs,
  opensnoop,
  root,
  startBpftrace,
  startOpensnoop,
  startRingtail,
  work,
  type Tracer,
} from './tracers.ts';

const rounds = Number(process.argv[2] ?? 30);
const calls = ['getppid', 'open', 'read', 'write'] as const;
type Call = (typeof calls)[number];
const counts: Readonly<Record<Call, number>> = { getppid: 1_000_000, open: 100_000, read: 300_000, write: 300_000 };
/** /<the folder>/a/b/…: ten components with the file. */
const path = '/tmp/ringtail-bench/b/c/d/e/f/g/h/file';
const ALL = '{calls: [files, io], rate_limit: {enabled: false}}';
const KERNEL = '{ring_bytes: 64MiB}';

const prefixes = Array.from({ length: 999 }, (_, index) => `/srv/data-${index}/*`);

/** Programs that do nothing, attached in this process. */
const startEmpty = async (programs: readonly string[]): Promise<Tracer> => {
  const { Session } = loadAddon();
  const session = new Session(
    { ringBytes: 4096, frameBytes: 2 << 20, frames: 1, flushMs: 50, maxRows: 16, layouts: { actor: [], events: [] } },
    () => {},
  );
  const object = session.load({ path: join(work, 'empty.bpf.o'), programs, options: {}, mapEntries: {} });
  for (const program of programs) session.attach(object, program);
  return {
    pid: process.pid,
    cpuSeconds: () => 0,
    async stop() {
      await session.detach(object);
      session.close();
    },
  };
};

type Treatment = {
  readonly name: string;
  /** What it is compared with, when that is not `nothing`. */
  readonly calls?: readonly Call[];
  readonly start: () => Promise<Tracer | undefined>;
};

const ringtail = (name: string, receiver: string, filter?: string) => () =>
  startRingtail({ name, receiver, kernel: KERNEL, ...(filter === undefined ? {} : { filter }) });

const treatments: readonly Treatment[] = [
  { name: 'nothing', start: async () => undefined },
  { name: 'nothing, again', start: async () => undefined },
  { name: 'an empty exit program', start: () => startEmpty(['empty_exit']) },
  { name: 'empty enter and exit programs', start: () => startEmpty(['empty_enter', 'empty_exit']) },
  { name: 'ringtail, not wanted', start: ringtail('calls-unwanted', '{calls: [unlink]}') },
  { name: 'ringtail, not wanted, closes followed', start: ringtail('calls-closes', '{calls: [unlink, close]}') },
  {
    name: 'ringtail, dropped by comm',
    calls: ['open', 'read', 'write'],
    start: ringtail('calls-comm', ALL, '{preset: none, process: {drop: [{comm: [call-cost]}]}}'),
  },
  {
    name: 'ringtail, dropped by 1,000 prefixes',
    calls: ['open', 'read', 'write'],
    start: ringtail(
      'calls-prefixes',
      ALL,
      `{preset: none, context: {drop: [{path: ["/tmp/ringtail-bench/*", "/dev/*", ${prefixes.map((one) => `"${one}"`).join(', ')}]}]}}`,
    ),
  },
  {
    name: 'ringtail, counted',
    calls: ['open', 'read', 'write'],
    start: () => startRingtail({ name: 'calls-counted', receiver: '{calls: [files, io]}', signal: 'metrics' }),
  },
  { name: 'ringtail, delivered', calls: ['open', 'read', 'write'], start: ringtail('calls-delivered', ALL) },
  ...(bpftrace === undefined
    ? []
    : [
        {
          name: 'bpftrace, delivered',
          calls: ['open', 'read', 'write'] as const,
          start: () =>
            startBpftrace(
              `tracepoint:syscalls:sys_enter_openat { @file[tid] = args->filename; }
               tracepoint:syscalls:sys_exit_openat /@file[tid]/ { printf("%d %s %d %s\\n", pid, comm, args->ret, str(@file[tid])); delete(@file[tid]); }
               tracepoint:syscalls:sys_enter_read { @fd[tid] = args->fd; }
               tracepoint:syscalls:sys_exit_read /@fd[tid]/ { printf("%d %s %d %d\\n", pid, comm, @fd[tid], args->ret); delete(@fd[tid]); }
               tracepoint:syscalls:sys_enter_write { @wfd[tid] = args->fd; }
               tracepoint:syscalls:sys_exit_write /@wfd[tid]/ { printf("%d %s %d %d\\n", pid, comm, @wfd[tid], args->ret); delete(@wfd[tid]); }`.replaceAll(
                /\s+/g,
                ' ',
              ),
              '/dev/shm/ringtail-bench-bpftrace',
            ),
        },
      ]),
  ...(opensnoop === undefined
    ? []
    : [{ name: 'opensnoop', calls: ['open'] as const, start: () => startOpensnoop('/dev/shm/ringtail-bench-opensnoop') }]),
];

mountTracefs();
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, '');
const program = compile('call-cost');
const place = execFileSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).trim();
execFileSync(findClang(), [
  ...'-g -O2 -target bpf -mcpu=v3'.split(' '),
  `-I/usr/include/${place}`,
  '-c',
  join(root, 'bench/empty.bpf.c'),
  '-o',
  join(work, 'empty.bpf.o'),
]);

const cost = (call: Call): number => Number(execFileSync(program, [call, String(counts[call]), path], { encoding: 'utf8' }));

const results = new Map(treatments.map(({ name }) => [name, new Map<Call, number[]>(calls.map((call) => [call, []]))]));
for (let round = -1; round < rounds; round++) {
  for (const treatment of treatments) {
    const tracer = await treatment.start();
    for (const call of treatment.calls ?? calls) {
      const ns = cost(call);
      if (round >= 0) results.get(treatment.name)!.get(call)!.push(ns);
    }
    await tracer?.stop();
  }
}

for (const call of calls) {
  const nothing = results.get('nothing')!.get(call)!;
  console.log(
    `${call}: CPU time of the caller, ns; ${rounds} interleaved rounds of ${counts[call]}, median [quartiles]; beside it what is over nothing`,
  );
  for (const { name } of treatments) {
    const values = results.get(name)!.get(call)!;
    if (values.length === 0) continue;
    const over = quartiles(values.map((value, round) => value - nothing[round]!));
    console.log(
      `  ${name.padEnd(38)} ${show(quartiles(values)).padStart(18)}   ${show(over).padStart(18)}   ${show(ratios(values, nothing), 2)}`,
    );
  }
  const noise = ratios(results.get('nothing, again')!.get(call)!, nothing);
  if (noise.high - noise.low > 0.1) console.log('  inconclusive: nothing against nothing spreads by more than 10 %');
}
