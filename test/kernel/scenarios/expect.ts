/** Short words for what scenarios look at. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Event, Pipeline } from '../harness/pipeline.ts';
import type { Context } from '../harness/scenario.ts';

export const EXEC = 'ringtail.process.exec';
export const FORK = 'ringtail.process.fork';
export const EXIT = 'ringtail.process.exit';
export const LOSS = 'ringtail.loss';

export const pidOf = (event: Event): number => event.attributes['process.pid'] as number;
export const pathOf = (event: Event): unknown => event.attributes['process.executable.path'];
export const argsOf = (event: Event): readonly string[] => (event.attributes['process.command_args'] ?? []) as readonly string[];

/** All attributes given are there with these values; `undefined` = it is absent. */
export const expectAttributes = (event: Event, wanted: Readonly<Record<string, unknown>>): void => {
  const found = Object.fromEntries(Object.keys(wanted).map((name) => [name, event.attributes[name]]));
  assert.deepEqual(found, wanted);
};

/** The exit of a process, checked against what wait said. */
export const expectExit = (pipeline: Pipeline, [pid, status]: readonly number[]): Event => {
  const exit = pipeline.one(EXIT, { 'process.pid': pid! });
  const signal = status! & 0x7f;
  expectAttributes(exit, {
    'process.exit.code': signal === 0 ? (status! >> 8) & 0xff : undefined,
    'ringtail.exit.signal': signal === 0 ? undefined : signal,
  });
  return exit;
};

/** Users are named within 20 ms or left out and asked for again: until they are known. */
export const nameUsers = async (pipeline: Pipeline, run: Context['run'], uids: readonly number[]): Promise<void> => {
  for (const uid of uids) {
    for (let tries = 0; ; tries++) {
      const { pid } = await run('quick', [], { uid });
      await pipeline.settle();
      if (pipeline.one(EXIT, { 'process.pid': pid }).attributes['process.owner'] !== undefined) break;
      assert(tries < 100, `user ${uid} is never named`);
    }
  }
};

/** Field of /proc/PID/stat by its number in proc(5). */
export const statField = (pid: number | 'self', number: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[number - 3]);
};
