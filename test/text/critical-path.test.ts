import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathSegments, pathSteps, type PathSegment } from '../../src/text/critical-path.ts';
import { pathLine } from '../../src/text/path-line.ts';
import { spanForest, type TreeSpan } from '../../src/text/span-forest.ts';
import { textWidth } from '../../src/text/width.ts';
import { MS, span } from './support/spans.ts';

const segmentsOf = (spans: readonly TreeSpan[]): readonly PathSegment[] => pathSegments(spanForest(spans));
/** `make 0-10` in ms. */
const pathOf = (...spans: readonly TreeSpan[]): readonly string[] =>
  segmentsOf(spans).map(({ span: { name }, fromNs, toNs }) => `${name} ${fromNs / MS}-${toNs / MS}`);
const stepsOf = (...spans: readonly TreeSpan[]): readonly string[] =>
  pathSteps(segmentsOf(spans)).map(({ span: { name }, ownNs }) => `${name} ${ownNs / MS}`);

const session = (name: string, parentId: string, fromMs: number, ms: number): TreeSpan =>
  span(name, parentId, fromMs, ms, { attributes: [['ringtail.session.id', '7']] });
const withPid = (pid: number, name: string, parentId: string, fromMs: number, ms: number, isReplaced = true): TreeSpan =>
  span(name, parentId, fromMs, ms, {
    attributes: [['process.pid', pid], ...(isReplaced ? [['ringtail.process.replaced', true] as const] : [])],
  });

describe('the critical path', () => {
  it('of one program is that program', () => {
    expect(pathOf(span('true', '', 5, 10))).toEqual(['true 5-15']);
    expect(pathOf()).toEqual([]);
  });

  it('of steps one after the other is all of them, with what was between them', () => {
    expect(pathOf(span('sh', '', 0, 100), span('a', 'sh', 10, 20), span('b', 'sh', 30, 40), span('c', 'sh', 80, 10))).toEqual([
      'sh 0-10', 'a 10-30', 'b 30-70', 'sh 70-80', 'c 80-90', 'sh 90-100',
    ]); // prettier-ignore
  });

  it('of a chain goes down, and up again', () => {
    const chain = [span('make', '', 0, 100), span('gcc', 'make', 10, 80), span('cc1', 'gcc', 15, 40), span('as', 'gcc', 60, 20)];
    expect(pathOf(...chain)).toEqual(['make 0-10', 'gcc 10-15', 'cc1 15-55', 'gcc 55-60', 'as 60-80', 'gcc 80-90', 'make 90-100']);
    expect(stepsOf(...chain)).toEqual(['make 20', 'gcc 20', 'cc1 40', 'as 20']);
  });

  it('of a build with two at a time has three steps of which each needs the one before, and nothing of the other half', () => {
    const build = [
      span('make', '', 0, 1000),
      span('generate', 'make', 10, 290),
      span('docs', 'make', 10, 200),
      span('compile', 'make', 300, 500),
      span('check', 'make', 300, 100),
      span('lint', 'make', 420, 300),
      span('link', 'make', 805, 190),
    ];
    expect(stepsOf(...build)).toEqual(['make 20', 'generate 290', 'compile 500', 'link 190']);
  });

  it('of a pipeline is who ended last, and what ran before it', () => {
    expect(stepsOf(span('sh', '', 0, 100), span('before', 'sh', 0, 10), span('cat', 'sh', 11, 50), span('sort', 'sh', 12, 86), span('tail', 'sh', 12, 87))).toEqual([
      'sh 3', 'before 10', 'tail 87',
    ]); // prettier-ignore
  });

  it('goes on through what an exec replaced', () => {
    expect(stepsOf(withPid(7, 'bash', '', 0, 10), withPid(7, 'make', 'bash', 10, 90, false), span('cc', 'make', 20, 60), span('left', 'bash', 5, 60))).toEqual([
      'bash 10', 'make 30', 'cc 60',
    ]); // prettier-ignore
    expect(pathOf(span('sh', '', 0, 100), withPid(8, 'env', 'sh', 10, 5), withPid(8, 'nice', 'env', 15, 5), withPid(8, 'cc', 'nice', 20, 70, false))).toEqual([
      'sh 0-10', 'env 10-15', 'nice 15-20', 'cc 20-90', 'sh 90-100',
    ]); // prettier-ignore
    expect(pathOf(withPid(9, 'lost', '', 0, 10))).toEqual(['lost 0-10']);
  });

  it('leaves out what outlived who began it: nobody waited for it', () => {
    expect(stepsOf(span('sh', '', 0, 100), span('start', 'sh', 10, 20), span('daemon', 'start', 12, 5000))).toEqual(['sh 80', 'start 20']);
  });

  it('has connections where their program waited for nothing else', () => {
    const npm = [
      span('npm', '', 0, 1000),
      session('kept', 'npm', 100, 950),
      session('asked', 'npm', 20, 60),
      session('beside', 'npm', 30, 40),
      session('meanwhile', 'npm', 250, 100),
      span('build', 'npm', 200, 700),
    ];
    expect(pathOf(...npm)).toEqual(['npm 0-20', 'asked 20-80', 'npm 80-200', 'build 200-900', 'kept 900-1000']);
  });

  it('of spans beside each other goes from the last one back to what had ended then', () => {
    expect(pathOf(span('a', 'gone', 0, 10), span('b', 'gone', 5, 10), span('c', 'gone', 12, 20))).toEqual(['a 0-10', 'c 12-32']);
  });

  const spans = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 0, max: 60 }), fc.integer({ min: -3, max: 60 }), fc.nat(9)), { maxLength: 30 }).map((all) =>
    all.map(([parent, fromMs, ms, what], index) => {
      const make = what === 0 ? session : span;
      return index === 0 ? span('0', '', 10, 40) : make(String(index), String(parent % index), fromMs, ms);
    }),
  ); // prettier-ignore

  it('covers its root without gaps, overlaps and what is not there, whatever the spans', () => {
    fc.assert(
      fc.property(spans, (all) => {
        const segments = segmentsOf(all);
        const own = pathSteps(segments).reduce((sum, { ownNs }) => sum + ownNs, 0n);
        const root = all[0];
        expect(own).toBe(root === undefined ? 0n : root.endUnixNs - root.startUnixNs);
        for (const [index, { span: one, fromNs, toNs }] of segments.entries()) {
          expect(fromNs).toBe(segments[index - 1]?.toNs ?? root!.startUnixNs);
          expect(toNs).toBeGreaterThan(fromNs);
          expect(fromNs).toBeGreaterThanOrEqual(one.startUnixNs);
          expect(toNs).toBeLessThanOrEqual(one.endUnixNs);
        }
      }),
    );
  });

  it('looks at each span once, however many there are and however they hang together', () => {
    const many = 50_000;
    const shapes: readonly ((index: number) => TreeSpan)[] = [
      (index) => span(String(index), '0', 2 * index, 1),
      (index) => span(String(index), '0', index, 2 * many - 2 * index),
      (index) => span(String(index), String(index - 1), index, 2 * many - 2 * index),
      (index) => session(String(index), '0', index, many),
      (index) => (index % 2 === 0 ? session : span)(String(index), '0', index, 3),
    ];
    for (const shape of shapes) {
      let looks = 0;
      const counted = Array.from({ length: many }, (_, index): TreeSpan => {
        const made = index === 0 ? span('0', '', 0, 3 * many) : shape(index);
        return Object.defineProperty({ ...made }, 'attributes', { get: () => (looks++, made.attributes) });
      });
      expect(segmentsOf(counted).length).toBeGreaterThan(0);
      expect(looks).toBeLessThan(6 * many);
    }
  });
}); // prettier-ignore

describe('its line', () => {
  const steps = (...names: readonly string[]) => names.map((name, index) => ({ span: span(name, '', 0, 0), ownNs: BigInt(index + 1) * MS }));

  it('has the steps in their order', () => {
    expect(pathLine(steps('make', 'cc', 'ld'), undefined)).toBe('slowest path: make 1 ms → cc 2 ms → ld 3 ms');
    expect(pathLine([], 80)).toBe('');
  });

  it('has names, the longest first, when there are too many steps or too little room', () => {
    const many = steps(...Array.from({ length: 6 }, () => ['gcc', 'cc1']).flat(), 'ld');
    expect(pathLine(many, undefined)).toBe('slowest path, longest first: cc1 42 ms in 6, gcc 36 ms in 6, ld 13 ms');
    expect(pathLine(many, 60)).toBe('slowest path, longest first: cc1 42 ms in 6, 2 more 49 ms');
    expect(pathLine(steps('make', 'cc', 'ld'), 40)).toBe('slowest path, longest first: ld 3 ms, 2 more 3 ms');
    expect(pathLine(steps(...Array.from({ length: 20 }, (_, index) => `step${index}`)), undefined)).toMatch(/: step19 20 ms, .*, step12 13 ms, 12 more 78 ms$/);
  });

  it('shows hostile names harmlessly', () => {
    expect(pathLine(steps('\u001b[2J', '\u202e', '漢\n'), undefined)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 3 }), { maxLength: 20 }), fc.integer({ min: 80, max: 200 }), (names, width) => {
        const line = pathLine(steps(...names), width);
        expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(textWidth(line)).toBeLessThanOrEqual(Math.max(width, 120));
      }),
    );
  });
}); // prettier-ignore
