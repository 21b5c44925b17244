/** A container as a trace: run by a command that is traced, and found by its id. What runs in it makes trees of every shape, and says so. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shownTree, toldBy, toldTree } from '../support/told-tree.ts';
import { crun, crunJob, need } from './support/containers.ts';
import { readSpans, type FileSpan } from './support/otlp-json.ts';
import { temporaryFolder } from './support/places.ts';
import { run, until } from './support/processes.ts';
import { ringtailCommand, startRingtail, writeConfig } from './support/ringtail.ts';

const shownOf = ({ spanId, parentSpanId, attributes }: FileSpan) => ({
  spanId,
  parentId: parentSpanId,
  args: attributes.get('process.command_args') as readonly string[] | undefined,
  pid: Number(attributes.get('process.vpid')),
  end:
    attributes.get('ringtail.process.replaced') === true
      ? 'replaced'
      : attributes.has('ringtail.exit.signal')
        ? `signal-${String(attributes.get('ringtail.exit.signal'))}`
        : String(attributes.get('process.exit.code')),
});
const wordsOf = (output: string) => output.split('\n').map((line) => line.split(' '));
const isOf = (id: string) => (span: FileSpan) => span.resource.get('container.id') === id;

/** All of the container is there, as its programs say; returns its root. */
const expectContainer = (spans: readonly FileSpan[], { id, executable }: { readonly id: string; readonly executable: string }, output: string): FileSpan => {
  const inside = spans.filter(isOf(id));
  const told = toldBy(wordsOf(output));
  expect(told.length).toBeGreaterThan(15);
  expect(shownTree(inside.map(shownOf), told)).toEqual(toldTree(told));
  const root = inside.find(({ attributes }) => attributes.get('process.vpid') === '1')!;
  expect(inside.map(({ name }) => name)).toEqual(inside.map(() => executable));
  expect(inside.map(({ traceId }) => traceId)).toEqual(inside.map(() => root.traceId));
  return root;
}; // prettier-ignore

describe('a container of crun', () => {
  test('that a traced command runs is below it', async (context) => {
    need(crun, context);
    const job = crunJob('tree', ['root']);
    const output = join(temporaryFolder(), 'spans.json');
    const { code, stdout, stderr } = await run(ringtailCommand, ['trace', '--output', output, '--', ...job.command], { cwd: job.folder });
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const spans = readSpans(output);
    const root = expectContainer(spans, job, stdout);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const parent = byId.get(root.parentSpanId)!;
    expect(parent.attributes.get('process.command_args')).toEqual(['crun', 'run', job.id]);
    expect(parent.name).toBe('crun');
    // all that is not in it goes up to the command
    expect(spans.filter(({ parentSpanId }) => !byId.has(parentSpanId))).toHaveLength(1);
    expect(spans.map(({ traceId }) => traceId)).toEqual(spans.map(() => root.traceId));
    expect(stderr).toContain(`/${job.executable} chain 3`);
  });

  test('is a trace of its own, from its first program on', async (context) => {
    need(crun, context);
    const [job, other] = [crunJob('tree', ['root']), crunJob('tree', ['root'])];
    const folder = temporaryFolder();
    const output = join(folder, 'spans.json');
    const config = writeConfig(
      folder,
      JSON.stringify({
        receivers: { process: { traces: { roots: { containers: ['ringtail-*'] } } } },
        processors: { resolve_container: {}, resolve_process: {} },
        exporters: { file: { path: output } },
        service: {
          telemetry: { metrics: { level: 'none' } },
          pipelines: { traces: { receivers: ['process'], processors: ['resolve_container', 'resolve_process'], exporters: ['file'] } },
        },
      }),
    );
    const ringtail = await startRingtail(config);
    const outputs: string[] = [];
    for (const { command, folder: cwd } of [job, other]) {
      const [program, ...args] = command as [string, ...string[]];
      const { code, stdout } = await run(program, args, { cwd });
      expect(code).toBe(0);
      outputs.push(stdout);
    }
    const isEnded = ({ attributes }: FileSpan): boolean => attributes.get('process.vpid') === '1';
    await until(() => readSpans(output).filter(isEnded).length === 2, 'both roots', { otherwise: ringtail.stderr });
    expect((await ringtail.stop()).code).toBe(0);
    const spans = readSpans(output);
    const roots = [job, other].map((one, index) => expectContainer(spans, one, outputs[index]!));
    for (const { parentSpanId } of roots) expect(parentSpanId).toBe('');
    expect(roots[0]!.traceId).not.toBe(roots[1]!.traceId);
    expect(spans.filter((span) => !isOf(job.id)(span) && !isOf(other.id)(span))).toEqual([]);
  });
});
