/** Tracers that a benchmark starts and stops: Ringtail as a user runs it, and what it is compared with. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
/** Where benchmarks put what they build and write. */
export const work = join(root, 'build/bench');
/** Long enough for any of them to have attached everything. */
const READY_MS = 30_000;
const TICKS_PER_S = 100;

export const firstOf = (paths: readonly string[]): string | undefined => paths.find((path) => existsSync(path));
export const opensnoop = firstOf(['/usr/sbin/opensnoop', '/usr/bin/opensnoop']);
export const tcplife = firstOf(['/usr/sbin/tcplife', '/usr/bin/tcplife']);
export const bpftrace = firstOf(['/usr/bin/bpftrace', '/usr/sbin/bpftrace']);

/** Compiles a C program of bench/ into `work`; returns its path. */
export const compile = (name: string): string => {
  mkdirSync(work, { recursive: true });
  const target = join(work, name);
  execFileSync('gcc', ['-O2', '-static', '-Wall', '-o', target, join(root, `bench/${name}.c`)]);
  return target;
};

/** opensnoop and bpftrace attach to tracepoints by name. */
export const mountTracefs = (): void => {
  if (!existsSync('/sys/kernel/tracing/events')) execFileSync('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing']);
};

export type Tracer = {
  readonly pid: number;
  /** CPU time since it was started, s. */
  cpuSeconds(): number;
  /** Ends it as control-C does; resolves when it is gone. */
  stop(): Promise<void>;
};

const tracerOf = (child: ChildProcess): Tracer => ({
  pid: child.pid!,
  cpuSeconds() {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  },
  async stop() {
    const gone = once(child, 'exit');
    child.kill('SIGINT');
    await gone;
  },
});

/** stdout and stderr of the command go to a file; `isReady` is asked with what it holds. */
const start = async (
  command: string,
  args: readonly string[],
  output: string,
  isReady: (text: string, pid: number) => boolean,
): Promise<Tracer> => {
  rmSync(output, { force: true });
  const file = openSync(output, 'w');
  const child = spawn(command, args, { stdio: ['ignore', file, file] });
  closeSync(file);
  const end = performance.now() + READY_MS;
  while (!isReady(readFileSync(output, 'utf8'), child.pid!)) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${readFileSync(output, 'utf8').slice(-1000)}`);
    if (performance.now() > end) throw new Error(`${command} is not ready after ${READY_MS} ms`);
    await sleep(50);
  }
  return tracerOf(child);
};

export type RingtailOptions = {
  readonly name: string;
  /** Options of the receiver, as YAML in one line. */
  readonly receiver: string;
  /** Its type; `syscalls` when it is not given. */
  readonly type?: string;
  /** More receivers of the same pipeline by type, with their options. */
  readonly others?: Readonly<Record<string, string>>;
  /** What its pipeline carries; `logs` when it is not given. */
  readonly signal?: 'logs' | 'metrics';
  /** Options of a filter at the beginning, as YAML in one line. */
  readonly filter?: string;
  /** Where its records go; by default encoded as OTLP and thrown away. */
  readonly exporter?: string;
  readonly kernel?: string;
  /** Port of the page with its metrics; none when it is not given. */
  readonly metricsPort?: number;
};

/** OTLP bytes in memory, of which the oldest are thrown away. */
const DISCARD =
  'file: {path: /dev/shm/ringtail-bench.pb, format: proto, append: false, rotation: {max_megabytes: 64, max_backups: 1}, sending_queue: {queue_size: 256MiB}}';

export const startRingtail = async ({
  name,
  receiver,
  type = 'syscalls',
  others = {},
  signal = 'logs',
  filter,
  exporter = DISCARD,
  kernel,
  metricsPort,
}: RingtailOptions): Promise<Tracer> => {
  mkdirSync(work, { recursive: true });
  const config = join(work, `${name}.yaml`);
  const processors = filter === undefined ? '[]' : '[filter]';
  const receivers = Object.entries({ [type]: receiver, ...others }).map(([id, options]) => `${id}: ${options}`);
  const level = metricsPort === undefined ? '{level: none}' : `{level: normal, address: "127.0.0.1:${metricsPort}"}`;
  writeFileSync(
    config,
    `receivers: {${receivers.join(', ')}}
${filter === undefined ? '' : `processors: {filter: ${filter}}\n`}exporters: {${exporter}}
${kernel === undefined ? '' : `kernel: ${kernel}\n`}service:
  telemetry: {metrics: ${level}, logs: {encoding: json}}
  pipelines: {${signal}: {receivers: [${[type, ...Object.keys(others)].join(', ')}], processors: ${processors}, exporters: [${exporter.split(':')[0]}]}}
`,
  );
  return await start(join(root, 'bin/ringtail'), ['run', '--config', config], join(work, `${name}.log`), (text) =>
    /"ready"|is ready/.test(text),
  );
};

const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
const programNames = (): readonly string[] =>
  (JSON.parse(execFileSync('bpftool', ['prog', 'show', '-j'], { encoding: 'utf8', env, maxBuffer: 1 << 26 })) as { name?: string }[]).map(
    (program) => program.name ?? '',
  );

/** It says nothing when it is ready: its programs are looked for. */
export const startOpensnoop = async (output: string): Promise<Tracer> =>
  await start(opensnoop!, [], output, () => programNames().filter((name) => name.startsWith('tracepoint__sy')).length >= 2);

export const startBpftrace = async (script: string, output: string): Promise<Tracer> =>
  await start(bpftrace!, ['-e', `BEGIN { printf("ready\\n"); } ${script}`], output, (text) => text.includes('ready'));

/** It says nothing either: its output waits in a buffer. */
export const startTcplife = async (output: string): Promise<Tracer> =>
  await start(tcplife!, [], output, () => programNames().includes('inet_sock_set_state'));
