/** The spans behind the tree that `ringtail trace` prints: all of a trace, or of a very large one those that say most. */
import { rowsOf, type Attribute, type Batch } from '../../core/batch.ts';
import { rowReaderOf } from '../../otlp/log-text.ts';
import { attributeName } from '../../otlp/names.ts';
import { decodeKeepingBytes } from '../../text/escape.ts';
import { spanOf } from '../../text/span.ts';
import type { TreeSpan } from '../../text/span-forest.ts';
import { treeAttributes } from '../../text/trace-tree.ts';

/** About half a KiB each and their texts, of the 256 MiB that Ringtail has for all. */
const MOST_SPANS = 60_000;
const MOST_TEXT = 32 << 20;
/** Characters of the arguments of one program: a tree has a line for it. */
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

/** In memory of its own, whatever it is: a part of a text holds the whole. */
const partOf = (text: string, length: number): string => Buffer.from(text.slice(0, length), 'utf16le').toString('utf16le');

const cutArguments = (args: readonly string[]): readonly string[] => {
  let left = MOST_ARGUMENTS;
  const fits = args.findIndex((text) => (left -= text.length + 1) < 0);
  return fits === -1 ? args : [...args.slice(0, fits), `${partOf(args[fits]!, left + args[fits]!.length + 1)}…`];
};

const shortened = ([name, value]: Attribute): Attribute =>
  name === attributeName.processCommandArgs && Array.isArray(value) ? [name, cutArguments(value as readonly string[])] : [name, value];

const lengthOf = ({ attributes }: TreeSpan): number =>
  attributes.reduce((sum, [, value]) => sum + (Array.isArray(value) ? value.reduce((all, text) => all + String(text).length, 0) : 0), 0);

/** Bounds: spans, and characters of arguments. */
export const createKeptSpans = (mostSpans = MOST_SPANS, mostText = MOST_TEXT): KeptSpans => {
  let spans: TreeSpan[] = [];
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
    text = spans.reduce((sum, span) => sum + lengthOf(span), 0);
  };

  return {
    take(batch) {
      const attributesAt = rowReaderOf(batch, (name) => treeAttributes.has(name) || name === attributeName.spanPartial, decodeKeepingBytes);
      for (let at = 0; at < rowsOf(batch); at++) {
        const row = batch.selection === undefined ? at : batch.selection[at]!;
        const attributes = attributesAt(row).map(shortened);
        if (attributes.some(([name]) => name === attributeName.spanPartial)) continue;
        const { name, spanId, parentId, startUnixNs, endUnixNs, status, statusMessage, kind } = spanOf(
          batch,
          row,
          decodeKeepingBytes,
          attributes,
        );
        const span = { name, spanId, parentId, startUnixNs, endUnixNs, status, statusMessage, kind, attributes };
        counts[isSession(span) ? 'connections' : 'programs']++;
        if (spans.length >= mostSpans || text >= mostText) prune();
        spans.push(span);
        text += lengthOf(span);
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
