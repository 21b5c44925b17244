/**
 * OTTL conditions, as far as filters need them: `and`, `or`, `not`, parentheses, comparisons, literals, paths and four functions. What it takes the Collector
 * takes too, with the same meaning.
 */
import { compilePattern, patternProblem } from '../../../core/pattern.ts';
import { didYouMean, nearest, oneOf } from '../../../core/nearest.ts';
import type { AddressTest } from '../../../core/rules.ts';
import { CONTAINER_LABEL } from '../../../otlp/names.ts';
import { parseNetwork } from '../address-tests.ts';
import {
  enumerations,
  knownAttributes,
  knownResourceAttributes,
  ownNamespaces,
  pathsOf,
  type ConditionSignal,
  type ValueType,
} from './attributes.ts';
import type { Operator, Truth, Value } from './expression.ts';
import { ConditionProblem, tokensOf, type Token } from './tokens.ts';

/** Nobody nests deeper, and the stack is not endless. */
const DEEPEST = 64;
const operators: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];
const functions: Readonly<Record<string, 'isMatch' | 'hasPrefix' | 'hasSuffix' | 'isInCidr'>> = {
  IsMatch: 'isMatch',
  HasPrefix: 'hasPrefix',
  HasSuffix: 'hasSuffix',
  IsInCIDR: 'isInCidr',
};

export type Note = { readonly column: number; readonly message: string };
export type Parsed = { readonly truth: Truth; readonly notes: readonly Note[] };

const nouns: Readonly<Record<ValueType, string>> = { text: 'a text', number: 'a number', boolean: 'true or false', list: 'a list' };

const typeOf = (value: Value): ValueType | 'nil' | undefined => {
  if (value.type === 'truth') return 'boolean';
  if (value.type === 'path') return value.valueType;
  if (value.value === undefined) return 'nil';
  return typeof value.value === 'string' ? 'text' : typeof value.value === 'boolean' ? 'boolean' : 'number';
};

/** Throws a ConditionProblem for what is wrong; `notes` are what is strange. */
export const parseCondition = (signal: ConditionSignal, text: string): Parsed => {
  const tokens = tokensOf(text);
  const paths = pathsOf[signal];
  const notes: Note[] = [];
  let at = 0;
  let depth = 0;

  const peek = (): Token => tokens[at]!;
  const shown = (token: Token): string =>
    token.type === 'end'
      ? 'the end'
      : token.type === 'string'
        ? JSON.stringify(token.text)
        : token.type === 'number'
          ? String(token.value)
          : `"${token.text}"`;
  const isSign = (sign: string): boolean => peek().type === 'sign' && (peek() as { text: string }).text === sign;
  const isWord = (wanted: string): boolean => peek().type === 'word' && (peek() as { text: string }).text === wanted;
  const wrong = (message: string, token = peek()): never => {
    throw new ConditionProblem(token.column, message);
  };
  const expectSign = (sign: string, where: string): void => {
    if (!isSign(sign)) wrong(`expected ${sign} ${where}, found ${shown(peek())}`);
    at++;
  };
  const quoted = (where: string): { readonly text: string; readonly column: number } => {
    const token = peek();
    if (token.type !== 'string') return wrong(`expected a text in double quotes ${where}, found ${shown(token)}`);
    at++;
    return token;
  };

  const checkKey = (key: string, column: number, known: ReadonlyMap<string, ValueType>, isResource: boolean): ValueType | undefined => {
    const type = known.get(key);
    if (type !== undefined) return type;
    if (isResource && key.startsWith(CONTAINER_LABEL)) return 'text';
    const what = isResource ? 'of the resource' : 'of Ringtail';
    const hint = didYouMean(key, [...known.keys()]);
    if (hint !== '' || (!isResource && ownNamespaces.some((start) => key.startsWith(start))))
      throw new ConditionProblem(column, `"${key}" is no attribute ${what}${hint}`);
    notes.push({ column, message: `"${key}" is no attribute ${what}: it is nil unless a processor before this one sets it` });
    return undefined;
  };

  const path = (): Value => {
    const { column } = peek();
    let name = (tokens[at++] as { text: string }).text;
    while (isSign('.')) {
      at++;
      const part = peek();
      if (part.type !== 'word') return wrong(`expected a name behind the dot, found ${shown(part)}`);
      name += `.${part.text}`;
      at++;
    }
    const info = paths.get(name);
    if (info === undefined) {
      const withContext = [...paths.keys()].find((known) => known.endsWith(`.${name}`));
      const allowed = `allowed is ${oneOf([...paths].map(([known, { isMap }]) => (isMap ? `${known}["..."]` : known)))}`;
      throw new ConditionProblem(
        column,
        withContext === undefined
          ? `unknown path "${name}"; ${allowed}${didYouMean(name, [...paths.keys()])}`
          : `"${name}" has no context; write ${withContext}`,
      );
    }
    if (!info.isMap) {
      if (isSign('[')) wrong(`${name} is no map; remove the brackets`);
      return { type: 'path', field: info.field, key: undefined, valueType: info.type, column };
    }
    expectSign('[', `behind ${name}, as in ${name}["name"]`);
    const key = quoted('between the brackets');
    expectSign(']', 'behind the name');
    if (isSign('[')) wrong('values within values cannot be asked for');
    const isResource = info.field === 'resource';
    const valueType = checkKey(key.text, key.column, isResource ? knownResourceAttributes : knownAttributes, isResource);
    return { type: 'path', field: info.field, key: key.text, valueType, column };
  };

  const networks = (): readonly AddressTest[] => {
    if (peek().type === 'string') wrong('expected a list of networks; write ["10.0.0.0/8"]');
    expectSign('[', 'before the networks, as in ["10.0.0.0/8"]');
    const list: AddressTest[] = [];
    do {
      const { text: network, column } = quoted('as a network');
      const parsed = parseNetwork(network);
      if (typeof parsed === 'string' || !network.includes('/'))
        throw new ConditionProblem(column, typeof parsed === 'string' ? parsed : `an address alone; write ${network}/${parsed.bits}`);
      list.push(parsed);
    } while (isSign(',') && ++at > 0);
    expectSign(']', 'behind the networks');
    return list;
  };

  const call = (): Truth => {
    const { text: name, column } = tokens[at++] as { text: string; column: number };
    const type = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (type === undefined)
      throw new ConditionProblem(
        column,
        `unknown function "${name}"; allowed is ${oneOf(Object.keys(functions))}${didYouMean(name, Object.keys(functions))}`,
      );
    expectSign('(', `behind ${name}`);
    const target = value();
    expectSign(',', `between the two things that ${name} wants`);
    const expected = typeOf(target);
    if (type !== 'isMatch' && expected !== undefined && expected !== 'text')
      throw new ConditionProblem(target.column, `${name} looks at texts, and this is ${expected === 'nil' ? 'nil' : nouns[expected]}`);
    let truth: Truth;
    if (type === 'isInCidr') truth = { type, target, networks: networks() };
    else {
      const { text: argument, column: place } = quoted(`as the second thing that ${name} wants`);
      const problem = type === 'isMatch' ? patternProblem(argument) : undefined;
      if (problem !== undefined) throw new ConditionProblem(place, problem);
      truth = type === 'isMatch' ? { type, target, pattern: compilePattern(argument) } : { type, target, text: argument };
    }
    expectSign(')', `at the end of ${name}(...)`);
    return truth;
  };

  const value = (): Value => {
    const token = peek();
    const { column } = token;
    if (token.type === 'string') {
      at++;
      return { type: 'literal', value: token.text, column };
    }
    if (token.type === 'number') {
      at++;
      return { type: 'literal', value: token.value, column };
    }
    if (token.type !== 'word') return wrong(`expected a value, found ${shown(token)}`);
    const next = tokens[at + 1];
    if (next?.type === 'sign' && next.text === '(') return { type: 'truth', of: call(), column };
    if (token.text === 'true' || token.text === 'false' || token.text === 'nil') {
      at++;
      return { type: 'literal', value: token.text === 'nil' ? undefined : token.text === 'true', column };
    }
    if (/^[A-Z]/.test(token.text)) {
      const number = enumerations.get(token.text);
      if (number === undefined)
        return wrong(`unknown name "${token.text}"${didYouMean(token.text, [...enumerations.keys(), ...Object.keys(functions)])}`);
      at++;
      return { type: 'literal', value: number, column };
    }
    return path();
  };

  /** What can never be equal is a mistake. */
  const checkTypes = (left: Value, right: Value): void => {
    const [a, b] = [typeOf(left), typeOf(right)];
    if (a === undefined || b === undefined || a === 'nil' || b === 'nil') return;
    if (a === 'list' || b === 'list')
      throw new ConditionProblem(
        (a === 'list' ? left : right).column,
        'a list is equal to nothing; compare it with nil, or use IsMatch, which sees it as JSON',
      );
    if (a !== b) throw new ConditionProblem(right.column, `${nouns[a]} is compared with ${nouns[b]}, which are never equal`);
  };
  const checkNames = (left: Value, right: Value): void => {
    if (left.type !== 'path' || right.type !== 'literal' || typeof right.value !== 'string') return;
    const names = [...paths.values()].find(({ field, isMap }) => field === left.field && !isMap)?.values;
    if (names === undefined || names.includes(right.value)) return;
    const meant = nearest(right.value, names);
    const message = `"${right.value}" is the name of nothing that Ringtail sends`;
    if (meant !== undefined) throw new ConditionProblem(right.column, `${message}; did you mean "${meant}"?`);
    notes.push({ column: right.column, message });
  };

  const comparison = (): Truth => {
    const left = value();
    const token = peek();
    if (token.type !== 'sign' || !operators.includes(token.text)) {
      if (left.type === 'truth') return left.of;
      if (left.type === 'literal' && typeof left.value === 'boolean') return { type: 'constant', value: left.value };
      return wrong(`expected ${oneOf(operators)}, found ${shown(token)}`);
    }
    at++;
    const right = value();
    checkTypes(left, right);
    checkNames(left, right);
    checkNames(right, left);
    return { type: 'compare', operator: token.text as Operator, left, right };
  };

  const deeper = <T>(parse: () => T): T => {
    if (++depth > DEEPEST) wrong(`nested more than ${DEEPEST} deep`);
    const parsed = parse();
    depth--;
    return parsed;
  };

  const factor = (): Truth => {
    if (isWord('not')) {
      at++;
      return { type: 'not', of: deeper(factor) };
    }
    if (!isSign('(')) return comparison();
    at++;
    const inner = deeper(disjunction);
    expectSign(')', 'to close the parenthesis');
    return inner;
  };
  const conjunction = (): Truth => {
    let left = factor();
    while (isWord('and')) {
      at++;
      left = { type: 'and', left, right: factor() };
    }
    return left;
  };
  const disjunction = (): Truth => {
    let left = conjunction();
    while (isWord('or')) {
      at++;
      left = { type: 'or', left, right: conjunction() };
    }
    return left;
  };

  const truth = disjunction();
  if (peek().type !== 'end') wrong(`expected and, or, or the end, found ${shown(peek())}`);
  return { truth, notes };
};
