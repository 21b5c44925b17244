/** Rules made ready: a set of alternatives a field. */
import type { AddressTest, ContextTests, PortTest, ProcessTests, ResultTest, Rule, RuleSet, SizeTest, TextTest } from '../../core/rules.ts';
import { createAddressIndex, type AddressIndex } from './address-tests.ts';
import { createTextIndex } from './text-index.ts';
import { compileText, matchesText, type CompiledText } from './text-tests.ts';

/** Who did it, as far as it is known. Texts are raw bytes. */
export type Who = {
  readonly comm: Uint8Array;
  /** Whole paths only: one without its front is not known. */
  readonly executable?: Uint8Array | undefined;
  readonly user?: Uint8Array | undefined;
  readonly uid: number;
  readonly pid: number;
  readonly parent?: Uint8Array | undefined;
  readonly parentPid: number;
  readonly cgroup?: Uint8Array | undefined;
  readonly container?: Uint8Array | undefined;
  readonly kernelThread: boolean;
  readonly nestedPidNamespace: boolean;
};

/** Of a field that a record has, and may be wrong about. */
export const fieldState = { absent: 0, certain: 1, uncertain: 2 } as const;
export type FieldState = (typeof fieldState)[keyof typeof fieldState];

/** One end of a connection. */
export type WhatEnd = {
  address: FieldState;
  /** `length` bytes from `start`, 4 or 16 when the address is certain. */
  bytes: Uint8Array;
  start: number;
  length: number;
  port: FieldState;
  number: number;
};

/** What was done. Filled anew for each record. */
export type What = {
  path: FieldState;
  /** `pathBytes[pathStart, pathEnd)` when it is certain. */
  pathBytes: Uint8Array;
  pathStart: number;
  pathEnd: number;
  readonly peer: WhatEnd;
  readonly local: WhatEnd;
  hasRet: boolean;
  ret: number;
  /** Bytes transferred; -1: it has none. */
  size: number;
};

const NOTHING = new Uint8Array(0);
const createEnd = (): WhatEnd => ({
  address: fieldState.absent,
  bytes: NOTHING,
  start: 0,
  length: 0,
  port: fieldState.absent,
  number: 0,
});
export const createWhat = (): What => ({
  path: fieldState.absent,
  pathBytes: NOTHING,
  pathStart: 0,
  pathEnd: 0,
  peer: createEnd(),
  local: createEnd(),
  hasRet: false,
  ret: 0,
  size: -1,
});

export const textFields = ['executable', 'comm', 'cgroup', 'container', 'user', 'parent'] as const;
export const numberFields = ['pid', 'uid', 'parentPid'] as const;
export type TextField = (typeof textFields)[number];
export type NumberField = (typeof numberFields)[number];
export type WhoField = TextField | NumberField | 'kernelThread' | 'nestedPidNamespace';
export type WhatField = Exclude<keyof ContextTests, 'event'>;
export const whatFields = [
  'path',
  'address',
  'port',
  'localAddress',
  'localPort',
  'result',
  'size',
] as const satisfies readonly WhatField[];

export type WhoTest = { readonly field: WhoField; readonly holds: (who: Who) => boolean };
export type WhatTest = { readonly field: WhatField; readonly holds: (what: What) => boolean };

export type CompiledRule = {
  readonly index: number;
  readonly rule: Rule;
  readonly isProcessStage: boolean;
  readonly isKeep: boolean;
  readonly who: readonly WhoTest[];
  readonly what: readonly WhatTest[];
  /** True for the names of events that it is about. */
  readonly isOf: (eventName: Uint8Array) => boolean;
};

export type CompiledRules = {
  readonly rules: readonly CompiledRule[];
  readonly isProtected: (eventName: Uint8Array) => boolean;
};

type TextSet = (bytes: Uint8Array, start: number, end: number) => boolean;

/** Alternatives that are tried one by one; more get an index. */
const FEW = 4;

const prepareTexts = (tests: readonly TextTest[]): TextSet => {
  const compiled: readonly CompiledText[] = tests.map(compileText);
  if (compiled.length <= FEW)
    return (bytes, start, end) => {
      for (let i = 0; i < compiled.length; i++) if (matchesText(compiled[i]!, bytes, start, end)) return true;
      return false;
    };
  const index = createTextIndex(compiled.map((test) => ({ test, id: 0 })));
  const found: number[] = [];
  return (bytes, start, end) => {
    found.length = 0;
    index.collect(bytes, start, end, found);
    return found.length > 0;
  };
};

/** Prepared when it is first asked: of many rules most are found by one field, and few are asked for another. */
const textSet = (tests: readonly TextTest[]): TextSet => {
  let set: TextSet | undefined;
  return (bytes, start, end) => (set ??= prepareTexts(tests))(bytes, start, end);
};

const whoTextTest = (field: TextField, tests: readonly TextTest[]): WhoTest => {
  const matches = textSet(tests);
  return {
    field,
    holds(who) {
      const text = who[field];
      return text !== undefined && matches(text, 0, text.length);
    },
  };
};

const whoTestsOf = (tests: ProcessTests): readonly WhoTest[] => [
  ...numberFields.flatMap((field): WhoTest[] => {
    const wanted = tests[field] && new Set(tests[field]);
    return wanted === undefined ? [] : [{ field, holds: (who) => wanted.has(who[field]) }];
  }),
  ...(['kernelThread', 'nestedPidNamespace'] as const).flatMap((field): WhoTest[] => {
    const wanted = tests[field];
    return wanted === undefined ? [] : [{ field, holds: (who) => who[field] === wanted }];
  }),
  ...textFields.flatMap((field) => (tests[field] === undefined ? [] : [whoTextTest(field, tests[field])])),
];

/** What a test says of a field that may be wrong is what is safe; undefined: it is right. */
const guarded = (state: FieldState, isKeep: boolean): boolean | undefined =>
  state === fieldState.certain ? undefined : isKeep && state === fieldState.uncertain;

const addressSet = (tests: readonly AddressTest[], side: 'peer' | 'local', isKeep: boolean): ((what: What) => boolean) => {
  let index: AddressIndex | undefined;
  const found: number[] = [];
  return ({ [side]: { address, bytes, start, length } }) => {
    const answer = guarded(address, isKeep);
    if (answer !== undefined) return answer;
    found.length = 0;
    index ??= createAddressIndex(tests.map((test) => ({ test, id: 0 })));
    index.collect(bytes, start, length, found);
    return found.length > 0;
  };
};

const portSet = (tests: readonly PortTest[], side: 'peer' | 'local', isKeep: boolean): ((what: What) => boolean) => {
  const single = new Set(tests.filter(({ min, max }) => min === max).map(({ min }) => min));
  const ranges = tests.filter(({ min, max }) => min !== max);
  return ({ [side]: { port, number } }) =>
    guarded(port, isKeep) ?? (single.has(number) || ranges.some(({ min, max }) => number >= min && number <= max));
};

const resultSet = (tests: readonly ResultTest[]): ((what: What) => boolean) => {
  const success = tests.some(({ type }) => type === 'success');
  const failure = tests.some(({ type }) => type === 'failure');
  const errors = new Set(tests.filter(({ type }) => type === 'error').map(({ errno }) => -errno));
  return ({ hasRet, ret }) => hasRet && (ret >= 0 ? success : failure || errors.has(ret));
};

const sizeSet =
  (tests: readonly SizeTest[]): ((what: What) => boolean) =>
  ({ size }) =>
    size >= 0 && tests.some(({ min = 0, max = Infinity }) => size >= min && size <= max);

const whatTestOf = (field: WhatField, tests: ContextTests, isKeep: boolean): ((what: What) => boolean) | undefined => {
  switch (field) {
    case 'path': {
      if (tests.path === undefined) return undefined;
      const matches = textSet(tests.path);
      return ({ path, pathBytes, pathStart, pathEnd }) => guarded(path, isKeep) ?? matches(pathBytes, pathStart, pathEnd);
    }
    case 'address':
      return tests.address && addressSet(tests.address, 'peer', isKeep);
    case 'port':
      return tests.port && portSet(tests.port, 'peer', isKeep);
    case 'localAddress':
      return tests.localAddress && addressSet(tests.localAddress, 'local', isKeep);
    case 'localPort':
      return tests.localPort && portSet(tests.localPort, 'local', isKeep);
    case 'result':
      return tests.result && resultSet(tests.result);
    case 'size':
      return tests.size && sizeSet(tests.size);
  }
};

const nameSet = (tests: readonly TextTest[]): ((name: Uint8Array) => boolean) => {
  const matches = textSet(tests);
  return (name) => matches(name, 0, name.length);
};

const compileRule = (rule: Rule, index: number): CompiledRule => {
  const { tests } = rule;
  const isKeep = rule.action === 'keep';
  return {
    index,
    rule,
    isProcessStage: rule.stage === 'process',
    isKeep,
    who: whoTestsOf(tests),
    what: whatFields.flatMap((field): WhatTest[] => {
      const holds = whatTestOf(field, tests, isKeep);
      return holds === undefined ? [] : [{ field, holds }];
    }),
    isOf: tests.event === undefined ? () => true : nameSet(tests.event),
  };
};

export const compileRules = ({ rules, neverDrop }: RuleSet): CompiledRules => ({
  rules: rules.map(compileRule),
  isProtected: nameSet(neverDrop),
});
