/** Many short-lived processes, and what must have been recorded of each. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import type { LogRecord, Value } from './otlp-file.ts';
import { run } from './processes.ts';

/** Every second worker of a storm is this user. */
export const OTHER_USER = { uid: 65_534, name: 'nobody' } as const;

export type StormOptions = {
  readonly program: string;
  readonly count: number;
  readonly workers: number;
  /** Children of a worker that run at the same time. */
  readonly parallel: number;
  readonly liveUs: number;
  /** Children a second; 0 is as fast as possible. */
  readonly perSecond: number;
  /** Begins each unique argument. */
  readonly prefix: string;
  /** Where the pids go. */
  readonly listFile: string;
};

export type Storm = StormOptions & {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly workerPids: readonly number[];
  /** By index. */
  readonly pids: Uint32Array;
};

/** Runs a storm to its end; throws when a child could not be started or ended otherwise than it should. */
export const runStorm = async (options: StormOptions): Promise<Storm> => {
  const { program, count, workers, parallel, liveUs, perSecond, prefix, listFile } = options;
  const startedMs = Date.now();
  const flags = { n: count, w: workers, p: parallel, l: liveUs, r: perSecond, u: OTHER_USER.uid, x: prefix, o: listFile };
  const { code, stdout, stderr } = await run(
    program,
    Object.entries(flags).flatMap(([flag, value]) => [`-${flag}`, String(value)]),
  );
  if (code !== 0) throw new Error(`the storm ended with ${code}: ${stdout} ${stderr}`);
  const list = readFileSync(listFile);
  return {
    ...options,
    startedMs,
    endedMs: Date.now(),
    workerPids: (JSON.parse(stdout) as { workers: number[] }).workers,
    pids: new Uint32Array(list.buffer, list.byteOffset, list.byteLength / 4),
  };
};

/** Wrong things by what is wrong, with the first few examples: a hundred thousand of the same kind are one line. */
const createProblems = () => {
  const found = new Map<string, { count: number; readonly examples: string[] }>();
  return {
    add(what: string, example: string) {
      const entry = found.get(what) ?? { count: 0, examples: [] };
      found.set(what, entry);
      entry.count++;
      if (entry.examples.length < 3) entry.examples.push(example);
    },
    list: (): readonly string[] => Array.from(found, ([what, { count, examples }]) => `${count} × ${what}: ${examples.join('; ')}`),
  };
};

const isoMicroseconds = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** The wall clock may be set a little while the test runs; creation times are reckoned from boot time. */
const CLOCK_SLACK_MS = 1000;

/** Takes every record, and then says what is wrong with those of the storm. */
export const createStormCheck = (storm: Storm) => {
  const { program, count, prefix, workerPids, pids, liveUs } = storm;
  const problems = createProblems();
  const execs = new Uint8Array(count);
  const exits = new Uint8Array(count);
  /** Times that a pid was given out less the times that a fork record told of it: pids come again where there are few. */
  const untold = new Map<number, number>();
  for (const pid of pids) untold.set(pid, (untold.get(pid) ?? 0) + 1);
  /** Of the exec record; pid and creation time name a process for good. */
  const byIdentity = new Map<string, number>();
  const exitRecords: LogRecord[] = [];
  let forks = 0;
  const workers = new Set(workerPids);
  const owner = (index: number) =>
    (index % workerPids.length) % 2 === 1 ? OTHER_USER : { uid: process.getuid!(), name: userInfo().username };
  const identity = ({ attributes }: LogRecord) =>
    `${String(attributes.get('process.pid'))} ${String(attributes.get('process.creation.time'))}`;

  const expectAttribute = (record: LogRecord, index: number, name: string, wanted: Value): void => {
    const value = record.attributes.get(name);
    const same = Array.isArray(wanted) ? JSON.stringify(value) === JSON.stringify(wanted) : value === wanted;
    if (!same)
      problems.add(
        `${record.eventName} with another ${name}`,
        `${prefix}${index}: ${JSON.stringify(value)} instead of ${JSON.stringify(wanted)}`,
      );
  };

  const common = (record: LogRecord, index: number): void => {
    const user = owner(index);
    expectAttribute(record, index, 'process.executable.path', program);
    expectAttribute(record, index, 'process.executable.name', basename(program));
    expectAttribute(record, index, 'process.owner', user.name);
    expectAttribute(record, index, 'process.user.id', user.uid);
    expectAttribute(record, index, 'process.parent_pid', workerPids[index % workerPids.length]!);
    expectAttribute(record, index, 'process.pid', pids[index]!);
    expectAttribute(record, index, 'ringtail.attribution', 'ebpf');
    const created = String(record.attributes.get('process.creation.time'));
    const createdMs = Date.parse(created);
    if (!isoMicroseconds.test(created) || createdMs < storm.startedMs - CLOCK_SLACK_MS || createdMs > storm.endedMs + CLOCK_SLACK_MS) {
      problems.add('creation time that is not within the run', `${prefix}${index}: ${created}`);
    }
    if (record.timeUnixNano / 1_000_000n < BigInt(createdMs))
      problems.add(`${record.eventName} before the process was made`, `${prefix}${index}`);
    if (record.severityNumber !== 9 || record.scope !== 'ringtail/process')
      problems.add('another severity or scope', `${prefix}${index}: ${record.severityNumber} ${JSON.stringify(record.scope)}`);
  };

  const onExec = (record: LogRecord): void => {
    const args = record.attributes.get('process.command_args') as readonly string[] | undefined;
    const name = args?.[1];
    if (!name?.startsWith(prefix)) return;
    const index = Number(name.slice(prefix.length));
    if (!(index < count)) return problems.add('an argument that nobody gave', name);
    execs[index]!++;
    byIdentity.set(identity(record), index);
    common(record, index);
    expectAttribute(record, index, 'process.command_args', ['storm-child', name, String(liveUs)]);
    expectAttribute(record, index, 'process.args_count', 3);
    expectAttribute(record, index, 'process.working_directory', process.cwd());
    expectAttribute(record, index, 'ringtail.process.caller.executable.path', program);
    expectAttribute(record, index, 'ringtail.syscall.name', 'execve');
  };

  const onFork = ({ attributes }: LogRecord): void => {
    if (!workers.has(Number(attributes.get('process.pid')))) return;
    const child = Number(attributes.get('ringtail.child.pid'));
    forks++;
    untold.set(child, (untold.get(child) ?? 0) - 1);
    const path = attributes.get('process.executable.path');
    if (path !== program) problems.add('a fork by another program', `of ${child} by ${JSON.stringify(path)}`);
  };

  const onRecord = (record: LogRecord): void => {
    if (record.eventName === 'ringtail.process.exec') onExec(record);
    else if (record.eventName === 'ringtail.process.fork') onFork(record);
    else if (record.eventName === 'ringtail.process.exit' && untold.has(Number(record.attributes.get('process.pid'))))
      exitRecords.push(record);
    else if (record.eventName === 'ringtail.loss') problems.add('loss', JSON.stringify(Object.fromEntries(record.attributes)));
  };

  const matchExits = (): void => {
    for (const record of exitRecords) {
      const index = byIdentity.get(identity(record));
      if (index === undefined) {
        // the pid may have been of another process before or after
        if (record.attributes.get('process.executable.path') === program) problems.add('exit without an exec', identity(record));
        continue;
      }
      exits[index]!++;
      common(record, index);
      expectAttribute(record, index, 'process.exit.code', index % 64);
    }
  };

  const tally = (what: string, counts: Uint8Array, atMostOnce: boolean) => {
    for (let index = 0; index < count; index++) {
      if (counts[index] === 0) problems.add(`no ${what}`, `${prefix}${index}`);
      else if (atMostOnce && counts[index]! > 1) problems.add(`${what} more than once`, `${prefix}${index}`);
    }
    return counts.reduce((sum, value) => sum + value, 0);
  };

  return {
    onRecord,
    /** What is wrong, and how many records there are of each kind. `atMostOnce: false` allows that a record came twice. */
    finish({ atMostOnce = true } = {}) {
      matchExits();
      for (const [pid, times] of untold)
        if (times > 0 || (atMostOnce && times < 0)) problems.add(times > 0 ? 'no fork' : 'fork more than once', String(pid));
      const counts = { execs: tally('exec', execs, atMostOnce), exits: tally('exit', exits, atMostOnce), forks };
      return {
        counts,
        problems: problems.list(),
        missing: { execs: execs.filter((n) => n === 0).length, exits: exits.filter((n) => n === 0).length },
      };
    },
  };
};
