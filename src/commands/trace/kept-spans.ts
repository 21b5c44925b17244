/** The spans behind the tree that `ringtail trace` prints: all of a trace, or of a very large one those that say most. */
import { rowsOf, type Batch } from '../../core/batch.ts';
import { textsOfRun, type TextRun } from '../../core/text-table.ts';
import { rowReaderOf, runReaderOf } from '../../otlp/log-text.ts';
import { attributeName } from '../../otlp/names.ts';
import { decodeKeepingBytes } from '../../text/escape.ts';
import { spanHeadReaderOf } from '../../text/span.ts';
import type { TreeSpan } from '../../text/span-forest.ts';
import { treeAttributes } from '../../text/trace-tree.ts';

/** About half a KiB each and their texts, of the 256 MiB that Ringtail has for all. */
const MOST_SPANS = 60_000;
const MOST_TEXT = 32 << 20;
/** Bytes of the arguments of one program: a tree has a line for it. */
const MOST_ARGUMENTS = 1024;

export type KeptSpans = {
  take(batch: Batch): void;
  readonly spans: readonly TreeSpan[];
  /** Of all that came; markers of what runs do not count. */
  readonly programs: number;
  readonly connections: number;
  /** How many of these were not kept. */
  readonly left: number;
};

const durationNs = ({ startUnixNs, endUnixNs }: TreeSpan): bigint => endUnixNs - startUnixNs;
const isSession = ({ attributes }: TreeSpan): boolean => attributes.some(([name]) => name === attributeName.sessionId);

/** `textBytes`: of its arguments, with what it takes to keep them. */
type KeptSpan = TreeSpan & { readonly textBytes: number };

/** At most so many bytes, with one between two texts, and whether that is not all. A character is not cut. */
const cutRun = (run: TextRun, most: number): { readonly run: TextRun; readonly isCut: boolean } => {
  const { bytes, lengths } = run;
  if (bytes.length + lengths.length <= most) return { run, isCut: false };
  let end = 0;
  let whole = 0;
  while (whole < lengths.length && end + lengths[whole]! + whole + 1 <= most) end += lengths[whole++]!;
  if (whole === lengths.length) return { run, isCut: false };
  let more = Math.max(0, Math.min(lengths[whole]!, most - end - whole));
  while (more > 0 && (bytes[end + more]! & 0xc0) === 0x80) more--;
  const kept = lengths.slice(0, whole + 1);
  kept[whole] = more;
  return { run: { bytes: bytes.slice(0, end + more), lengths: kept }, isCut: true };
};

const NO_ARGUMENTS = { args: (): readonly string[] => [], textBytes: 0 };

/** They are decoded when a line needs them: most have none. */
const keptArguments = (all: TextRun | undefined): Pick<KeptSpan, 'args' | 'textBytes'> => {
  if (all === undefined) return NO_ARGUMENTS;
  const { run, isCut } = cutRun(all, MOST_ARGUMENTS);
  const args = (): readonly string[] => textsOfRun(run).map((text, at) => `${decodeKeepingBytes(text)}${isCut && at === run.lengths.length - 1 ? '…' : ''}`);
  return { args, textBytes: run.bytes.length + run.lengths.byteLength };
}; // prettier-ignore

/** Bounds: spans, and bytes for arguments. */
export const createKeptSpans = (mostSpans = MOST_SPANS, mostText = MOST_TEXT): KeptSpans => {
  let spans: KeptSpan[] = [];
  let text = 0;
  const counts = { programs: 0, connections: 0, left: 0 };

  /** The half that says least goes: what nothing hangs below, did not fail and was short. What holds a tree together ends last, and stays. */
  const prune = (): void => {
    const parents = new Set(spans.map(({ parentId }) => parentId));
    const rank = ({ spanId, status }: TreeSpan): number => (parents.has(spanId) ? 2 : status === 'ERROR' ? 1 : 0);
    const ranked = spans.map((span, index) => ({ index, rank: rank(span), ns: durationNs(span) }));
    ranked.sort((a, b) => a.rank - b.rank || Number(a.ns - b.ns));
    const gone = new Set(ranked.slice(0, Math.ceil(spans.length / 2)).map(({ index }) => index));
    counts.left += gone.size;
    spans = spans.filter((_, index) => !gone.has(index));
    text = spans.reduce((sum, { textBytes }) => sum + textBytes, 0);
  };

  return {
    take(batch) {
      const attributesAt = rowReaderOf(batch, (name) => treeAttributes.has(name) || name === attributeName.spanPartial, decodeKeepingBytes);
      const argumentsAt = runReaderOf(batch, attributeName.processCommandArgs);
      const headAt = spanHeadReaderOf(batch, decodeKeepingBytes);
      for (let at = 0; at < rowsOf(batch); at++) {
        const row = batch.selection === undefined ? at : batch.selection[at]!;
        const attributes = attributesAt(row);
        if (attributes.some(([name]) => name === attributeName.spanPartial)) continue;
        const span: KeptSpan = { ...headAt(row), attributes, ...keptArguments(argumentsAt?.(row)) };
        counts[isSession(span) ? 'connections' : 'programs']++;
        if (spans.length >= mostSpans || text >= mostText) prune();
        spans.push(span);
        text += span.textBytes;
      }
    },
    get spans() {
      return spans;
    },
    get programs() {
      return counts.programs;
    },
    get connections() {
      return counts.connections;
    },
    get left() {
      return counts.left;
    },
  };
};
