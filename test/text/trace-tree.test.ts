import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attribute } from '../../src/core/batch.ts';
import type { TreeSpan } from '../../src/text/span-forest.ts';
import { slowestPath, traceTree } from '../../src/text/trace-tree.ts';
import { textWidth } from '../../src/text/width.ts';
import { MS, span } from './support/spans.ts';

const session: readonly Attribute[] = [
  ['ringtail.session.id', '7'],
  ['network.peer.address', '10.0.0.5'],
  ['network.peer.port', 443],
  ['ringtail.session.bytes_sent', 100],
  ['ringtail.session.bytes_received', 2048],
];
const build: readonly TreeSpan[] = [
  span('make', '', 0, 1000, { status: 'ERROR', statusMessage: 'exit code 2' }),
  span('sh', 'make', 10, 100),
  span('cc', 'sh', 20, 80),
  span('ld', 'make', 500, 490, { status: 'ERROR', statusMessage: 'exit code 1' }),
  span('tcp 443', 'ld', 510, 20, { attributes: session, kind: 'CLIENT' }),
  span('left', 'make', 5, 1, { attributes: [], args: () => [] }),
];
const plain = { colour: false, width: undefined, lines: 100 };

describe('a trace as a tree', () => {
  it('has durations, failures, connections and the slowest path', () => {
    expect(traceTree(build, plain)).toEqual([
      '   1.0 s ● exit code 2 make -v',
      '    1 ms ● ├─ left (forked)',
      '  100 ms ● ├─ sh -v',
      '   80 ms ● │  └─ cc -v',
      '  490 ms ● └─ exit code 1 ld -v',
      '   20 ms ●    └─ → 10.0.0.5:443 tcp 100 B out, 2.0 KiB in',
    ].map((line) => ` ${line}`)); // prettier-ignore
    expect(slowestPath(build).map(({ span: { name }, ownNs }) => `${name} ${Number(ownNs / MS)}`)).toEqual([
      'make 409', 'left 1', 'sh 20', 'cc 80', 'ld 470', 'tcp 443 20',
    ]); // prettier-ignore
  });

  it('leaves out what took least time and did not fail, and counts it', () => {
    expect(traceTree(build, { ...plain, lines: 4 })).toEqual([
      '    1.0 s ● exit code 2 make -v',
      '     1 ms   ├─ … 1 more',
      '   100 ms ● ├─ sh -v',
      '    80 ms ● │  └─ cc -v',
      '   490 ms ● └─ exit code 1 ld -v',
      '    20 ms      └─ … 1 more',
    ]);
  });

  it('says how many of what it left out failed, whatever they are below', () => {
    const failed = { status: 'ERROR', statusMessage: 'exit code 1' } as const;
    const all = [
      span('make', '', 0, 100),
      span('sh', 'make', 1, 2),
      span('a', 'sh', 1, 1, failed),
      span('b', 'make', 4, 1, failed),
      span('c', 'make', 50, 50),
    ];
    expect(traceTree(all, { ...plain, lines: 1 })).toEqual(['   100 ms ● make -v', '    53 ms   └─ … 4 more, 2 failed']);
  });

  it('shows what hangs below nothing that is here, and parents that go in circles', () => {
    expect(traceTree([span('lost', 'elsewhere', 0, 5), span('self', 'self', 1, 2)], plain).map((line) => line.slice(12))).toEqual([
      'lost -v',
      'self -v',
    ]);
    expect(traceTree([], plain)).toEqual([]);
  });

  it('is harmless and no wider than the terminal, whatever the texts', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom('\u001b[2J', '\r\n', '\u202e', '漢字', '\u0000'));
    const spans = fc.array(fc.tuple(text, fc.nat(20), fc.nat(50)), { maxLength: 20 }).map((all) =>
      all.map(([name, parent, ms], index) =>
        span(String(index), parent >= index ? '' : String(parent), index, ms, {
          name,
          status: ms % 2 === 0 ? 'ERROR' : 'UNSET',
          statusMessage: name,
          attributes: ms % 3 === 1 ? session : [],
          args: () => (ms % 3 === 0 ? [name, name] : []),
        }),
      ),
    );
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 25 }), (input, width, lines) => {
        for (const line of traceTree(input, { colour: false, width, lines })) {
          expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
          expect(textWidth(line)).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  it('takes a tree as deep as there may be', () => {
    const deep = Array.from({ length: 20_000 }, (_, index) => span(String(index), index === 0 ? '' : String(index - 1), index, 1));
    // one more says how many are left out
    expect(traceTree(deep, { ...plain, width: 80, lines: 30 })).toHaveLength(31);
  });
});
