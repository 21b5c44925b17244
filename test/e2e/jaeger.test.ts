/** A build as one trace, through a Collector into Jaeger: every process of it is there, where strace says that it was. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, needJaeger, startCollector } from './support/collector.ts';
import { startJaeger, type JaegerSpan } from './support/jaeger.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand } from './support/ringtail.ts';
import { writeCProject } from '../support/c-project.ts';
import { canonical, treeOfStrace, type ProgramTree } from './support/strace-tree.ts';
import { treeOfTerminal } from './support/terminal-tree.ts';
import { quoteArgument } from '../../src/text/escape.ts';

const collectorFor = needCollector();
const jaegerFor = needJaeger();

const FILES = 200;
/** Two clocks are read one after the other. */
const CLOCK_US = 50;

/** Names of temporary files are chosen by chance. */
const labelOf = (args: readonly string[]): string => args.join(' ').replace(/\/tmp\/cc\w+/g, '/tmp/TMP');

const valueOf = ({ tags }: JaegerSpan, key: string) => tags.find((tag) => tag.key === key)?.value;

const programOf = (span: JaegerSpan): Omit<ProgramTree, 'children'> => {
  const args = valueOf(span, 'process.command_args');
  const code = valueOf(span, 'process.exit.code') ?? valueOf(span, 'ringtail.exit.signal');
  return {
    label: args === undefined ? '(fork)' : labelOf(JSON.parse(String(args)) as string[]),
    end: valueOf(span, 'ringtail.process.replaced') === true ? 'replaced' : String(code),
  };
};

/** As a line of the terminal has it, which shows the first thousand characters of long arguments. */
const asShown = (text: string): string => labelOf([text]).slice(0, 900);
const lineOf = (span: JaegerSpan): Omit<ProgramTree, 'children'> => {
  const args = valueOf(span, 'process.command_args');
  const failure = valueOf(span, 'otel.status_description');
  const what = args === undefined ? `${span.operationName} (forked)` : (JSON.parse(String(args)) as string[]).map(quoteArgument).join(' ');
  return { label: asShown([...(failure === undefined ? [] : [String(failure)]), what].join(' ')), end: '' };
};

const treeOfSpans = (spans: readonly JaegerSpan[], nodeOf: (span: JaegerSpan) => Omit<ProgramTree, 'children'>): ProgramTree => {
  const parentOf = ({ references }: JaegerSpan): string | undefined => references.find(({ refType }) => refType === 'CHILD_OF')?.spanID;
  const byParent = Map.groupBy(spans, (span) => parentOf(span) ?? '');
  const treeOf = (span: JaegerSpan): ProgramTree => ({ ...nodeOf(span), children: (byParent.get(span.spanID) ?? []).map(treeOf) });
  const [root, ...others] = byParent.get('') ?? [];
  expect(others).toEqual([]);
  return treeOf(root!);
};

const countOf = ({ children }: ProgramTree): number => children.reduce((sum, child) => sum + countOf(child), 1);

/** Share `p` of the values, which it sorts, is not above this. */
const quantile = (values: readonly number[], p: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * p) - 1] ?? Number.NaN;

/** How much earlier than they say themselves programs began, and how much later they ended, µs. */
const differencesOf = (
  log: string,
  spans: readonly JaegerSpan[],
): { readonly starts: readonly number[]; readonly ends: readonly number[] } => {
  const moments = log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
  const byPid = new Map(moments.map(([pid, first, last]) => [Number(pid), { firstUs: Number(first) / 1000, lastUs: Number(last) / 1000 }]));
  const wrappers = spans.filter((span) => span.operationName === 'moments');
  expect(wrappers.map((span) => Number(valueOf(span, 'process.pid'))).toSorted()).toEqual([...byPid.keys()].toSorted());
  const pairs = wrappers.map((span) => ({ span, ...byPid.get(Number(valueOf(span, 'process.pid')))! }));
  return {
    starts: pairs.map(({ span, firstUs }) => firstUs - span.startTime),
    ends: pairs.map(({ span, lastUs }) => span.startTime + span.duration - lastUs),
  };
};

test(`a build of ${FILES} files is one trace, and the tree that strace sees`, { timeout: 240_000 }, async (context) => {
  const [collector, jaeger] = [collectorFor(context), jaegerFor(context)];
  const folder = temporaryFolder();
  const [grpcPort = 0, httpPort = 0, jaegerPort = 0, queryPort = 0, queryGrpcPort = 0] = await freePorts(5);
  const backend = await startJaeger(jaeger, { folder, grpcPort: jaegerPort, queryPort, queryGrpcPort });
  const between = await startCollector(collector, { folder, grpcPort, httpPort, file: join(folder, 'records') }, { tracesTo: `127.0.0.1:${jaegerPort}` });
  const [project, log] = [join(folder, 'project'), join(folder, 'moments')];
  const command = ['make', '-j2', '-C', project];
  const prepare = (): void =>
    writeCProject(project, { files: FILES, wrapper: `${workload('moments')} ${log}`, afterwards: './program && false || exit 3' });

  prepare();
  const traced = await run(ringtailCommand, ['trace', '--endpoint', `grpc://127.0.0.1:${grpcPort}`, '--lines', '9999', '--', ...command]);
  expect({ code: traced.code, said: traced.stderr.slice(-1000) }).toMatchObject({ code: 2 });
  const traceId = /^trace ([0-9a-f]{32})/m.exec(traced.stderr)![1]!;
  const moments = readFileSync(log, 'utf8');

  prepare();
  const straced = join(folder, 'strace');
  const strace = await run('strace', ['-f', '-s', '65536', '-e', 'trace=process', '-e', 'signal=none', '-v', '-o', straced, ...command]);
  expect(strace).toMatchObject({ code: 2 });
  const wanted = treeOfStrace(readFileSync(straced, 'utf8'), labelOf);

  const spans = await backend.trace(traceId, countOf(wanted));
  // an orphan would be told by Jaeger
  expect(spans.flatMap(({ warnings }) => warnings ?? [])).toEqual([]);
  expect(spans.length).toBeGreaterThan(4 * FILES);
  expect(canonical(treeOfSpans(spans, programOf))).toBe(canonical(wanted));
  expect(traced.stderr).toContain(`${spans.length} programs`);
  expect(canonical(treeOfTerminal(traced.stderr, asShown)!)).toBe(canonical(treeOfSpans(spans, lineOf)));

  const differences = differencesOf(moments, spans);
  for (const [what, us] of Object.entries(differences)) {
    const shown = [0.5, 0.9, 0.99].map((p) => `p${p * 100} ${quantile(us, p).toFixed(0)} µs`);
    console.log(`${what} of ${us.length} programs, beside what they say themselves: ${shown.join(', ')}`);
    // a clock that the kernel reads for itself may be a little behind
    expect(Math.min(...us)).toBeGreaterThan(-CLOCK_US);
    expect(quantile(us, 0.5)).toBeLessThan(1000);
  }
  await between.stop();
  await backend.stop();
}); // prettier-ignore
