/** What the programs of processes are told and which of them are attached, when those who ask come and go. */
import { describe, expect, it } from 'vitest';
import { createAsked } from '../../src/kernel/asked.ts';
import type { NativeSession } from '../../src/kernel/addon.ts';
import { processWant } from '../../src/kernel/layouts.gen.ts';
import { createProcessCounts } from '../../src/kernel/process-counts.ts';
import { changeProcessNeeds, type ProcessNeeds } from '../../src/kernel/process-programs.ts';

const OBJECT = 7;
const records: ProcessNeeds = { argsMaxBytes: 100, threads: true, failedExecs: false };

describe('what all ask for together', () => {
  it('is counting alone while nobody wants records', () => {
    const asked = createAsked();
    expect(asked.processes()).toBeUndefined();
    const first = asked.needProcessCounts();
    const second = asked.needProcessCounts();
    expect(asked.processes()).toEqual({
      argsMaxBytes: 0,
      threads: false,
      failedExecs: false,
      idle: true,
      counted: true,
      traceparent: false,
    });
    first();
    const endRecords = asked.needProcesses(records);
    expect(asked.processes()).toEqual({ ...records, idle: false, counted: true, traceparent: false });
    second();
    expect(asked.processes()).toEqual({ ...records, idle: false, counted: false, traceparent: false });
    const endTraceparent = asked.needProcesses({ ...records, traceparent: true });
    expect(asked.processes()).toMatchObject({ traceparent: true });
    endTraceparent();
    endRecords();
    expect(asked.processes()).toBeUndefined();
  });
});

/** Notes what is done, one word each; settings as `settings(args threads wants)`. */
const noting = () => {
  const done: string[] = [];
  const note = (what: string) => (_object: number, name: string) => void done.push(`${what} ${name}`);
  const session = {
    attach: note('attach'),
    detach: async (object: number, name: string) => note('detach')(object, name),
    runIterator: note('run'),
    putEntry: (_object: number, map: string, _key: Uint8Array, value: Uint8Array) =>
      void done.push(`${map}(${[...new Uint32Array(value.buffer)].join(' ')})`),
  } as unknown as NativeSession;
  return { done, session };
};

describe('the programs of processes', () => {
  const loaded = { rung: 'tp_btf', object: OBJECT } as const;
  const nothing: ProcessNeeds = { argsMaxBytes: 0, threads: false, failedExecs: false, idle: true };
  const counting: ProcessNeeds = { ...nothing, counted: true };
  const both: ProcessNeeds = { ...records, counted: true };
  const programs = ['on_fork_btf', 'on_exec_btf', 'on_exit_btf'];
  const attached = programs.map((name) => `attach ${name}`);
  const detached = programs.toReversed().map((name) => `detach ${name}`);
  const { event, count, traceparent } = processWant;

  it.each([
    ['begin to count', nothing, counting, [...attached, `settings(0 0 ${count})`]],
    ['tell records too', counting, both, [`settings(100 1 ${event | count})`, 'run on_task_iter']],
    ['tell records at once', nothing, records, [...attached, `settings(100 1 ${event})`, 'run on_task_iter']],
    ['look into environments', records, { ...records, traceparent: true }, [`settings(100 1 ${event | traceparent})`]],
    ['count no more', both, records, [`settings(100 1 ${event})`]],
    ['do nothing any more', counting, nothing, ['settings(0 0 0)', ...detached]],
    ['stay', counting, counting, [`settings(0 0 ${count})`]],
  ])('%s', async (_, before, after, expected) => {
    const { done, session } = noting();
    await changeProcessNeeds(session, loaded, before, after);
    expect(done).toEqual(expected);
  });
});

describe('readings of processes', () => {
  it('forget who was alive before they look, one after the other', async () => {
    const done: string[] = [];
    const sums = (map: string, count: number) => ({
      count,
      keyBytes: 24,
      keys: Buffer.from(map),
      words: 1,
      sums: new Float64Array(0),
      missed: 0,
    });
    const session = {
      readSums: async (_object: number, map: string) => (done.push(`read ${map}`), sums(map, map === 'alive_counts' ? 2 : 0)),
      dropEntries: async (_object: number, map: string, keys: Buffer) => void done.push(`drop ${map} ${String(keys)}`),
      putEntry: (_object: number, map: string) => void done.push(`zero ${map}`),
      walk: async (_object: number, program: string) => void done.push(`walk ${program}`),
    } as unknown as NativeSession;
    const counts = createProcessCounts(session, OBJECT);
    const [first, second] = await Promise.all([counts.read(), counts.read()]);
    const once = [
      'read alive_counts', 'drop alive_counts alive_counts', 'zero alive_rest', 'walk on_alive_iter',
      'read process_counts', 'read process_rest', 'read alive_counts', 'read alive_rest',
    ]; // prettier-ignore
    expect(done).toEqual([...once, ...once]);
    const maps = ['process_counts', 'process_rest', 'alive_counts', 'alive_rest'];
    expect(first!.map(({ keys }) => String(keys))).toEqual(maps);
    expect(new Set([...first!, ...second!].map(({ generation }) => generation)).size).toBe(1);
    const later = createProcessCounts(session, OBJECT);
    expect((await later.read())![0].generation).not.toBe(first![0].generation);
  });

  it('go on behind one that failed', async () => {
    let failures = 1;
    const session = {
      async readSums() {
        if (failures-- > 0) throw new Error('EPERM');
        return { count: 0, keyBytes: 24, keys: Buffer.alloc(0), words: 1, sums: new Float64Array(0), missed: 0 };
      },
      putEntry: () => {},
      walk: async () => {},
    } as unknown as NativeSession;
    const counts = createProcessCounts(session, OBJECT);
    await expect(counts.read()).rejects.toThrow('EPERM');
    await expect(counts.read()).resolves.toHaveLength(4);
  });
});
