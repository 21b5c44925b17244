/** Batches with their attributes changed: at once where the outcome is known beforehand, else record by record. */
import { rowsOf, type Attribute, type AttributeField, type Batch, type EventSchema } from '../../core/batch.ts';
import { headNames } from '../../otlp/actor-head.ts';
import { rowReaderOf } from '../../otlp/log-text.ts';
import { applyActions, type Action } from '../shared/actions.ts';
import { valueKey } from '../shared/values.ts';
import { foresee, namesIn, reachOf } from './foresight.ts';
import type { Matcher } from './match.ts';
import { createRowSource } from '../../otlp/row-source.ts';
import { createStripper, testOf } from './strip.ts';

/** The outcome depends on which of a few names a batch may have; kinds times sets of processors, a handful. */
const REMEMBERED_OUTCOMES = 256;

export type Change = {
  readonly actions: readonly Action[];
  readonly include?: Matcher | undefined;
  readonly exclude?: Matcher | undefined;
};

type Known = {
  readonly strip: (batch: Batch) => Batch;
  /** The kind with what is added, for each kind. */
  readonly kindOf: (kind: EventSchema) => EventSchema;
};

const keyOf = (attributes: readonly Attribute[]): string =>
  attributes.map(([name, value]) => `${name.length}:${name}${valueKey(value)}`).join('');

/** Constants are fields of the kind: exporters prepare them once and copy them. */
const adderOf = (added: readonly Attribute[]): ((kind: EventSchema) => EventSchema) => {
  if (added.length === 0) return (kind) => kind;
  const constants = added.map(([name, value]): AttributeField => ({ name, type: 'constant', value }));
  const kinds = new WeakMap<EventSchema, EventSchema>();
  return (kind) => {
    let changed = kinds.get(kind);
    if (changed === undefined) kinds.set(kind, (changed = { ...kind, fields: [...kind.fields, ...constants] }));
    return changed;
  };
};

/** A function from a batch to its view. What the view refers to lives as long as the batch. */
export const createChange = ({ actions, include, exclude }: Change): ((batch: Batch) => Batch) => {
  const spoken = namesIn(actions);
  const conditions = new Set([...(include?.names ?? []), ...(exclude?.names ?? [])]);
  const reach = reachOf(actions);
  const isReached = testOf(reach);
  const isRead = testOf({ names: new Set([...reach.names, ...spoken]), patterns: reach.patterns });
  const stripReached = createStripper(reach);
  const outcomes = new Map<string, Known | undefined>();
  const fieldNames = new WeakMap<EventSchema, ReadonlySet<string>>();

  const namesOf = (kind: EventSchema): ReadonlySet<string> => {
    let names = fieldNames.get(kind);
    if (names === undefined) fieldNames.set(kind, (names = new Set(kind.fields.map(({ name }) => name))));
    return names;
  };

  const mayHave = ({ kind, omitted, actorAttributes, rowAttributes }: Batch, name: string): boolean =>
    (headNames.has(name) && omitted?.has(name) !== true) ||
    namesOf(kind).has(name) ||
    actorAttributes.some(({ source: { names } }) => names === undefined || names.has(name)) ||
    rowAttributes.some(({ source: { names } }) => names === undefined || names.has(name));

  const knownOf = (batch: Batch): Known | undefined => {
    const key = spoken.map((name) => (mayHave(batch, name) ? '1' : '0')).join('');
    if (!outcomes.has(key)) {
      if (outcomes.size >= REMEMBERED_OUTCOMES) outcomes.clear();
      const outcome = foresee(actions, (name) => key[spoken.indexOf(name)] === '1');
      outcomes.set(key, outcome && { strip: createStripper(outcome), kindOf: adderOf(outcome.added) });
    }
    return outcomes.get(key);
  };

  const changeAll = (batch: Batch): Batch => {
    const known = knownOf(batch);
    if (known === undefined) return changeEach(batch);
    const view = known.strip(batch);
    const kind = known.kindOf(view.kind);
    return kind === view.kind ? view : { ...view, kind };
  };

  /** What the actions reach is taken off every row and put back as they leave it. `matches` tells of the n-th row of the view. */
  const changeEach = (batch: Batch, matches?: Uint8Array): Batch => {
    const read = rowReaderOf(batch, isRead);
    const source = createRowSource(reach.patterns.length === 0 ? reach.names : undefined);
    const ids = new Uint32Array(batch.rows);
    const changed = new Map<string, number>();
    for (let i = 0; i < rowsOf(batch); i++) {
      const row = batch.selection === undefined ? i : batch.selection[i]!;
      const attributes = read(row);
      if (matches?.[i] === 0) {
        ids[row] = source.add(attributes.filter(([name]) => isReached(name)));
        continue;
      }
      const key = keyOf(attributes);
      let id = changed.get(key);
      if (id === undefined) {
        const values = new Map(attributes);
        applyActions(actions, values);
        id = source.add([...values].filter(([name]) => isReached(name)));
        changed.set(key, id);
      }
      ids[row] = id;
    }
    const view = stripReached(batch);
    return { ...view, rowAttributes: [...view.rowAttributes, { source, ids }] };
  };

  return (batch) => {
    const event = batch.kind.eventName;
    if (include?.event(event) === false) return batch;
    const excluding = exclude?.event(event) === true ? exclude : undefined;
    if (excluding?.names.length === 0) return batch;
    const including = include !== undefined && include.names.length > 0 ? include : undefined;
    if (including === undefined && excluding === undefined) return changeAll(batch);
    const rows = rowsOf(batch);
    const read = rowReaderOf(batch, (name) => conditions.has(name));
    const matches = new Uint8Array(rows);
    let matching = 0;
    for (let i = 0; i < rows; i++) {
      const attributes = read(batch.selection?.[i] ?? i);
      if (including?.record(attributes) === false || excluding?.record(attributes) === true) continue;
      matches[i] = 1;
      matching++;
    }
    return matching === 0 ? batch : matching === rows ? changeAll(batch) : changeEach(batch, matches);
  };
};
