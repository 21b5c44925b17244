/** Runs a command as if it had been called itself: its terminal, its signals, its end. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { buildPath } from '../../kernel/addon.ts';

/** Path of what becomes the command: as executables of records are told. */
export const LAUNCHER = buildPath('native/launcher');

export type CommandEnd = {
  /** As a shell has it: 128 + the signal that killed it. */
  readonly code: number;
  readonly signal: NodeJS.Signals | undefined;
};

export type RunningCommand = { readonly pid: number; readonly ended: Promise<CommandEnd> };

/** Those that a person or a service manager sends to us and means the command. */
const forwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;
/** A terminal sends them to all processes of its foreground: the command has them. */
const ofTerminal = ['SIGINT', 'SIGQUIT'] as const;
const STOP_POLL_MS = 100;

/** State in /proc/<pid>/stat: behind the name, which may hold anything. */
const isStopped = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] === 'T';
  } catch {
    return false;
  }
};

/** Names of the variables that bin/ringtail set for Ringtail itself, itself among them. */
const OWN_VARIABLES = 'RINGTAIL_ENVIRONMENT';

/** What the caller of Ringtail had, with TRACEPARENT. */
export const environmentOf = (environment: NodeJS.ProcessEnv, traceparent: string): NodeJS.ProcessEnv => {
  const own = new Set((environment[OWN_VARIABLES] ?? '').split(' '));
  return { ...Object.fromEntries(Object.entries(environment).filter(([name]) => !own.has(name))), TRACEPARENT: traceparent };
};

/**
 * Begins it. Signals that come meanwhile are its own; when it stops, so do we, so that the shell sees it. `user`: a number, undefined: as whom we are.
 * Throws when not even the launcher can be run.
 */
export const runCommand = (
  command: readonly string[],
  { env, user }: { readonly env: NodeJS.ProcessEnv; readonly user: number | undefined },
): RunningCommand => {
  const child = spawn(LAUNCHER, [user === undefined ? '-' : String(user), ...command], { stdio: 'inherit', env });
  const { pid } = child;
  const done = Promise.withResolvers<CommandEnd>();
  const forward = (name: NodeJS.Signals): void => void child.kill(name);
  const ignore = (): void => {};
  for (const name of forwarded) process.on(name, forward);
  for (const name of ofTerminal) process.on(name, ignore);
  const goOn = (): void => void child.kill('SIGCONT');
  process.on('SIGCONT', goOn);
  // what stops only itself stops us too; a terminal has stopped us already
  const timer = setInterval(() => {
    if (pid !== undefined && isStopped(pid)) process.kill(process.pid, 'SIGSTOP');
  }, STOP_POLL_MS);
  const end = (): void => {
    clearInterval(timer);
    for (const name of forwarded) process.off(name, forward);
    process.off('SIGCONT', goOn);
    // the terminal's signals stay ignored: what is left is told in order
  };
  child.once('error', (error) => {
    end();
    done.reject(error);
  });
  child.once('exit', (code, signal) => {
    end();
    done.resolve({ code: signal === null ? (code ?? 0) : 128 + constants.signals[signal], signal: signal ?? undefined });
  });
  return { pid: pid ?? 0, ended: done.promise };
};
