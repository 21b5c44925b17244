/** Log records, or spans, that conditions drop. */
import { resourceOfRow, type Attribute, type AttributeValue, type Batch } from '../../core/batch.ts';
import { spansOf } from '../../core/spans.ts';
import { rowReaderOf, textOf } from '../../otlp/log-text.ts';
import type { PathField } from './conditions/attributes.ts';
import { compileTruth, truth, type Subject } from './conditions/evaluate.ts';
import { attributesIn } from './conditions/expression.ts';
import { parseCondition } from './conditions/parse.ts';

/** What the writer gives every record. */
const SEVERITY_INFO = 9;

export type OnDrop = (condition: number) => void;
export type OnFailure = (condition: number) => void;

export type RecordConditions = {
  /** Points at a batch; rows are judged until the next one. */
  open(batch: Batch): void;
  /** True when a condition drops the row. */
  drops(row: number): boolean;
};

/** Attributes that stand last go before others of the name, as when they are written. */
export const attributeIn = (attributes: readonly Attribute[], key: string): AttributeValue | undefined => {
  for (let i = attributes.length - 1; i >= 0; i--) if (attributes[i]![0] === key) return attributes[i]![1];
  return undefined;
};

/** Conditions are looked at in their order. One that fails counts as not true; `onFailure` may throw. */
export const createRecordConditions = (
  signal: 'logs' | 'traces',
  conditions: readonly string[],
  resource: readonly Attribute[],
  onDrop: OnDrop,
  onFailure: OnFailure,
): RecordConditions => {
  const trees = conditions.map((text) => parseCondition(signal, text).truth);
  const tests = trees.map(compileTruth);
  const asked = new Set(trees.flatMap(attributesIn));
  let batch!: Batch;
  let read: (row: number) => readonly Attribute[];
  let current = -1;
  let attributes: readonly Attribute[] | undefined;

  const subject: Subject = {
    value(field: PathField, key: string | undefined) {
      if (field === 'name') return textOf(spansOf(batch), spansOf(batch).names[current]!);
      if (field === 'event_name') return batch.kind.eventName;
      if (field === 'severity_number') return batch.severities?.[current] ?? SEVERITY_INFO;
      if (field === 'resource') return attributeIn(resourceOfRow(batch, current)?.attributes ?? resource, key!);
      attributes ??= read(current);
      return attributeIn(attributes, key!);
    },
  };

  return {
    open(next) {
      batch = next;
      read = rowReaderOf(batch, (name) => asked.has(name));
    },
    drops(row) {
      current = row;
      attributes = undefined;
      for (let i = 0; i < tests.length; i++) {
        const result = tests[i]!(subject);
        if (result === truth.failed) onFailure(i);
        else if (result === truth.yes) {
          onDrop(i);
          return true;
        }
      }
      return false;
    },
  };
};
