import { describe, expect, it } from 'vitest';
import { createKeptSpans } from '../../src/commands/trace/kept-spans.ts';
import { textRunOf } from '../../src/core/text-table.ts';
import type { ProcessEnd, ProcessSpan } from '../../src/kernel/traces/types.ts';
import { createTestRedactor } from '../processors/redaction/support.ts';
import { processSpanBatch } from '../../src/receivers/shared/process-spans.ts';

const utf8 = new TextEncoder();
const idOf = (number: number): Uint8Array => {
  const id = Buffer.alloc(8);
  id.writeBigUInt64BE(BigInt(number));
  return id;
};
const hexOf = (number: number): string => Buffer.from(idOf(number)).toString('hex');
const tree = {
  owner: 'process', traceId: new Uint8Array(16).fill(1), remote: undefined, rootId: idOf(1), root: { pid: 1, startNs: 1n, execId: 1 }, beganNs: 0n,
}; // prettier-ignore
const exit = (code: number): ProcessEnd => ({ how: 'exit', code, signal: 0, coreDumped: false });

const span = (id: number, parent: number, ms: number, end = exit(0), args: readonly string[] = ['x']): ProcessSpan => ({
  tree,
  spanId: idOf(id),
  parentId: idOf(parent),
  actor: { pid: id },
  exec: {
    path: utf8.encode('/bin/x'), pathFlags: 0, args: textRunOf(args), argc: args.length, execFlags: 0, cwd: utf8.encode('/'), cwdFlags: 0, sessionLeaderPid: 0, traceparent: new Uint8Array(0), syscallNr: 59,
  },
  path: utf8.encode('/bin/x'),
  startNs: 0n,
  endNs: BigInt(ms) * 1_000_000n,
  end,
  events: [],
  droppedEvents: 0,
}); // prettier-ignore
const batchOf = (...spans: readonly ProcessSpan[]) => processSpanBatch(spans, { receiver: 'process', wallOffsetNs: 0n, args: true });

describe('what is kept for the tree', () => {
  it('is what the tree shows, of all spans but those that only mark', () => {
    const kept = createKeptSpans();
    kept.take(batchOf(span(2, 1, 5, exit(3), ['x', '-v']), span(3, 2, 5, { how: 'running' }), span(1, 0, 9)));
    expect(kept).toMatchObject({ programs: 2, connections: 0, left: 0 });
    expect(kept.spans[0]).toEqual({
      name: 'x',
      spanId: hexOf(2),
      parentId: hexOf(1),
      startUnixNs: 0n,
      endUnixNs: 5_000_000n,
      status: 'ERROR',
      statusMessage: 'exit code 3',
      kind: 'INTERNAL',
      attributes: [
        ['process.pid', 2],
        ['process.args_count', 2],
      ],
      textBytes: 11,
      args: expect.any(Function) as unknown,
    });
    expect(kept.spans[0]!.args()).toEqual(['x', '-v']);
  });

  it('has what the pipeline made of the arguments', () => {
    const kept = createKeptSpans();
    const { batch } = createTestRedactor().redact(batchOf(span(1, 0, 5, exit(0), ['mysql', '--password=hunter2', '--verbose'])));
    kept.take(batch);
    expect(kept.spans[0]!.args()).toEqual(['mysql', '--password=[REDACTED]', '--verbose']);
  });

  it('is bounded: what was short, did not fail and has nothing below it goes first', () => {
    const kept = createKeptSpans(100);
    for (let id = 10; id < 1010; id++) kept.take(batchOf(span(id, 2, id % 7, exit(id === 500 ? 1 : 0))));
    kept.take(batchOf(span(2, 1, 5000), span(1, 0, 5000)));
    expect(kept.spans.length).toBeLessThanOrEqual(100);
    expect(kept.spans.length + kept.left).toBe(1002);
    expect(kept.programs).toBe(1002);
    const ids = kept.spans.map(({ spanId }) => spanId);
    expect(ids).toEqual(expect.arrayContaining([hexOf(1), hexOf(2), hexOf(500)]));
    const shortest = kept.spans.filter(({ endUnixNs }) => endUnixNs === 0n).length;
    const longest = kept.spans.filter(({ endUnixNs }) => endUnixNs === 6_000_000n).length;
    expect(longest).toBeGreaterThan(shortest);
  });

  it('is bounded where each is below the other', () => {
    const kept = createKeptSpans(10);
    for (let id = 100; id > 0; id--) kept.take(batchOf(span(id, id - 1, 200 - id)));
    expect(kept.spans.length).toBeLessThanOrEqual(10);
    expect(kept.spans.map(({ spanId }) => spanId)).toContain(hexOf(1));
  });

  it('has bounds for texts: of one program, and of all', () => {
    const kept = createKeptSpans(1000, 10_000);
    kept.take(batchOf(span(1, 0, 5, exit(0), ['gcc', 'ä'.repeat(5000), 'last'])));
    expect(kept.spans[0]!.args()).toEqual(['gcc', `${'ä'.repeat(510)}…`]);
    kept.take(batchOf(span(1, 0, 5, exit(0), ['gcc', 'é'.repeat(700), '']), span(1, 0, 5, exit(0), ['a'.repeat(1023), 'b'])));
    expect(kept.spans.slice(1).map((one) => one.args().map((text) => text.length))).toEqual([
      [3, 511],
      [1023, 1],
    ]);
    const many = createKeptSpans(1000, 10_000);
    for (let id = 1; id < 100; id++)
      many.take(
        batchOf(
          span(
            id,
            0,
            5,
            exit(0),
            Array.from({ length: 900 }, () => ''),
          ),
        ),
      );
    expect(many.spans.length).toBeLessThan(5);
    for (let id = 2; id < 100; id++) kept.take(batchOf(span(id, 1, 5, exit(0), ['y'.repeat(1000)])));
    expect(kept.spans.length).toBeLessThan(15);
    expect(kept.left + kept.spans.length).toBe(101);
  });
});
