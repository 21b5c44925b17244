/** Conditions as functions. Comparisons are those of OTTL: what has different types is not equal, and neither less nor greater. */
import type { AttributeValue } from '../../../core/batch.ts';
import { createAddressIndex, parseAddress } from '../address-tests.ts';
import type { PathField } from './attributes.ts';
import type { Operator, Truth, Value } from './expression.ts';

/** `failed`: a function was given what it cannot look at. */
export const truth = { no: 0, yes: 1, failed: 2 } as const;
export type Outcome = (typeof truth)[keyof typeof truth];

/** The record, point or span that is looked at. */
export type Subject = {
  /** Undefined: it has no such attribute. */
  value(field: PathField, key: string | undefined): AttributeValue | undefined;
};

type Got = AttributeValue | undefined;

const outcome = (value: boolean): Outcome => (value ? truth.yes : truth.no);
const numberOf = (value: AttributeValue): number | bigint | undefined => {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return typeof value === 'object' && 'double' in value ? value.double : undefined;
};

const ordered = (operator: Operator, order: number): boolean => {
  switch (operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
};

const orderOf = <T extends number | bigint | boolean>(a: T, b: T): number =>
  a < b ? -1 : a > b ? 1 : a === b || Number(a) === Number(b) ? 0 : Number.NaN;

export const compare = (operator: Operator, left: Got, right: Got): boolean => {
  if (left === undefined && right === undefined) return ordered(operator, 0);
  if (left === undefined || right === undefined) return operator === '!=';
  if (typeof left === 'string' && typeof right === 'string') {
    if (operator === '==' || operator === '!=') return (left === right) === (operator === '==');
    return ordered(operator, Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }
  if (typeof left === 'boolean' && typeof right === 'boolean') return ordered(operator, orderOf(left, right));
  const [a, b] = [numberOf(left), numberOf(right)];
  return a === undefined || b === undefined ? operator === '!=' : ordered(operator, orderOf<number | bigint>(a, b));
};

/** As the Collector shows a value to a regular expression. */
const textOf = (value: AttributeValue): string => (Array.isArray(value) ? JSON.stringify(value) : String(value));

/** Undefined within a value: it failed. */
const FAILED = Symbol('failed');

const valueOf = (value: Value): ((subject: Subject) => Got | typeof FAILED) => {
  if (value.type === 'literal') {
    const { value: literal } = value;
    return () => literal;
  }
  if (value.type === 'path') {
    const { field, key } = value;
    return (subject) => subject.value(field, key);
  }
  const test = compileTruth(value.of);
  return (subject) => {
    const result = test(subject);
    return result === truth.failed ? FAILED : result === truth.yes;
  };
};

const compileText = (target: Value, test: (text: string) => boolean): ((subject: Subject) => Outcome) => {
  const get = valueOf(target);
  return (subject) => {
    const value = get(subject);
    return typeof value === 'string' ? outcome(test(value)) : truth.failed;
  };
};

export const compileTruth = (of: Truth): ((subject: Subject) => Outcome) => {
  switch (of.type) {
    case 'constant': {
      const result = outcome(of.value);
      return () => result;
    }
    case 'not': {
      const inner = compileTruth(of.of);
      return (subject) => {
        const result = inner(subject);
        return result === truth.failed ? result : outcome(result === truth.no);
      };
    }
    case 'and':
    case 'or': {
      const [left, right] = [compileTruth(of.left), compileTruth(of.right)];
      const goesOn = of.type === 'and' ? truth.yes : truth.no;
      return (subject) => {
        const result = left(subject);
        return result === goesOn ? right(subject) : result;
      };
    }
    case 'compare': {
      const { operator } = of;
      const [left, right] = [valueOf(of.left), valueOf(of.right)];
      return (subject) => {
        const a = left(subject);
        const b = right(subject);
        return a === FAILED || b === FAILED ? truth.failed : outcome(compare(operator, a, b));
      };
    }
    case 'isMatch': {
      const get = valueOf(of.target);
      const { pattern } = of;
      return (subject) => {
        const value = get(subject);
        return value === FAILED ? truth.failed : outcome(value !== undefined && pattern.test(textOf(value)));
      };
    }
    case 'hasPrefix':
      return compileText(of.target, (text) => text.startsWith(of.text));
    case 'hasSuffix':
      return compileText(of.target, (text) => text.endsWith(of.text));
    case 'isInCidr': {
      const index = createAddressIndex(of.networks.map((test) => ({ test, id: 0 })));
      const found: number[] = [];
      return compileText(of.target, (text) => {
        const bytes = parseAddress(text);
        if (bytes === undefined) return false;
        found.length = 0;
        index.collect(bytes, 0, bytes.length, found);
        return found.length > 0;
      });
    }
  }
};
