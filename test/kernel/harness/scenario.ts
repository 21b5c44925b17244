/** What a scenario is: a test that runs under vitest here and by itself in a guest, so it knows neither. */
import type { Rung } from '../../../src/kernel/process-programs.ts';
import type { Pipeline, PipelineOptions } from './pipeline.ts';

/** What a workload told: a line a fact, in words. */
export type Facts = {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly lines: readonly (readonly string[])[];
  /** Numbers behind a word: `child 12 0` gives [12, 0] for `child`. */
  all(word: string): readonly (readonly number[])[];
};

export type Context = {
  /** The rung that this run is about; `auto` when it is about none. */
  readonly rung: 'auto' | Rung;
  /** Empty at the beginning, removed at the end. */
  readonly folder: string;
  /** A running Ringtail in this process; stopped and judged at the end of the scenario. */
  start(options?: PipelineOptions): Promise<Pipeline>;
  /** Runs a program of test/workloads to its end. */
  run(program: string, args?: readonly string[], options?: RunOptions): Promise<Facts>;
  /** Path of a program of test/workloads; skips the scenario when this machine could not build it. */
  program(name: string): string;
  /** A copy of it in the folder. */
  copy(program: string, name: string): string;
  /** Ends the scenario: this machine cannot do it. */
  skip(reason: string): never;
};

export type RunOptions = {
  readonly cwd?: string;
  readonly path?: string;
  readonly uid?: number;
  readonly env?: Readonly<Record<string, string>>;
};

export type Scenario = {
  readonly name: string;
  /** It runs once for each; once with `auto` when there is none. */
  readonly rungs?: readonly Rung[];
  /**
   * Under emulation a start takes seconds, and for sanitizers rungs differ in how programs are attached alone: there each rung is tried with these
   * only, the first one with all.
   */
  readonly everywhere?: true;
  run(context: Context): Promise<void>;
};

export class Skip extends Error {}

/** From best to worst. */
export const kernelRungs: readonly Rung[] = ['tp_btf', 'raw_tp', 'tp'];
