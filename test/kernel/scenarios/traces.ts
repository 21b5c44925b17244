/** Trees of processes as traces, beside what the processes say of themselves. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { waitFor, type Pipeline } from '../harness/pipeline.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { startProgram } from '../harness/runner.ts';
import type { Span } from '../../../src/text/span.ts';
import { labelOf, shownTree, toldBy, toldTree, type ShownSpan, type Told } from '../../support/told-tree.ts';

const valueOf = (span: Span, name: string) => span.attributes.find(([key]) => key === name)?.[1];

const endOf = (span: Span): string => {
  const signal = valueOf(span, 'ringtail.exit.signal');
  if (valueOf(span, 'ringtail.process.replaced') === true) return 'replaced';
  return signal === undefined ? String(valueOf(span, 'process.exit.code')) : `signal-${String(signal)}`;
};

const shownOf = (span: Span): ShownSpan => ({
  spanId: span.spanId,
  parentId: span.parentId,
  args: valueOf(span, 'process.command_args') as readonly string[] | undefined,
  pid: Number(valueOf(span, 'process.pid')),
  end: endOf(span),
});

const expectTree = ({ spans }: Pipeline, told: readonly Told[]): void => {
  assert.deepEqual(shownTree(spans.map(shownOf), told), toldTree(told));
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1, 'one trace');
  for (const span of spans) {
    const ended = endOf(span);
    assert.equal(span.status, ended === '0' || ended === 'replaced' ? 'UNSET' : 'ERROR');
    assert(span.endUnixNs >= span.startUnixNs, 'it ends after it began');
  }
};

const shapes: Scenario = {
  name: 'traces: trees of every shape are what their processes say',
  // what only forks cannot be followed by tp: it does not tell who was made
  rungs: kernelRungs.filter((rung) => rung !== 'tp'),
  async run({ start, run }) {
    const pipeline = await start({ receiver: { traces: { roots: { executables: ['tree'] } } }, traces: true });
    const facts = await run('tree', ['root']);
    const told = toldBy(facts.lines);
    assert.equal(told.find(({ label }) => label === 'root')?.pid, facts.pid);
    await pipeline.until('all to have ended', () => pipeline.spans.length >= told.length);
    await pipeline.settle();
    expectTree(pipeline, told);
    // each span holds what its program saw between its first and its last moment
    const starts = pipeline.spans.map(({ startUnixNs }) => startUnixNs);
    const [firstStart, firstTold] = [starts.reduce((a, b) => (a < b ? a : b)), told.find(({ label }) => label === 'root')!.firstNs];
    const shift = firstStart - firstTold;
    for (const one of told) {
      const span = pipeline.spans.find((other) => labelOf(shownOf(other), told) === one.label)!;
      // by the clock of the root: it began shortly before it could look at a clock
      assert(span.startUnixNs - shift <= one.firstNs + SKEW_NS && span.endUnixNs - shift >= one.lastNs - SKEW_NS, `${one.label} is elsewhere in time`);
    }
    assert.deepEqual(pipeline.kernel.traces.stats(), { processes: 0, trees: 0, forgotten: 0 });
  },
}; // prettier-ignore

/** What passes before a new program looks at its clock; it is compared with that of the root. */
const SKEW_NS = 1_000_000_000n;

const many: Scenario = {
  name: 'traces: hundreds of short processes, none lost, none an orphan',
  async run({ start, run }) {
    const pipeline = await start({ receiver: { traces: { roots: { executables: ['spawn-storm'] } } }, traces: true });
    const COUNT = 500;
    const facts = await run('spawn-storm', ['-n', String(COUNT)]);
    await pipeline.settle();
    const ids = new Set(pipeline.spans.map(({ spanId }) => spanId));
    const root = pipeline.spans.find(({ parentId }) => parentId === '');
    assert.equal(valueOf(root!, 'process.pid'), facts.pid);
    assert(
      pipeline.spans.every(({ parentId }) => parentId === '' || ids.has(parentId)),
      'no orphan',
    );
    assert.equal(
      pipeline.spans.filter((span) => (valueOf(span, 'process.command_args') as readonly string[] | undefined)?.includes('storm-child'))
        .length,
      COUNT,
    );
    assert.equal(new Set(pipeline.spans.map(({ traceId }) => traceId)).size, 1);
    assert.equal(ids.size, pipeline.spans.length);
    const counted = pipeline.counters
      .samples()
      .flatMap(({ name, labels, value }) =>
        name.startsWith('ringtail_trace') && value > 0 ? [`${name} ${labels['outcome']} ${value}`] : [],
      );
    assert.deepEqual(counted.toSorted(), [`ringtail_trace_spans told ${ids.size}`, 'ringtail_traces told 1']);
  },
};

const before: Scenario = {
  name: 'traces: what ran before is in a tree, from when it began',
  async run({ start, program }) {
    const env = { TRACEPARENT: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
    const { child, ended } = startProgram(program('patient'), [], { env });
    try {
      await waitFor('patient to run', () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'patient\n');
      const pipeline = await start({
        receiver: { traces: { roots: { executables: ['patient'] }, traceparent: 'roots', mark_after: '0s' } },
        traces: true,
      });
      await pipeline.until('patient to be known', () => pipeline.kernel.traces.stats().processes === 1);
      child.stdin.end();
      await ended;
      await pipeline.until('its end', () => pipeline.spans.length > 0);
      const [span] = pipeline.spans;
      assert.equal(valueOf(span!, 'process.pid'), child.pid);
      assert.equal(span!.name, 'patient');
      assert.equal(`00-${span!.traceId}-${span!.parentId}-01`, env.TRACEPARENT, 'it hangs below the span that it names');
      assert.equal(valueOf(span!, 'process.args_count'), undefined);
      assert.equal(valueOf(span!, 'process.exit.code'), 0);
    } finally {
      child.kill();
    }
  },
};

export const traceScenarios: readonly Scenario[] = [shapes, many, before];
