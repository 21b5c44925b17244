/**
 * An `EventSchema` prepared for the writer: a flat list of operations of one shape, so that the loop over them stays monomorphic, with
 * everything encoded that does not depend on the row. `bindPlan` points it at the columns of a batch, `unbindPlan` lets go of them.
 */
import { LENGTH_MASK, type AttributeField, type AttributeValue, type Batch, type EventSchema } from '../core/batch.ts';
import {
  intTemplate, itemTemplate, keyTemplate, putFlags, putInt, putText, putTexts, SCALAR_BOUND, TEXT_BOUND, textBound, textsBound, type Strings,
} from './attribute-templates.ts'; // prettier-ignore
import { putTemplate, templateOf, TEMPLATE_SLACK, type Template } from './copy.ts';
import { encodeAttributes } from './wire.ts';

const U32 = 0;
const I32 = 1;
const U64 = 2;
const TEXT = 3;
const TEXTS = 4;
const BOOL = 5;
const ENUM = 6;
const FLAGS = 7;
const CONSTANT = 8;

type Operation = {
  readonly code: number;
  /** Names of columns; '' = none. */
  readonly column: string;
  readonly second: string;
  readonly conditional: boolean;
  readonly whenColumn: string;
  readonly whenMask: number;
  readonly whenSet: boolean;
  readonly mask: number;
  readonly always: boolean;
  readonly key: Template;
  /** Whole attributes (bool: false, true; enum: by `indexes`; constant) or items of a list (flags). */
  readonly pieces: readonly Template[];
  readonly indexes: ReadonlyMap<number, number>;
  readonly masksLo: Uint32Array;
  readonly masksHi: Uint32Array;
  /** Most bytes but those of strings. */
  readonly bound: number;
  /** Columns of the batch that is being written. */
  bound1: Uint32Array;
  bound2: Uint32Array;
  boundWhen: Uint32Array;
  active: boolean;
};

export type FieldPlan = { readonly operations: readonly Operation[]; readonly fixedBound: number };

const NO_COLUMN = new Uint32Array(0);
const noTemplate = templateOf();

const partsOf = (field: AttributeField): Partial<Operation> & { readonly code: number; readonly bound: number } => {
  const { name } = field;
  const whole = (value: AttributeValue) => templateOf(encodeAttributes([[name, value]]));
  switch (field.type) {
    case 'u32':
    case 'i32':
      return { code: field.type === 'u32' ? U32 : I32, column: field.column, key: intTemplate(name), bound: SCALAR_BOUND };
    case 'u64':
      return { code: U64, column: `${field.column}Lo`, second: `${field.column}Hi`, key: intTemplate(name), bound: SCALAR_BOUND };
    case 'string':
      return { code: TEXT, column: field.column, key: keyTemplate(name), bound: TEXT_BOUND };
    case 'strings':
      return { code: TEXTS, column: field.column, second: field.count, key: keyTemplate(name), bound: TEXT_BOUND };
    case 'bool': {
      const { column, mask, always = false } = field;
      const pieces = [whole(false), whole(true)];
      return { code: BOOL, column, mask, always, pieces, bound: longest(pieces) };
    }
    case 'enum': {
      const pieces = Array.from(field.names.values(), whole);
      const indexes = new Map(Array.from(field.names.keys(), (value, index) => [value >>> 0, index]));
      return { code: ENUM, column: field.column, pieces, indexes, bound: longest(pieces) };
    }
    case 'flags': {
      const pieces = field.names.map(([, flag]) => itemTemplate(flag));
      return {
        code: FLAGS,
        column: field.column,
        second: field.high ?? '',
        key: keyTemplate(name),
        pieces,
        masksLo: Uint32Array.from(field.names, ([bit]) => bit % 0x1_0000_0000),
        masksHi: Uint32Array.from(field.names, ([bit]) => bit / 0x1_0000_0000),
        bound: pieces.reduce((sum, piece) => sum + piece.length, TEXT_BOUND),
      };
    }
    case 'constant': {
      const pieces = [whole(field.value)];
      return { code: CONSTANT, pieces, bound: longest(pieces) };
    }
  }
};

const longest = (pieces: readonly Template[]): number => pieces.reduce((most, { length }) => Math.max(most, length), 0) + TEMPLATE_SLACK;

const operationOf = (field: AttributeField): Operation => {
  const parts = partsOf(field);
  // Every operation is made here with the same members in the same order: one hidden class.
  return {
    code: parts.code,
    column: parts.column ?? '',
    second: parts.second ?? '',
    conditional: field.when !== undefined,
    whenColumn: field.when?.column ?? '',
    whenMask: field.when?.mask ?? 0,
    whenSet: field.when?.is === 'set',
    mask: parts.mask ?? 0,
    always: parts.always ?? false,
    key: parts.key ?? noTemplate,
    pieces: parts.pieces ?? [],
    indexes: parts.indexes ?? new Map(),
    masksLo: parts.masksLo ?? NO_COLUMN,
    masksHi: parts.masksHi ?? NO_COLUMN,
    bound: parts.bound,
    bound1: NO_COLUMN,
    bound2: NO_COLUMN,
    boundWhen: NO_COLUMN,
    active: false,
  };
};

/** Throws a RangeError when an attribute's name is longer than 96 bytes. */
export const planOf = ({ fields }: EventSchema): FieldPlan => {
  const operations = fields.map(operationOf);
  return { operations, fixedBound: operations.reduce((sum, { bound }) => sum + bound, 0) };
};

/** A field with a column that the batch lacks is left out. */
export const bindPlan = ({ operations }: FieldPlan, { columns }: Batch): void => {
  for (const operation of operations) {
    const { column, second, whenColumn } = operation;
    operation.bound1 = columns[column] ?? NO_COLUMN;
    operation.bound2 = columns[second] ?? NO_COLUMN;
    operation.boundWhen = columns[whenColumn] ?? NO_COLUMN;
    operation.active =
      (column === '' || columns[column] !== undefined) &&
      (second === '' || columns[second] !== undefined) &&
      (whenColumn === '' || columns[whenColumn] !== undefined);
  }
};

export const unbindPlan = ({ operations }: FieldPlan): void => {
  for (const operation of operations) {
    operation.bound1 = NO_COLUMN;
    operation.bound2 = NO_COLUMN;
    operation.boundWhen = NO_COLUMN;
  }
};

/** Most bytes that `putFields` writes for this row. */
export const fieldsBound = (plan: FieldPlan, strings: Strings, row: number): number => {
  const { operations } = plan;
  let bytes = plan.fixedBound;
  for (let i = 0; i < operations.length; i++) {
    const operation = operations[i]!;
    if (!operation.active) continue;
    if (operation.code === TEXT) bytes += textBound(strings, operation.bound1[row]!);
    else if (operation.code === TEXTS) bytes += textsBound(strings, operation.bound1[row]!, operation.bound2[row]!);
  }
  return bytes;
};

/** Writes the attributes of one row of the bound batch; returns the position behind them. */
export const putFields = (plan: FieldPlan, out: Uint8Array, view: DataView, start: number, strings: Strings, row: number): number => {
  const { operations } = plan;
  let at = start;
  for (let i = 0; i < operations.length; i++) {
    const operation = operations[i]!;
    if (!operation.active) continue;
    if (operation.conditional && ((operation.boundWhen[row]! & operation.whenMask) !== 0) !== operation.whenSet) continue;
    const value = operation.column === '' ? 0 : operation.bound1[row]!;
    switch (operation.code) {
      case U32:
        at = putInt(out, view, at, operation.key, value, 0);
        break;
      case I32:
        at = putInt(out, view, at, operation.key, value, (value | 0) < 0 ? 0xffff_ffff : 0);
        break;
      case U64:
        at = putInt(out, view, at, operation.key, value, operation.bound2[row]!);
        break;
      case TEXT:
        if ((strings.lengths[value]! & LENGTH_MASK) !== 0) at = putText(out, view, at, operation.key, strings, value);
        break;
      case TEXTS: {
        const count = operation.bound2[row]!;
        if (count !== 0) at = putTexts(out, view, at, operation.key, strings, value, count);
        break;
      }
      case BOOL: {
        const set = (value & operation.mask) !== 0;
        if (set || operation.always) at = putTemplate(view, at, operation.pieces[set ? 1 : 0]!);
        break;
      }
      case ENUM: {
        const index = operation.indexes.get(value);
        if (index !== undefined) at = putTemplate(view, at, operation.pieces[index]!);
        break;
      }
      case FLAGS: {
        const high = operation.second === '' ? 0 : operation.bound2[row]!;
        at = putFlags(out, view, at, operation.key, operation.pieces, operation.masksLo, operation.masksHi, value, high);
        break;
      }
      default:
        at = putTemplate(view, at, operation.pieces[0]!);
    }
  }
  return at;
};
