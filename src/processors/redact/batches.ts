/**
 * Batches without secrets. What is found in a frame is kept for as long as the frame is on its way, so that several batches and pipelines
 * with the same settings look through it once.
 */
import { LENGTH_MASK, type AttributeField, type Batch, type Column, type EventSchema, type Frame } from '../../core/batch.ts';
import { attributeName } from '../../otlp/names.ts';
import { createCommandMemo } from './command-memo.ts';
import type { RedactConfig } from './config.ts';
import { compilePattern, type Pattern } from './patterns.ts';
import { createRedactor, joinSpans, type Spans } from './redactor.ts';
import { createStringEdits } from './strings.ts';

export type RedactedBatch = {
  readonly batch: Batch;
  /** Values that were replaced in the rows that the batch shows. */
  readonly values: number;
};

export type BatchRedactor = {
  redact(batch: Batch): RedactedBatch;
  /** Commands that were looked at closer, because the first look found something and they are not remembered, and all commands. */
  readonly work: { closeLooks: number; commands: number };
};

/** What is replaced in the rows of a column: pairs of a row and a number of values. */
type Hits = readonly number[];
const NO_HITS: Hits = [];
const NO_SPANS: Spans = [];

type TextField = Extract<AttributeField, { readonly type: 'string' }>;
type ListField = Extract<AttributeField, { readonly type: 'strings' }>;
type Plan = {
  readonly lists: readonly { readonly column: string; readonly count: string; readonly isCommand: boolean }[];
  readonly texts: readonly string[];
  /** Says that the last argument is not whole. */
  readonly cut: { readonly column: string; readonly mask: number } | undefined;
};

const planOf = ({ fields }: EventSchema, { args, attributes }: RedactConfig): Plan | undefined => {
  const wanted = new Set(attributes);
  const isCommand = ({ name }: AttributeField) => args && name === attributeName.processCommandArgs;
  const lists = fields
    .filter((field): field is ListField => field.type === 'strings' && (isCommand(field) || wanted.has(field.name)))
    .map((field) => ({ column: field.column, count: field.count, isCommand: isCommand(field) }));
  const texts = fields.filter((field): field is TextField => field.type === 'string' && wanted.has(field.name)).map(({ column }) => column);
  if (lists.length === 0 && texts.length === 0) return undefined;
  const cut = fields.find((field) => field.type === 'bool' && field.name === attributeName.argsTruncated);
  return { lists, texts, cut: cut?.type === 'bool' ? { column: cut.column, mask: cut.mask } : undefined };
};

const valuesOf = (hits: Hits, selection: Uint32Array | undefined): number => {
  if (hits.length === 0) return 0;
  const shown = selection === undefined ? undefined : new Set(selection);
  let values = 0;
  for (let i = 0; i < hits.length; i += 2) if (shown === undefined || shown.has(hits[i]!)) values += hits[i + 1]!;
  return values;
};

/** Arguments of one command for which there is room at first; it grows to the most that a command had. */
const FIRST_WORDS = 256;

export const createBatchRedactor = (config: RedactConfig): BatchRedactor => {
  const redactor = createRedactor(config.keys);
  const patterns: readonly Pattern[] = config.patterns.map(compilePattern);
  const edits = createStringEdits(new TextEncoder().encode(config.replacement));
  const plans = new WeakMap<EventSchema, { readonly plan: Plan | undefined }>();
  const memo = createCommandMemo();
  const work = { closeLooks: 0, commands: 0 };
  const { scan } = redactor.scanner;

  let original: Frame | undefined;
  let derived: Frame | undefined;
  /** What was found in the columns of the frame, and those that took the place of columns with ids of replaced texts. */
  let seenLists = new Map<Column, Hits>();
  let seenTexts = new Map<Column, { readonly column: Column; readonly hits: Hits }>();
  let buffer: Buffer | undefined;
  let found = new Uint8Array(FIRST_WORDS);

  const open = (frame: Frame): void => {
    if (frame === original) return;
    original = frame;
    derived = frame;
    seenLists = new Map();
    seenTexts = new Map();
    buffer = undefined;
    edits.open(frame.strings);
  };

  const latin1 = (start: number, end: number): string => {
    const { bytes } = original!.strings;
    buffer ??= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return buffer.toString('latin1', start, end);
  };

  const withPatterns = (spans: Spans, start: number, end: number): Spans => {
    if (patterns.length === 0) return spans;
    const pairs = [...spans];
    const text = original!.strings.bytes.subarray(start, end);
    for (const pattern of patterns) pattern.find(text, pairs);
    return pairs.length === spans.length ? spans : joinSpans(pairs);
  };

  /** Spans of the arguments of one command that something was found in. */
  const spansOf = (first: number, count: number, isCommand: boolean, isCut: boolean): readonly Spans[] => {
    const { strings } = original!;
    const { offsets, lengths } = strings;
    const known = isCommand ? memo.get(strings, first, count, isCut) : undefined;
    if (known !== undefined) return known;
    work.closeLooks++;
    const texts: string[] = [];
    const bits: number[] = [];
    // arguments of one command lie behind each other: decoded at once and then cut
    const base = offsets[first]!;
    const end = offsets[first + count - 1]! + (lengths[first + count - 1]! & LENGTH_MASK);
    let length = 0;
    for (let i = 0; i < count; i++) length += lengths[first + i]! & LENGTH_MASK;
    const whole = end - base === length ? latin1(base, end) : undefined;
    for (let i = 0; i < count; i++) {
      const start = offsets[first + i]!;
      const stop = start + (lengths[first + i]! & LENGTH_MASK);
      texts.push(whole === undefined ? latin1(start, stop) : whole.slice(start - base, stop - base));
      bits.push(found[i]!);
    }
    if (!isCommand) return texts.map((text, i) => redactor.inText(text, bits[i]!));
    const spans = redactor.inArguments(texts, bits, isCut);
    memo.keep(spans);
    return spans;
  };

  /** Looks closer at `count` strings from `first`; returns how many values it replaced. */
  const lookCloser = (first: number, count: number, isCommand: boolean, isCut: boolean): number => {
    const { offsets, lengths } = original!.strings;
    const spans = spansOf(first, count, isCommand, isCut);
    let values = 0;
    for (let i = 0; i < count; i++) {
      const start = offsets[first + i]!;
      const all = withPatterns(spans[i] ?? NO_SPANS, start, start + (lengths[first + i]! & LENGTH_MASK));
      if (all.length === 0) continue;
      edits.replace(first + i, all);
      values += all.length / 2;
    }
    return values;
  };

  const scanList = (batch: Batch, list: Plan['lists'][number], cut: Plan['cut']): Hits => {
    const firsts = batch.columns[list.column];
    const counts = batch.columns[list.count];
    if (firsts === undefined || counts === undefined) return NO_HITS;
    const cuts = cut === undefined ? undefined : batch.columns[cut.column];
    const { bytes, offsets, lengths } = original!.strings;
    const always = patterns.length > 0;
    let hits: number[] | undefined;
    for (let row = 0; row < batch.rows; row++) {
      const count = counts[row]!;
      if (count === 0) continue;
      if (count > found.length) found = new Uint8Array(2 ** Math.ceil(Math.log2(count)));
      const first = firsts[row]!;
      let any = 0;
      for (let i = 0; i < count; i++) {
        const start = offsets[first + i]!;
        any |= found[i] = scan(bytes, start, start + (lengths[first + i]! & LENGTH_MASK));
      }
      work.commands++;
      if (any === 0 && !always) continue;
      const isCut = cuts !== undefined && (cuts[row]! & cut!.mask) !== 0;
      const values = lookCloser(first, count, list.isCommand, isCut);
      if (values > 0) (hits ??= []).push(row, values);
    }
    return hits ?? NO_HITS;
  };

  /** Texts are shared by rows and attributes, so a replaced one gets an id of its own. */
  const scanTexts = (column: Column, rows: number): { readonly column: Column; readonly hits: Hits } => {
    const { bytes, offsets, lengths } = original!.strings;
    const newIds = new Map<number, number>();
    const values = new Map<number, number>();
    const hits: number[] = [];
    let changed: Column | undefined;
    for (let row = 0; row < rows; row++) {
      const id = column[row]!;
      const start = offsets[id]!;
      const end = start + (lengths[id]! & LENGTH_MASK);
      if (start === end) continue;
      if (!newIds.has(id)) {
        const bits = scan(bytes, start, end);
        const spans = bits === 0 && patterns.length === 0 ? [] : withPatterns(redactor.inText(latin1(start, end), bits), start, end);
        newIds.set(id, spans.length === 0 ? id : edits.add(id, spans));
        values.set(id, spans.length / 2);
      }
      const next = newIds.get(id)!;
      if (next === id) continue;
      changed ??= column.slice();
      changed[row] = next;
      hits.push(row, values.get(id)!);
    }
    return { column: changed ?? column, hits };
  };

  return {
    work,
    redact(batch) {
      let entry = plans.get(batch.kind);
      if (entry === undefined) {
        entry = { plan: planOf(batch.kind, config) };
        plans.set(batch.kind, entry);
      }
      const { plan } = entry;
      open(batch.frame);
      if (plan === undefined) return { batch: derived === batch.frame ? batch : { ...batch, frame: derived! }, values: 0 };
      let values = 0;
      let isNew = false;
      const replaced: Record<string, Column> = {};
      for (const list of plan.lists) {
        const key = batch.columns[list.column];
        if (key === undefined) continue;
        let hits = seenLists.get(key);
        if (hits === undefined) {
          hits = scanList(batch, list, plan.cut);
          seenLists.set(key, hits);
          isNew ||= hits.length > 0;
        }
        values += valuesOf(hits, batch.selection);
      }
      for (const name of plan.texts) {
        const key = batch.columns[name];
        if (key === undefined) continue;
        let seen = seenTexts.get(key);
        if (seen === undefined) {
          seen = scanTexts(key, batch.rows);
          seenTexts.set(key, seen);
          isNew ||= seen.hits.length > 0;
        }
        if (seen.column !== key) replaced[name] = seen.column;
        values += valuesOf(seen.hits, batch.selection);
      }
      if (isNew)
        derived = {
          sequence: batch.frame.sequence,
          wallOffsetNs: batch.frame.wallOffsetNs,
          strings: edits.table(),
          actors: batch.frame.actors,
        };
      if (derived === batch.frame) return { batch, values };
      return { batch: { ...batch, frame: derived!, columns: { ...batch.columns, ...replaced } }, values };
    },
  };
};
