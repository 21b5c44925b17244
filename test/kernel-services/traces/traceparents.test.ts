import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import { eventKind, execFlag } from '../../../src/kernel/layouts.gen.ts';
import { readTraceparent, traceparentIn } from '../../../src/kernel/procfs/traceparent.ts';
import type { Beginning, Candidate } from '../../../src/kernel/traces/forest.ts';
import { createJoining, type TraceparentUse } from '../../../src/kernel/traces/joining.ts';
import { actorOf, execFactsOf } from '../../../src/kernel/traces/records.ts';
import { HOST_KEY } from '../../../src/kernel/traces/roots.ts';
import { createTraceparents, type Traceparents } from '../../../src/kernel/traces/traceparents.ts';
import type { Tree } from '../../../src/kernel/traces/types.ts';
import { createFakeProc, type FakeProc } from '../fake-proc.ts';

const SPAN = '00f067aa0ba902b7';
const traceOf = (letter: string): string => letter.repeat(32);
const named = (letter: string, flags = '01'): string => `00-${traceOf(letter)}-${SPAN}-${flags}`;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const environ = (...variables: readonly string[]): Buffer => Buffer.from(variables.map((variable) => `${variable}\0`).join(''));

describe('TRACEPARENT in an environment', () => {
  it.each([
    [[], ''],
    [['A=1', 'TRACEPARENT=x', 'B=2'], 'x'],
    [['TRACEPARENT=first', 'TRACEPARENT=second'], 'first'],
    [['XTRACEPARENT=x', 'TRACEPARENT_=x', 'TRACEPARENT', 'traceparent=x', 'A=TRACEPARENT=x', 'B=\nTRACEPARENT=x'], ''],
    [['A=TRACEPARENT=x', 'TRACEPARENT='], ''],
  ])('of %j is %j', (variables, value) => {
    expect(Buffer.from(traceparentIn(environ(...variables))).toString()).toBe(value);
  });

  it('may lack the NUL at its end, when the process wrote over it', () => {
    expect(Buffer.from(traceparentIn(Buffer.from('A=1\0TRACEPARENT=x'))).toString()).toBe('x');
  });
});

const PID = 7;
const START_NS = 1_000_000_000n;

const frameOf = (kind: number, columns: Record<string, number | string>): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  builder.addRow(kind, { bootNs: START_NS, actor: builder.addActor({ pid: PID, startNs: START_NS, execId: 2, comm: 'job' }), columns });
  return builder.build() as KernelFrame;
};
const candidateOf = (frame: KernelFrame): Candidate => {
  const [batch] = frame.batches;
  const isRunning = batch!.kind === eventKind.task;
  return { actor: actorOf(frame, 0), exec: execFactsOf(frame, batch!, 0), frame, index: 0, ...(isRunning && { isRunning }) };
};
const execOf = (traceparent: string, execFlags = 0) => frameOf(eventKind.exec, { path: '/bin/job', traceparent, execFlags });

describe('spans that programs name', () => {
  let proc: FakeProc;
  let traceparents: Traceparents;
  let warnings: string[];
  const counters = createCounters();
  let before: ReadonlyMap<string, number>;
  const counts = () =>
    new Map(
      counters
        .samples()
        .flatMap(({ name, labels, value }) => (name === 'ringtail_traceparents' ? [[labels['outcome']!, value] as const] : [])),
    );
  const counted = () =>
    Object.fromEntries(
      Array.from(counts(), ([outcome, value]) => [outcome, value - (before.get(outcome) ?? 0)] as const).filter(([, value]) => value > 0),
    );
  const write = (...variables: readonly string[]) => {
    proc.set({ pid: PID, comm: 'job', startTicks: 100, exe: '/bin/job', layout: 1 });
    proc.write(`/proc/${PID}/environ`, environ(...variables).toString());
  };
  const told = (frame: KernelFrame) => traceparents.of(candidateOf(frame));
  const questions = (frame: KernelFrame) => traceparents.missing(frame).map(() => ({ pid: PID, startNs: START_NS, execId: 2 }));

  beforeEach(() => {
    proc = createFakeProc();
    warnings = [];
    const silent = () => {};
    const logger = { debug: silent, info: silent, warn: (_fields: object, message: string) => void warnings.push(message), error: silent };
    traceparents = createTraceparents({ root: proc.root, counters, logger });
    before = counts();
  });
  afterEach(() => proc.dispose());

  it('are what the kernel tells with the exec', () => {
    expect(told(execOf(''))).toBeUndefined();
    const remote = told(execOf(named('a')))!;
    expect([hex(remote.traceId), hex(remote.spanId), remote.flags, remote.traceState]).toEqual([traceOf('a'), SPAN, 1, '']);
    expect(counted()).toEqual({ taken: 1 });
  });

  it('that are malformed are counted, and warned of once', () => {
    for (const value of ['x', `${named('a')}-more`, '\u001b[31m']) expect(told(execOf(value))).toBeUndefined();
    expect(counted()).toEqual({ malformed: 3 });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^TRACEPARENT of a program is not/);
  });

  it('are read from procfs when the kernel did not come to the end', async () => {
    write('A=1', `TRACEPARENT=${named('b')}`);
    const frame = execOf('', execFlag.environmentCut);
    expect(traceparents.missing(execOf(''))).toEqual([]);
    expect(traceparents.missing(frame)).toEqual([0]);
    await traceparents.fetch(questions(frame));
    expect(hex(told(frame)!.traceId)).toBe(traceOf('b'));
    expect(counted()).toEqual({ taken: 1 });
  });

  it('are unread when the process is gone, is another one, or nobody answered in time', async () => {
    const frame = execOf('', execFlag.environmentCut);
    expect(told(frame)).toBeUndefined();
    await traceparents.fetch(questions(frame));
    expect(told(frame)).toBeUndefined();
    proc.set({ pid: PID, comm: 'job', startTicks: 101, layout: 1 });
    proc.write(`/proc/${PID}/environ`, environ(`TRACEPARENT=${named('b')}`).toString());
    await traceparents.fetch(questions(frame));
    expect(told(frame)).toBeUndefined();
    expect(counted()).toEqual({ unread: 3 });
  });

  it('of what ran before are read at the start, of those that are meant', async () => {
    write(`TRACEPARENT=${named('c')}`);
    const task = frameOf(eventKind.task, { path: '/bin/job' });
    await traceparents.start();
    expect([traceparents.missing(task), told(task)]).toEqual([[], undefined]);
    traceparents.watch(
      ({ pid, comm, path }) => pid === PID && String(Buffer.from(comm)) === 'job' && String(Buffer.from(path)) === '/bin/job',
    );
    expect(traceparents.missing(task)).toEqual([0]);
    await traceparents.start();
    expect(traceparents.missing(task)).toEqual([]);
    expect(hex(told(task)!.traceId)).toBe(traceOf('c'));
    expect(counted()).toEqual({ taken: 1 });
  });

  it('that stand behind more than execve takes are not looked for', async () => {
    write(`LONG=${'x'.repeat(6 << 20)}`, `TRACEPARENT=${named('d')}`);
    expect(await readTraceparent(proc.root, { pid: PID, startNs: START_NS })).toBeUndefined();
  });
});

describe('which programs begin a tree', () => {
  const candidate = (traceparent: string): Candidate => candidateOf(execOf(traceparent));
  const joining = createJoining(createTraceparents({ root: '/nowhere', counters: createCounters() }));
  const shown = (beginning: Beginning | undefined) => beginning && [beginning.key, beginning.remote && hex(beginning.remote.traceId)[0]];
  const whether = (use: TraceparentUse, key: string | undefined | false, traceparent: string) =>
    shown(joining.beginning({ owner: 'process', use, matches: () => (key === false ? undefined : { key }) }, candidate(traceparent)));

  it.each([
    ['off', false, named('a'), undefined],
    ['off', undefined, named('a'), [undefined, undefined]],
    ['roots', false, named('a'), undefined],
    ['roots', undefined, named('a'), [undefined, 'a']],
    ['roots', undefined, '', [undefined, undefined]],
    ['roots', undefined, 'x', [undefined, undefined]],
    ['roots', 'container 1', named('a'), ['process container 1', 'a']],
    ['roots', HOST_KEY, named('a'), ['process host', undefined]],
    ['all', false, named('a'), [undefined, 'a']],
    ['all', false, named('a', '00'), [undefined, 'a']],
    ['all', false, '', undefined],
    ['all', false, 'x', undefined],
    ['all', HOST_KEY, '', ['process host', undefined]],
    ['all', HOST_KEY, named('a'), [undefined, 'a']],
  ] as const)('%s, by a rule %j, with %j: %j', (use, key, traceparent, expected) => {
    expect(whether(use, key, traceparent)).toEqual(expected);
  });

  const tree = { owner: 'process', traceId: Buffer.from(traceOf('a'), 'hex') } as unknown as Tree;
  it.each([
    ['off', named('b'), undefined],
    ['roots', named('b'), undefined],
    ['all', named('b'), [undefined, 'b']],
    ['all', named('a'), undefined],
    ['all', named('b', '00'), undefined],
    ['all', '', undefined],
  ] as const)('inside a tree: %s, with %j: %j', (use, traceparent, expected) => {
    expect(shown(joining.leaving(use, candidate(traceparent), tree))).toEqual(expected);
  });
});
