/** Runs one scenario with what it needs and judges what it leaves. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Rung } from '../../../src/kernel/process-programs.ts';
import { heldIds, requireNothingLeft, type BpfIds } from './leftovers.ts';
import { startPipeline, type Pipeline } from './pipeline.ts';
import { Skip, type Context, type Facts, type RunOptions, type Scenario } from './scenario.ts';
import { stopRecorders } from './session-records.ts';

export type Case = { readonly name: string; readonly scenario: Scenario; readonly rung: 'auto' | Rung };

/** One for each rung of a scenario; `brief`: for its first one, but for scenarios that are meant for each everywhere. */
export const casesOf = (scenarios: readonly Scenario[], brief = false): readonly Case[] =>
  scenarios.flatMap((scenario): readonly Case[] => {
    const { name, rungs, everywhere = false } = scenario;
    if (rungs === undefined) return [{ name, scenario, rung: 'auto' }];
    return (brief && !everywhere ? rungs.slice(0, 1) : rungs).map((rung) => ({ name: `${name} (${rung})`, scenario, rung }));
  });

const programs = fileURLToPath(new URL('../../../build/workloads/', import.meta.url));

const factsOf = (pid: number, code: number | null, signal: string | null, output: string): Facts => {
  const lines = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
  return {
    pid,
    code,
    signal,
    lines,
    all: (word) => lines.filter(([first]) => first === word).map(([, ...rest]) => rest.map(Number)),
  };
};

/** Programs must not inherit what a sanitizer needs in this process. */
const workloadEnvironment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };

/** Those that have not ended: a scenario that fails half-way leaves them. */
const alive = new Set<ChildProcess>();

export const startProgram = (path: string, args: readonly string[], { cwd, uid, env = {} }: RunOptions = {}) => {
  const child = spawn(path, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...workloadEnvironment, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const ended = new Promise<Facts>((resolve, reject) => {
    child.on('error', reject);
    alive.add(child);
    child.on('close', (code, signal) => {
      alive.delete(child);
      resolve(factsOf(child.pid!, code, signal, output));
    });
  });
  return { child, ended, output: () => output };
};

/** Throws what went wrong; Skip when this machine cannot do it. */
export const runCase = async ({ scenario, rung }: Case): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-kernel-'));
  chmodSync(folder, 0o755);
  /** Those that the scenario did not stop itself. */
  const running = new Set<Pipeline>();
  const ids = { prog: [] as number[], map: [] as number[], link: [] as number[] };
  const remember = (more: BpfIds) => {
    for (const what of ['prog', 'map', 'link'] as const) ids[what].push(...more[what]);
  };
  const context: Context = {
    rung,
    folder,
    async start(options = {}) {
      const pipeline = await startPipeline({ rung, ...options });
      remember(heldIds());
      const stop = pipeline.stop;
      const own: Pipeline = {
        ...pipeline,
        stop: () => {
          running.delete(own);
          return stop();
        },
      };
      running.add(own);
      return own;
    },
    async run(program, args = [], options = {}) {
      const facts = await startProgram(options.path ?? context.program(program), args, options).ended;
      const skip = facts.lines.find(([word]) => word === 'skip');
      if (skip !== undefined) throw new Skip(skip.slice(1).join(' '));
      return facts;
    },
    program(name) {
      const path = join(programs, name);
      if (!existsSync(path)) throw new Skip(`${name} could not be built on this machine`);
      return path;
    },
    copy(program, name) {
      const path = join(folder, name);
      copyFileSync(context.program(program), path);
      chmodSync(path, 0o755);
      return path;
    },
    skip(reason) {
      throw new Skip(reason);
    },
  };
  const results = await Promise.allSettled([scenario.run(context)]);
  for (const child of alive) child.kill('SIGKILL');
  await stopRecorders();
  rmSync(folder, { recursive: true, force: true });
  results.push(...(await Promise.allSettled(Array.from(running, (pipeline) => pipeline.stop()))));
  // what the scenario itself says comes first
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  await requireNothingLeft(ids);
};
