/** System calls in numbers: who is quiet is heard, what matters is not pushed out, and the books say exactly what became of each call. */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { cgroup2Mount } from '../../src/kernel/procfs/mounts.ts';
import type { Ledger } from '../../src/service/ledger.ts';
import { readOtlpFile, type LogRecord } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { run, start, until } from './support/processes.ts';
import { askForLedger, readSamples, type Ringtail, startRingtail, sumOf, writeConfig } from './support/ringtail.ts';

/** The scheduler weighs sessions against each other: what else this machine does must not decide how much we do. */
const AUTOGROUP = '/proc/self/autogroup';
const weigh = (nice: number): void => {
  // children inherit it; it decides between processes of one session, and of none
  setPriority(nice);
  try {
    if (existsSync(AUTOGROUP)) writeFileSync(AUTOGROUP, String(nice));
  } catch (error) {
    // EINVAL: we are in no session of our own (started by init or from a container's first process), so there is nothing to weigh
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  }
};
beforeAll(() => weigh(-20));
afterAll(() => weigh(0));

type SessionOptions = {
  readonly calls: readonly string[];
  /** YAML in one line. */
  readonly limit?: string;
  readonly filter?: string;
  readonly ring: string;
  readonly processes?: boolean;
  /** More keys of the exporter. */
  readonly exporter?: string;
};

type Session = {
  readonly folder: string;
  readonly ringtail: Ringtail;
  /** What the kernel side counted of system calls, by event and outcome. */
  counted(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
  /** When all that was written has been sent: stops it; the books of then. */
  finish(): Promise<Ledger>;
  records(): Promise<readonly LogRecord[]>;
};

const startSession = async ({ calls, limit, filter, ring, processes = false, exporter = '' }: SessionOptions): Promise<Session> => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  // in memory: how fast the disk of this machine is does not matter here
  const memory = mkdtempSync('/dev/shm/ringtail-e2e-');
  onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
  const file = join(memory, 'records');
  const receivers = [...(processes ? ['process'] : []), 'syscalls'];
  const processors = [...(filter === undefined ? [] : ['filter']), 'resolve_process'];
  const config = `
receivers:
  process:
  syscalls: {calls: [${calls.join(', ')}], rate_limit: ${limit ?? '{enabled: false}'}}
processors:
  resolve_process:
  ${filter === undefined ? '' : `filter: ${filter}`}
exporters: {file: {path: ${JSON.stringify(file)}, format: proto, append: false${exporter}}}
kernel: {ring_bytes: ${ring}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [${receivers.join(', ')}], processors: [${processors.join(', ')}], exporters: [file]}}
`;
  const ringtail = await startRingtail(writeConfig(folder, config));
  const counted: Session['counted'] = async () => {
    const counts: Record<string, Record<string, number>> = {};
    for (const { name, labels, value } of await readSamples(metricsPort)) {
      if (name !== 'ringtail_kernel_events') continue;
      const { event = '', outcome = '' } = labels;
      const parts = (counts[event] ??= {});
      parts[outcome] = (parts[outcome] ?? 0) + value;
    }
    return counts;
  };
  return {
    folder,
    ringtail,
    counted,
    async finish() {
      const last = await until(
        async () => {
          const { code, ledger } = await askForLedger(metricsPort);
          return code === 0 && sumOf(ledger, 'exporter', 'held') === 0 && ledger;
        },
        'the books to balance',
        { otherwise: ringtail.stderr },
      );
      expect((await ringtail.stop()).code).toBe(0);
      expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance' });
      return last;
    },
    async records() {
      const records: LogRecord[] = [];
      await readOtlpFile(file, (record) => records.push(record));
      return records;
    },
  };
};

/** Only what our own programs do: other programs of this machine have their own load. */
const only = (...names: readonly string[]): string =>
  `{preset: none, process: {drop: [{comm: "*"}], keep: [{comm: [${names.map((name) => JSON.stringify(name)).join(', ')}]}]}}`;

/** OTLP bytes in memory that are thrown away after a while. */
const THROWN_AWAY = ', rotation: {max_megabytes: 64, max_backups: 1}, sending_queue: {queue_size: 256MiB}';

const numbersOf = (stdout: string): Readonly<Record<string, number>> =>
  Object.fromEntries(stdout.split('\n').flatMap((line) => (line === '' ? [] : [[line.split(' ')[0]!, Number(line.split(' ')[1])]])));

/** Makes a cgroup; what runs the program in it. */
const inCgroup = async (name: string) => {
  const place = await cgroup2Mount('');
  if (place === undefined) return undefined;
  const folder = `${place}/ringtail-e2e-${process.pid}-${name}`;
  mkdirSync(folder);
  onTestFinished(() => until(() => tryRemove(folder), `${folder} to be empty`).then(() => {}));
  return (args: readonly string[]) => start('sh', ['-c', 'echo 0 > "$0/cgroup.procs"; exec "$@"', folder, ...args]);
};

const tryRemove = (folder: string): boolean => {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
};

const QUIET_OPENS = 30;

test('a cgroup at full speed takes nothing from one that does ten things a second', async (context) => {
  const session = await startSession({
    calls: ['open', 'openat', 'read', 'write'],
    limit: '{per: cgroup, events_per_second: 2000, burst: 2000}',
    filter: only('loud-one', 'quiet-one'),
    ring: '1MiB',
  });
  const [loudly, quietly] = [await inCgroup('loud'), await inCgroup('quiet')];
  if (loudly === undefined || quietly === undefined) return context.skip('cgroup v2 is not mounted');
  const loud = loudly([workload('busy'), 'loud-one', 'io', '0', '4']);
  const quiet = quietly([workload('busy'), 'quiet-one', 'open', join(session.folder, 'quiet'), String(QUIET_OPENS), '10']);
  expect([await loud.ended, await quiet.ended]).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  const counts = await session.counted();
  await session.finish();
  const records = await session.records();
  const opened = records.filter(({ attributes }) => String(attributes.get('file.path')).startsWith(join(session.folder, 'quiet-')));
  expect(new Set(opened.map(({ attributes }) => attributes.get('file.path'))).size).toBe(QUIET_OPENS);
  expect(opened.length).toBe(QUIET_OPENS);
  const { reads, writes } = numbersOf(loud.stdout());
  const limited = (counts['read']?.['limited'] ?? 0) + (counts['write']?.['limited'] ?? 0);
  console.log(`the loud one made ${reads! + writes!} calls, ${limited} were over its limit`);
  expect(limited).toBeGreaterThan((reads! + writes!) / 2);
  expect(counts['open']?.['limited'] ?? 0).toBe(0);
  const told = records
    .filter(({ eventName, attributes }) => eventName === 'ringtail.loss' && attributes.get('ringtail.reason') === 'rate_limited')
    .reduce((sum, { attributes }) => sum + Number(attributes.get('ringtail.lost')), 0);
  expect(told).toBe(limited);
});

const EXECS = 200;

test('without a limit a flood of reads takes no program that is started', async () => {
  const session = await startSession({ calls: ['read', 'write'], ring: '8MiB', processes: true, exporter: THROWN_AWAY });
  // who does not read the ring loses what does not fit; the flood fills it and goes on
  session.ringtail.child.kill('SIGSTOP');
  const floods = [1, 2].map(() => start(workload('busy'), ['flood', 'io', '0', '2']));
  for (const flood of floods) expect(await flood.ended).toEqual({ code: 0, signal: null });
  const { code, stdout } = await run(workload('busy'), ['-', 'exec', workload('quick'), String(EXECS)]);
  session.ringtail.child.kill('SIGCONT');
  expect(code).toBe(0);
  const counts = await session.counted();
  await session.finish();
  expect(stdout.split('\n').filter((line) => line.startsWith('child ')).length).toBe(EXECS);
  const lost = (event: string) => counts[event]?.['lost'] ?? 0;
  console.log(`lost of the flood: ${lost('read')} of ${counts['read']!['seen']} reads`);
  expect(lost('read')).toBeGreaterThan(0);
  expect([lost('exec'), lost('fork'), lost('exit')]).toEqual([0, 0, 0]);
  expect(counts['exec']!['written']).toBeGreaterThanOrEqual(EXECS);
});

const PACE = 500_000;
const PACED_SECONDS = 3;
/** This machine may be taken away from us for a while; a product that loses does so every time. */
const ATTEMPTS = 3;
const NEARLY = 0.95;

type Paced = { readonly made: number; readonly perSecond: number; readonly sent: number; readonly lost: number; readonly dropped: number };

const pacedRun = async (): Promise<Paced> => {
  const session = await startSession({ calls: ['read', 'write'], filter: only('busy'), ring: '64MiB', exporter: THROWN_AWAY });
  const { stdout } = await run(workload('busy'), ['-', 'io', String(PACE), String(PACED_SECONDS)]);
  const { reads, writes, took } = numbersOf(stdout);
  const ledger = await session.finish();
  const made = reads! + writes!;
  const [lost, sent, dropped] = [sumOf(ledger, 'kernel', 'lost'), sumOf(ledger, 'exporter', 'sent'), sumOf(ledger, 'exporter', 'dropped')];
  return { made, perSecond: Math.round(made / (took! / 1e9)), sent, lost, dropped };
};

test(`${PACE} calls of one byte a second: each is delivered`, async (context) => {
  const runs: Paced[] = [];
  const isGood = ({ perSecond, lost, dropped }: Paced) => lost + dropped === 0 && perSecond > NEARLY * PACE;
  while (runs.length < ATTEMPTS && !runs.some(isGood)) runs.push(await pacedRun());
  const said = runs.map(
    ({ made, perSecond, sent, lost, dropped }) => `${made} calls, ${perSecond} a second: sent ${sent}, lost ${lost}, dropped ${dropped}`,
  );
  console.log(`paced, ring of 64 MiB, queue of 256 MiB:\n${said.join('\n')}`);
  const { made, perSecond, sent, lost, dropped } = runs.at(-1)!;
  expect(sent + lost + dropped).toBeGreaterThanOrEqual(made);
  expect({ lost, dropped }).toEqual({ lost: 0, dropped: 0 });
  if (perSecond < NEARLY * PACE) context.skip(`this machine makes no ${PACE} calls a second now: ${said.join('; ')}`);
}, 120_000);

/** Records that tell of losses stand among those that were sent; there are a few a second. */
const MOST_TOLD = 50;

test('as fast as it can: the books are exact', async () => {
  const session = await startSession({ calls: ['read', 'write'], filter: only('busy'), ring: '64MiB', exporter: THROWN_AWAY });
  const { code, stdout } = await run(workload('busy'), ['-', 'io', '0', '2']);
  expect(code).toBe(0);
  const { reads, writes, took } = numbersOf(stdout);
  const counts = await session.counted();
  const ledger = await session.finish();
  const [lost, sent, dropped] = [sumOf(ledger, 'kernel', 'lost'), sumOf(ledger, 'exporter', 'sent'), sumOf(ledger, 'exporter', 'dropped')];
  const aSecond = (calls: number) => Math.round(calls / (took! / 1e9));
  console.log(`unpaced: ${aSecond(reads! + writes!)} calls a second, ${aSecond(sent)} delivered, ${lost} lost, ${dropped} dropped`);
  // what the program writes to tell us of it are calls too
  const lines = stdout.trim().split('\n').length;
  const came = (event: string) => counts[event]!['written']! + counts[event]!['lost']!;
  expect({ reads: came('read'), writes: came('write') }).toEqual({ reads, writes: writes! + lines });
  const rest = sent + dropped - (counts['read']!['written']! + counts['write']!['written']!);
  expect(rest).toBeGreaterThanOrEqual(0);
  expect(rest).toBeLessThanOrEqual(MOST_TOLD);
});

/** Names that mean something to a filter that looks at nothing else. */
const borrowed = ['kworker/u8:1', 'systemd-x', 'ringtail', 'node_exporter'];

test('a program that borrows the name of a daemon, a kernel thread or Ringtail is seen', async () => {
  const session = await startSession({ calls: ['files'], filter: '{preset: default}', ring: '8MiB' });
  for (const [index, name] of borrowed.entries())
    expect((await run(workload('busy'), [name, 'open', join(session.folder, `borrowed-${index}`), '3', '1000'])).code).toBe(0);
  await session.finish();
  const records = await session.records();
  for (const [index, name] of borrowed.entries()) {
    const found = records.filter(({ attributes }) =>
      String(attributes.get('file.path')).startsWith(join(session.folder, `borrowed-${index}-`)),
    );
    expect(found.map(({ attributes }) => [attributes.get('ringtail.thread.comm'), attributes.get('ringtail.kernel_thread')])).toEqual(
      Array.from({ length: 3 }, () => [name, undefined]),
    );
  }
});
