/** One trace of very many processes: every one is told once, none is an orphan, and the tree says how many there were. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSpans } from './support/otlp-json.ts';
import { temporaryFolder, workload } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand } from './support/ringtail.ts';

const CHILDREN = Number(process.env['RINGTAIL_E2E_TRACED'] ?? 4000);
const WORKERS = 2;

test(`${CHILDREN} processes are one trace, whole and in its place`, async () => {
  const output = join(temporaryFolder(), 'spans.json');
  const storm = [workload('spawn-storm'), '-n', String(CHILDREN), '-w', String(WORKERS), '-l', '0'];
  const { code, stdout, stderr } = await run(ringtailCommand, ['trace', '--output', output, '--', ...storm]);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  const { workers } = JSON.parse(stdout) as { readonly workers: readonly number[] };
  // a slow machine may have marked what runs for long
  const spans = readSpans(output).filter(({ attributes }) => attributes.get('ringtail.span.partial') !== true);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect({ spans: spans.length, distinct: byId.size }).toEqual({ spans: CHILDREN + WORKERS + 1, distinct: CHILDREN + WORKERS + 1 });
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const roots = spans.filter(({ parentSpanId }) => !byId.has(parentSpanId));
  expect(roots.map(({ parentSpanId }) => parentSpanId)).toEqual(['']);
  // each below its worker, once, and with its own end
  const children = new Set<number>();
  for (const { attributes, parentSpanId } of spans) {
    const [name, child] = (attributes.get('process.command_args') ?? []) as readonly string[];
    if (name !== 'storm-child') continue;
    const index = Number(child!.slice('storm-'.length));
    children.add(index);
    const parent = byId.get(parentSpanId)!;
    expect([attributes.get('process.exit.code'), parent.attributes.get('process.pid'), parent.parentSpanId]).toEqual([
      String(index % 64), String(workers[index % WORKERS]), roots[0]!.spanId,
    ]); // prettier-ignore
  }
  expect(children.size).toBe(CHILDREN);
  expect(stderr).toContain(`${CHILDREN + WORKERS + 1} programs`);
  expect(stderr).not.toContain('lost');
});
