/** Processes of the generator, as who begins them sees them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { RuntimeError } from '../../src/core/errors.ts';
import type { Actor } from './truth.ts';
import type { Answer, Order } from './worker.ts';

const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
const build = fileURLToPath(new URL('../../build/', import.meta.url));
const ANSWER_MS = 30_000;
const END_MS = 10_000;

export type Worker = {
  readonly pid: number;
  readonly role: Actor['role'];
  readonly executable: string;
  /** Of its network namespace. */
  readonly netnsInode: () => number;
  order(order: Order): void;
  /** The first answer of this type, also when it has come already. Rejects when the process ends before. */
  answer<T extends Answer['type']>(type: T): Promise<Extract<Answer, { type: T }>>;
  /** Requests that are made so far. */
  progress(): number;
  /** At last by force. */
  end(): Promise<void>;
};

const pathOf = (command: string): string =>
  (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path)) ?? command;

/** The same program under a name that tells what it is; where that cannot be, by its own name. */
const executableFor = (role: Actor['role']): string => {
  const path = join(build, `demo-${role}`);
  try {
    mkdirSync(build, { recursive: true });
    if (statSync(path, { throwIfNoEntry: false })?.ino !== statSync(process.execPath).ino) linkSync(process.execPath, path);
    return path;
  } catch {
    return process.execPath;
  }
};

/** `ownNetns`: in a network namespace of its own, which is gone with it. */
export const startWorker = async (role: Actor['role'], { ownNetns }: { readonly ownNetns: boolean }): Promise<Worker> => {
  const executable = executableFor(role);
  const command = [executable, '--max-semi-space-size=2', '--disable-warning=ExperimentalWarning', worker];
  // by its path: a search along PATH would be seen as execs that fail
  const [program, ...args] = ownNetns ? [pathOf('unshare'), '--net', '--', ...command] : command;
  const child: ChildProcess = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' });
  const answers = new Map<Answer['type'], Answer>();
  const waiting = new Set<() => void>();
  let failure: Error | undefined;
  let requests = 0;
  const wake = () => waiting.forEach((look) => look());
  const ended = new Promise<void>((resolve) => {
    const over = (why: string) => {
      failure ??= new RuntimeError(`the ${role} ${why}`);
      resolve();
      wake();
    };
    child.on('error', (error) => over(`cannot be started: ${error.message}`));
    child.on('exit', (code, signal) => over(`ended early, with ${signal ?? code}`));
  });
  // it may end before it has read all of its orders
  child.stdin!.on('error', () => {});
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer;
    if (answer.type === 'progress') requests = answer.requests;
    else answers.set(answer.type, answer);
    wake();
  });
  const answer = <T extends Answer['type']>(type: T): Promise<Extract<Answer, { type: T }>> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = answers.get(type);
        if (found === undefined && failure === undefined) return;
        waiting.delete(look);
        if (found === undefined) reject(failure);
        else resolve(found as Extract<Answer, { type: T }>);
      };
      waiting.add(look);
      look();
    });
  const end = async (): Promise<void> => {
    child.stdin!.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(timer);
  };
  const timer = setTimeout(() => child.kill('SIGKILL'), ANSWER_MS);
  try {
    await answer('hello');
  } catch (error) {
    await end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const pid = child.pid!;
  const netns = Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))![0]);
  return {
    pid,
    role,
    executable: readlinkSync(`/proc/${pid}/exe`),
    netnsInode: () => netns,
    order: (order) => void child.stdin!.write(`${JSON.stringify(order)}\n`),
    answer,
    progress: () => requests,
    end,
  };
};

/** Of the v2 hierarchy; empty: there is none. */
export const cgroupOf = (pid: number): string => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
