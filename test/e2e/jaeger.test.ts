/** A build as one trace, through a Collector into Jaeger: every process of it is there, where strace says that it was. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, needJaeger, startCollector } from './support/collector.ts';
import { startJaeger, type JaegerSpan } from './support/jaeger.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand } from './support/ringtail.ts';
import { writeCProject } from '../support/c-project.ts';
import { canonical, treeOfStrace, type ProgramTree } from './support/strace-tree.ts';

const collectorFor = needCollector();
const jaegerFor = needJaeger();

const FILES = 200;

/** Names of temporary files are chosen by chance. */
const labelOf = (args: readonly string[]): string => args.join(' ').replace(/\/tmp\/cc\w+/g, '/tmp/TMP');

const valueOf = ({ tags }: JaegerSpan, key: string) => tags.find((tag) => tag.key === key)?.value;

const treeOfSpans = (spans: readonly JaegerSpan[]): ProgramTree => {
  const parentOf = ({ references }: JaegerSpan): string | undefined => references.find(({ refType }) => refType === 'CHILD_OF')?.spanID;
  const byParent = Map.groupBy(spans, (span) => parentOf(span) ?? '');
  const treeOf = (span: JaegerSpan): ProgramTree => {
    const args = valueOf(span, 'process.command_args');
    const signal = valueOf(span, 'ringtail.exit.signal');
    const code = valueOf(span, 'process.exit.code');
    return {
      label: args === undefined ? '(fork)' : labelOf(JSON.parse(String(args)) as string[]),
      end: valueOf(span, 'ringtail.process.replaced') === true ? 'replaced' : String(code ?? signal),
      children: (byParent.get(span.spanID) ?? []).map(treeOf),
    };
  };
  const [root, ...others] = byParent.get('') ?? [];
  expect(others).toEqual([]);
  return treeOf(root!);
};

const countOf = ({ children }: ProgramTree): number => children.reduce((sum, child) => sum + countOf(child), 1);

test(`a build of ${FILES} files is one trace, and the tree that strace sees`, { timeout: 240_000 }, async (context) => {
  const [collector, jaeger] = [collectorFor(context), jaegerFor(context)];
  const folder = temporaryFolder();
  const [grpcPort = 0, httpPort = 0, jaegerPort = 0, queryPort = 0, queryGrpcPort = 0] = await freePorts(5);
  const backend = await startJaeger(jaeger, { folder, grpcPort: jaegerPort, queryPort, queryGrpcPort });
  const between = await startCollector(
    collector,
    { folder, grpcPort, httpPort, file: join(folder, 'records') },
    { tracesTo: `127.0.0.1:${jaegerPort}` },
  );
  const project = join(folder, 'project');
  const command = ['make', '-j2', '-C', project];

  writeCProject(project, { files: FILES, afterwards: './program && false || exit 3' });
  const traced = await run(ringtailCommand, ['trace', '--endpoint', `grpc://127.0.0.1:${grpcPort}`, '--lines', '10', '--', ...command]);
  expect({ code: traced.code, stderr: traced.stderr.slice(-300) }).toMatchObject({ code: 2 });
  const traceId = /^trace ([0-9a-f]{32})/m.exec(traced.stderr)![1]!;

  writeCProject(project, { files: FILES, afterwards: './program && false || exit 3' });
  const straced = join(folder, 'strace');
  const strace = await run('strace', ['-f', '-s', '65536', '-e', 'trace=process', '-e', 'signal=none', '-v', '-o', straced, ...command]);
  expect(strace).toMatchObject({ code: 2 });
  const wanted = treeOfStrace(readFileSync(straced, 'utf8'), labelOf);
  const spans = await backend.trace(traceId, countOf(wanted));
  const programs = spans.filter((span) => valueOf(span, 'ringtail.session.id') === undefined);
  // an orphan would be told by Jaeger
  expect(spans.flatMap(({ warnings }) => warnings ?? [])).toEqual([]);
  expect(canonical(treeOfSpans(programs))).toBe(canonical(wanted));
  expect(programs.length).toBeGreaterThan(3 * FILES);
  expect(traced.stderr).toContain(`${programs.length} programs`);
  await between.stop();
  await backend.stop();
}); // prettier-ignore
