/** Trees that hang below spans of others, which their programs name by TRACEPARENT. */
import assert from 'node:assert/strict';
import type { Pipeline } from '../harness/pipeline.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { startProgram } from '../harness/runner.ts';
import type { Span } from '../../../src/text/span.ts';

const SPAN = '00f067aa0ba902b7';
const traceOf = (letter: string): string => letter.repeat(32);
const context = (letter: string, flags = '01'): string => `00-${traceOf(letter)}-${SPAN}-${flags}`;

const outcomes = ({ counters }: Pipeline): Readonly<Record<string, number>> =>
  Object.fromEntries(
    counters
      .samples()
      .filter(({ name, value }) => name === 'ringtail_traceparents' && value > 0)
      .map(({ labels, value }) => [labels['outcome'], value]),
  );

const variables = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`V${at}`, 'y'.repeat(at % 40)]));
/** Twice what the kernel reads at once, almost as many variables as the oldest ones look at, and what only looks like it. */
const LARGE = {
  LONG: 'x'.repeat(9000),
  LINES: `\nTRACEPARENT=${context('d')}`,
  XTRACEPARENT: context('d'),
  TRACEPARENT_: context('d'),
  ...variables(400),
};

/** More than any kernel looks at. */
const HUGE = variables(6000);
const TRIES = 20;

const named: Scenario = {
  name: 'traces: a tree hangs below the span that its root names',
  rungs: [...kernelRungs, 'procfs'],
  async run({ start, copy, rung }) {
    const path = copy('patient', 'joined');
    const pipeline = await start({
      receiver: { traces: { roots: { executables: [path] }, traceparent: 'roots', mark_after: '0s' } },
      traces: true,
    });
    const spanWith = async (env: Readonly<Record<string, string>>): Promise<Span | undefined> => {
      const before = pipeline.spans.length;
      const { child, ended } = startProgram(path, [], { env });
      await pipeline.until('it to be known', () => pipeline.kernel.traces.stats().processes === 1);
      child.stdin.end();
      await ended;
      await pipeline.until('its end', () => pipeline.kernel.traces.stats().processes === 0);
      return pipeline.spans[before];
    };
    const placeWith = async (env: Readonly<Record<string, string>>) => {
      const span = await spanWith(env);
      return span && { trace: span.traceId, parent: span.parentId };
    };
    assert.deepEqual(await placeWith({ TRACEPARENT: context('a') }), { trace: traceOf('a'), parent: SPAN });
    assert.deepEqual(await placeWith({ ...LARGE, TRACEPARENT: context('b') }), { trace: traceOf('b'), parent: SPAN });
    assert.deepEqual(outcomes(pipeline), { taken: 2 });
    assert.equal((await spanWith({}))?.parentId, '');
    assert.equal((await spanWith(LARGE))?.parentId, '');
    assert.deepEqual(outcomes(pipeline), { taken: 2 });
    for (const TRACEPARENT of ['nonsense', `${context('c')}-more`, 'z'.repeat(200)])
      assert.equal((await spanWith({ TRACEPARENT }))?.parentId, '', TRACEPARENT);
    assert.deepEqual(outcomes(pipeline), { taken: 2, malformed: 3 });
    assert.equal(pipeline.log.filter(({ level, message }) => level === 'warn' && message.startsWith('TRACEPARENT')).length, 1);
    if (rung === 'tp_btf' && process.env['RINGTAIL_GUEST'] === undefined) {
      // it is read in procfs while a frame waits for it; a busy machine may be too late for that, and says so
      let tries = 1;
      while ((await placeWith({ ...HUGE, TRACEPARENT: context('f') }))?.trace !== traceOf('f')) assert(tries++ < TRIES, 'never read');
      assert.deepEqual(outcomes(pipeline), { taken: 3, malformed: 3, ...(tries > 1 && { unread: tries - 1 }) });
    }
    // who made it does not keep it
    assert.equal(await spanWith({ TRACEPARENT: context('e', '00') }), undefined);
  },
};

const labelOf = ({ attributes }: Span): string => {
  const args = attributes.find(([name]) => name === 'process.command_args')?.[1];
  return Array.isArray(args) ? String(args[1]) : '?';
};

const apart: Scenario = {
  name: 'traces: a program that names another trace sits in that one, with all below it',
  rungs: kernelRungs,
  async run({ start, run, copy }) {
    // one that begins a tree, and one that belongs to none
    const roots = { executables: [copy('traceparents', 'rooted')] };
    const pipeline = await start({ receiver: { traces: { roots, traceparent: 'all', mark_after: '0s' } }, traces: true });
    const plan = ['+given='.concat(context('a')), '++below', '++deeper='.concat(context('a').replace(SPAN, '1'.repeat(16))), '+plain', '+kept='.concat(context('b', '00')), '++kept-below', '!next='.concat(context('c'))]; // prettier-ignore
    await run('traceparents', ['app', ...plan], { path: roots.executables[0]! });
    await run('traceparents', ['loose', '+loose-given='.concat(context('d')), '++loose-below']);
    await run('traceparents', ['with', '+with-below'], { env: { TRACEPARENT: context('e') } });
    await pipeline.settle();
    const labels = new Map(pipeline.spans.map((span) => [span.spanId, labelOf(span)]));
    const own = pipeline.spans.find((span) => labelOf(span) === 'app')!.traceId;
    const nameOf = (traceId: string): string => (traceId === own ? 'own' : traceId[0]!);
    const shown = pipeline.spans
      .filter((span) => labelOf(span) !== '?')
      .map((span) => `${nameOf(span.traceId)}: ${labelOf(span)} below ${labels.get(span.parentId) ?? (span.parentId === SPAN ? 'the span' : '-')}`);
    assert.deepEqual(shown.toSorted(), [
      'a: below below given',
      // it stays where it is: it is in that trace already
      'a: deeper below given',
      'a: given below the span',
      'c: next below the span',
      'd: loose-below below loose-given',
      'd: loose-given below the span',
      'e: with below the span',
      'e: with-below below with',
      'own: app below -',
      'own: kept below app',
      'own: kept-below below kept',
      'own: plain below app',
    ]);
    assert.deepEqual(pipeline.kernel.traces.stats(), { processes: 0, trees: 0, forgotten: 0 });
  },
}; // prettier-ignore

export const traceparentScenarios: readonly Scenario[] = [named, apart];
