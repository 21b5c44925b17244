/** Child processes of the tests: started, waited for, and stopped by pid whatever happens. */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** Between two looks at a condition, ms. */
const LOOK_MS = 25;
/** Output that is kept of one stream, characters; the rest is thrown away from the front. */
const KEPT_CHARACTERS = 4 << 20;

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Running = {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  hasEnded(): boolean;
  stdout(): string;
  stderr(): string;
};

/** Resolves when `look` gives something that is true; throws after `deadlineMs` with what `otherwise` tells. */
export const until = async <T>(
  look: () => T | Promise<T>,
  what: string,
  { deadlineMs = 30_000, otherwise = () => '' }: { readonly deadlineMs?: number; readonly otherwise?: () => string } = {},
): Promise<Exclude<T, false | 0 | '' | null | undefined>> => {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen as Exclude<T, false | 0 | '' | null | undefined>;
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain for ${what}\n${otherwise()}`);
    await wait(LOOK_MS);
  }
};

/** Starts a program; it is killed when the test ends, if it has not ended by then. */
export const start = (command: string, args: readonly string[], options: SpawnOptions = {}): Running => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const kept = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => (kept[name] = (kept[name] + text).slice(-KEPT_CHARACTERS)));
  }
  let over = false;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      over = true;
      resolve({ code, signal });
    });
  });
  ended.catch(() => {});
  onTestFinished(async () => {
    if (!over && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended.catch(() => {});
  });
  return { pid: child.pid ?? -1, child, ended, hasEnded: () => over, stdout: () => kept.stdout, stderr: () => kept.stderr };
};

/** Runs a program to its end. */
export const run = async (
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Ended & { readonly stdout: string; readonly stderr: string }> => {
  const running = start(command, args, options);
  const ended = await running.ended;
  return { ...ended, stdout: running.stdout(), stderr: running.stderr() };
};

/** Children of all threads of a process that runs. */
export const childrenOf = (pid: number): readonly number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
    readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );

/** Arguments of a process that runs. */
export const commandLine = (pid: number): readonly string[] => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');

/** Anonymous memory of a process in KiB; undefined when it is gone. It leaves out the ring, which is mapped. */
export const rssAnonKib = (pid: number): number | undefined => {
  try {
    const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib);
  } catch {
    return undefined;
  }
};

/** Notes RssAnon every 250 ms until it is told to stop. */
export const sampleRssAnon = (pid: number): { stop(): readonly number[] } => {
  const samples: number[] = [];
  const timer = setInterval(() => {
    const kib = rssAnonKib(pid);
    if (kib !== undefined) samples.push(kib);
  }, 250);
  onTestFinished(() => clearInterval(timer));
  return {
    stop() {
      clearInterval(timer);
      return samples;
    },
  };
};
