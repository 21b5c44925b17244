/**
 * An `EventSchema` prepared for the writer: a flat list of operations of one shape, so that the loop over them stays monomorphic, with
 * everything encoded that does not depend on the row. `bindPlan` points it at the columns of a batch, `unbindPlan` lets go of them.
 */
import {
  conditionsOf, LENGTH_MASK, type AttributeField, type AttributeValue, type Batch, type EventSchema, type FieldCondition,
} from '../core/batch.ts'; // prettier-ignore
import {
  flagItemsOf, intTemplate, keyTemplate, putAddressText, putDecimalText, putFileName, putFlags, putInt, putOctalText, putSocketName, putText,
  putTexts, SCALAR_BOUND, TEXT_BOUND, textBound, textsBound, type FlagItems, type Strings,
} from './attribute-templates.ts'; // prettier-ignore
import { putTemplate, templateOf, TEMPLATE_SLACK, type Template } from './copy.ts';
import { FIELD_BYTES_BOUND } from './field-bytes.ts';
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
const DECIMAL = 9;
const OCTAL = 10;
const FILE_NAME = 11;
const ADDRESS = 12;
const SOCKET_NAME = 13;

/** ((column & mask) === value) === isEqual. */
type Condition = {
  readonly column: string;
  readonly mask: number;
  readonly value: number;
  readonly isEqual: boolean;
  /** The column of the batch that is being written. */
  bound: Uint32Array;
};

type Operation = {
  readonly code: number;
  /** Names of columns; '' = none. */
  readonly column: string;
  readonly second: string;
  readonly conditions: readonly Condition[];
  readonly mask: number;
  readonly always: boolean;
  readonly key: Template;
  /** Whole attributes: bool: false, true; enum: by `indexes`; constant. */
  readonly pieces: readonly Template[];
  readonly indexes: ReadonlyMap<number, number>;
  readonly flags: FlagItems;
  /** Most bytes but those of strings. */
  readonly bound: number;
  /** Columns of the batch that is being written. */
  bound1: Uint32Array;
  bound2: Uint32Array;
  active: boolean;
};

export type FieldPlan = { readonly operations: readonly Operation[]; readonly fixedBound: number };

const NO_COLUMN = new Uint32Array(0);
const noTemplate = templateOf();
const noFlags = flagItemsOf([]);

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
    case 'fileName':
      return { code: FILE_NAME, column: field.column, key: keyTemplate(name), bound: TEXT_BOUND };
    case 'socketName':
      return { code: SOCKET_NAME, column: field.column, key: keyTemplate(name), bound: TEXT_BOUND };
    case 'decimal': {
      const { column } = field;
      return { code: DECIMAL, column: `${column}Lo`, second: `${column}Hi`, key: keyTemplate(name), bound: TEXT_BOUND + FIELD_BYTES_BOUND };
    }
    case 'octal':
    case 'address': {
      const code = field.type === 'octal' ? OCTAL : ADDRESS;
      return { code, column: field.column, key: keyTemplate(name), bound: TEXT_BOUND + FIELD_BYTES_BOUND };
    }
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
      const { column, high = '', names } = field;
      const flags = flagItemsOf(names);
      const bound = flags.items.reduce((sum, item) => sum + item.length, TEXT_BOUND);
      return { code: FLAGS, column, second: high, key: keyTemplate(name), flags, bound };
    }
    case 'constant': {
      const pieces = [whole(field.value)];
      return { code: CONSTANT, pieces, bound: longest(pieces) };
    }
  }
};

const longest = (pieces: readonly Template[]): number => pieces.reduce((most, { length }) => Math.max(most, length), 0) + TEMPLATE_SLACK;

const conditionOf = (condition: FieldCondition): Condition => {
  const { column } = condition;
  return condition.is === 'not'
    ? { column, mask: -1, value: condition.value | 0, isEqual: false, bound: NO_COLUMN }
    : { column, mask: condition.mask | 0, value: 0, isEqual: condition.is === 'clear', bound: NO_COLUMN };
};

const operationOf = (field: AttributeField): Operation => {
  const parts = partsOf(field);
  // Every operation is made here with the same members in the same order: one hidden class.
  return {
    code: parts.code,
    column: parts.column ?? '',
    second: parts.second ?? '',
    conditions: conditionsOf(field).map(conditionOf),
    mask: parts.mask ?? 0,
    always: parts.always ?? false,
    key: parts.key ?? noTemplate,
    pieces: parts.pieces ?? [],
    indexes: parts.indexes ?? new Map(),
    flags: parts.flags ?? noFlags,
    bound: parts.bound,
    bound1: NO_COLUMN,
    bound2: NO_COLUMN,
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
    const { column, second, conditions } = operation;
    for (const condition of conditions) condition.bound = columns[condition.column] ?? NO_COLUMN;
    operation.bound1 = columns[column] ?? NO_COLUMN;
    operation.bound2 = columns[second] ?? NO_COLUMN;
    operation.active =
      (column === '' || columns[column] !== undefined) &&
      (second === '' || columns[second] !== undefined) &&
      conditions.every((condition) => columns[condition.column] !== undefined);
  }
};

export const unbindPlan = ({ operations }: FieldPlan): void => {
  for (const operation of operations) {
    operation.bound1 = NO_COLUMN;
    operation.bound2 = NO_COLUMN;
    for (const condition of operation.conditions) condition.bound = NO_COLUMN;
  }
};

/** Most bytes that `putFields` writes for this row. */
export const fieldsBound = (plan: FieldPlan, strings: Strings, row: number): number => {
  const { operations } = plan;
  let bytes = plan.fixedBound;
  for (let i = 0; i < operations.length; i++) {
    const operation = operations[i]!;
    if (!operation.active) continue;
    const { code } = operation;
    if (code === TEXT || code === FILE_NAME || code === SOCKET_NAME) bytes += textBound(strings, operation.bound1[row]!);
    else if (code === TEXTS) bytes += textsBound(strings, operation.bound1[row]!, operation.bound2[row]!);
  }
  return bytes;
};

const holdAll = (conditions: readonly Condition[], row: number): boolean => {
  for (let i = 0; i < conditions.length; i++) {
    const { bound, mask, value, isEqual } = conditions[i]!;
    if (((bound[row]! & mask) === value) !== isEqual) return false;
  }
  return true;
};

/** Writes the attributes of one row of the bound batch; returns the position behind them. */
export const putFields = (plan: FieldPlan, out: Uint8Array, view: DataView, start: number, strings: Strings, row: number): number => {
  const { operations } = plan;
  let at = start;
  for (let i = 0; i < operations.length; i++) {
    const operation = operations[i]!;
    if (!operation.active) continue;
    if (!holdAll(operation.conditions, row)) continue;
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
        at = putFlags(out, view, at, operation.key, operation.flags, value, high);
        break;
      }
      case DECIMAL:
        at = putDecimalText(out, view, at, operation.key, value, operation.bound2[row]!);
        break;
      case OCTAL:
        at = putOctalText(out, view, at, operation.key, value);
        break;
      case FILE_NAME:
        at = putFileName(out, view, at, operation.key, strings, value);
        break;
      case ADDRESS:
        at = putAddressText(out, view, at, operation.key, strings, value);
        break;
      case SOCKET_NAME:
        if ((strings.lengths[value]! & LENGTH_MASK) !== 0) at = putSocketName(out, view, at, operation.key, strings, value);
        break;
      default:
        at = putTemplate(view, at, operation.pieces[0]!);
    }
  }
  return at;
};
