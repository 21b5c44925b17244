/** Conditions of the Collector: what is true of a record, and what is wrong with a text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleValue, type AttributeField, type AttributeValue } from '../../../src/core/batch.ts';
import { lossSchema } from '../../../src/otlp/loss.ts';
import { headNames } from '../../../src/otlp/actor-head.ts';
import { attributeName } from '../../../src/otlp/names.ts';
import { knownAttributes } from '../../../src/processors/filter/conditions/attributes.ts';
import { checkCondition } from '../../../src/processors/filter/conditions/check.ts';
import { compileTruth, truth } from '../../../src/processors/filter/conditions/evaluate.ts';
import { attributesIn } from '../../../src/processors/filter/conditions/expression.ts';
import { parseCondition } from '../../../src/processors/filter/conditions/parse.ts';
import { callSchemas } from '../../../src/receivers/shared/call-schemas.ts';
import { execSchema, exitSchema, failedExecSchema, forkSchema } from '../../../src/receivers/shared/process-schemas.ts';

const attributes: ReadonlyMap<string, AttributeValue> = new Map<string, AttributeValue>([
  [attributeName.filePath, '/srv/data/é.txt'],
  [attributeName.processOwner, 'root'],
  [attributeName.processPid, 42],
  [attributeName.ioTransferred, 2n ** 60n],
  [attributeName.unverified, true],
  [attributeName.fileFlags, ['O_RDWR', 'O_CREAT']],
  [attributeName.networkPeerAddress, '10.1.2.3'],
  ['custom.ratio', doubleValue(2)],
  ['custom.half', 0.5],
]);

const evaluate = (text: string) =>
  compileTruth(parseCondition('logs', text).truth)({
    value(field, key) {
      if (field === 'event_name') return 'ringtail.file.open';
      if (field === 'severity_number') return 9;
      return field === 'resource' ? { 'host.name': 'a' }[key!] : attributes.get(key!);
    },
  });

const path = 'log.attributes["file.path"]';
const nothing = 'log.attributes["error.type"]';
const pid = 'log.attributes["process.pid"]';
const custom = (name: string) => `log.attributes["custom.${name}"]`;

describe('a condition', () => {
  it.each([
    [`${path} == "/srv/data/\u00e9.txt"`, true],
    [String.raw`${path} == "/srv/data/\u00e9.txt"`, true],
    [`${path} != "/srv"`, true],
    [`"/srv" != ${path}`, true],
    [`${path} < "/ssv"`, true],
    [`${path} > "/ssv"`, false],
    [`${pid} == 42 and ${pid} >= 42 and ${pid} <= 42.0`, true],
    [`${pid} < 42 or ${pid} > 42`, false],
    [`${pid} == -42`, false],
    [`log.attributes["ringtail.io.transferred"] == 1152921504606846976`, true],
    [`log.attributes["ringtail.io.transferred"] > 1152921504606846975`, true],
    [`${custom('ratio')} == 2 and ${custom('half')} == .5 and ${custom('half')} < 1`, true],
    [`${custom('half')} == "0.5"`, false],
    [`${custom('half')} != "0.5"`, true],
    [`${custom('half')} < "0.5" or ${custom('half')} >= "0.5"`, false],
    [`log.attributes["ringtail.unverified"] == true`, true],
    [`log.attributes["ringtail.unverified"] > false`, true],
    [`${nothing} == nil`, true],
    [`nil == ${nothing} and ${nothing} <= nil and not ${nothing} < nil`, true],
    [`${path} != nil`, true],
    [`${nothing} == "x"`, false],
    [`${nothing} != "x"`, true],
    [`${nothing} < "x" or ${nothing} > "x"`, false],
    [`log.attributes["ringtail.file.flags"] != nil`, true],
    [`log.attributes["ringtail.file.flags"] == nil`, false],
    ['true', true],
    ['not true or false', false],
    ['true or false and false', true],
    ['(true or false) and false', false],
    ['not false and true', true],
    ['not not true', true],
    [`log.event_name == "ringtail.file.open" and log.severity_number < SEVERITY_NUMBER_WARN`, true],
    ['log.severity_number == SEVERITY_NUMBER_INFO', true],
    ['resource.attributes["host.name"] == "a" and resource.attributes["host.arch"] == nil', true],
    [`IsMatch(${path}, "^/srv/[a-z]+/")`, true],
    [String.raw`IsMatch(${path}, "\\.txt$")`, true],
    [`IsMatch(${pid}, "^4.$")`, true],
    [`IsMatch(log.attributes["ringtail.file.flags"], "\\"O_CREAT\\"]$")`, true],
    [`IsMatch(${nothing}, "")`, false],
    [`IsMatch(${path}, "q") == false`, true],
    [`HasPrefix(${path}, "/srv") and HasSuffix(${path}, "txt") and not HasPrefix(${path}, "srv")`, true],
    ['IsInCIDR(log.attributes["network.peer.address"], ["192.168.0.0/16", "10.0.0.0/8"])', true],
    ['IsInCIDR(log.attributes["network.peer.address"], ["fd00::/8"])', false],
    [`IsInCIDR(${path}, ["0.0.0.0/0"])`, false],
  ])('%s is %s', (text, expected) => {
    expect(evaluate(text)).toBe(expected ? truth.yes : truth.no);
  });

  it.each([
    `HasPrefix(${nothing}, "x")`,
    `not HasPrefix(${nothing}, "x")`,
    `HasSuffix(${custom('half')}, "x") or true`,
    `IsInCIDR(${nothing}, ["10.0.0.0/8"]) == false`,
    `true and HasPrefix(${nothing}, "x")`,
  ])('%s cannot be evaluated', (text) => {
    expect(evaluate(text)).toBe(truth.failed);
  });

  it('is not evaluated further than it must', () => {
    expect(evaluate(`true or HasPrefix(${nothing}, "x")`)).toBe(truth.yes);
    expect(evaluate(`false and HasPrefix(${nothing}, "x")`)).toBe(truth.no);
  });

  it('tells what it looks at', () => {
    expect(attributesIn(parseCondition('logs', `not (${path} == nil and IsMatch(${pid}, "1") == true)`).truth)).toEqual([
      'file.path',
      'process.pid',
    ]);
  });

  it('means what it says, however it is nested', () => {
    type Tree = { readonly text: string; readonly value: boolean };
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<Tree>({ text: 'true', value: true }, { text: `${pid} == 1`, value: false }, { text: `IsMatch(${path}, "srv")`, value: true }),
        tie('tree').map(({ text, value }) => ({ text: `not (${text})`, value: !value })),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => ({ text: `(${a.text}) and (${b.text})`, value: a.value && b.value })),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => ({ text: `(${a.text})\n\tor (${b.text})`, value: a.value || b.value })),
      ),
    })); // prettier-ignore
    fc.assert(
      fc.property(tree, ({ text, value }) => {
        expect(evaluate(text)).toBe(value ? truth.yes : truth.no);
      }),
    );
  });
});

describe('a text that is no condition', () => {
  it.each([
    ['', 1, 'expected a value, found the end'],
    ['true and', 9, 'expected a value, found the end'],
    ['true true', 6, 'expected and, or, or the end, found "true"'],
    ['(true', 6, 'expected ) to close the parenthesis, found the end'],
    [`${path}`, 28, 'expected ==, !=, <, <=, > or >=, found the end'],
    ['log.attributes == nil', 16, 'expected [ behind log.attributes, as in log.attributes["name"], found "=="'],
    ['log.attributes["file.path"]["a"] == nil', 28, 'values within values cannot be asked for'],
    ['log.attributes[file] == nil', 16, 'expected a text in double quotes between the brackets, found "file"'],
    ['log.event_name["a"] == nil', 15, 'log.event_name is no map; remove the brackets'],
    ['attributes["file.path"] == nil', 1, '"attributes" has no context; write log.attributes'],
    ['event_name == nil', 1, '"event_name" has no context; write log.event_name'],
    ['log.evnt_name == nil', 1, /unknown path "log.evnt_name"; .*did you mean "log.event_name"\?/],
    ['span.name == nil', 1, /unknown path "span.name"; allowed is log.attributes\["..."\], log.event_name, /],
    ['log.attributes["fil.path"] == nil', 16, '"fil.path" is no attribute of Ringtail; did you mean "file.path"?'],
    ['log.attributes["process.nothing.like.it"] == nil', 16, '"process.nothing.like.it" is no attribute of Ringtail'],
    ['resource.attributes["container.label.tier"] == 5', 48, 'a text is compared with a number, which are never equal'],
    ['resource.attributes["host.nam"] == nil', 21, '"host.nam" is no attribute of the resource; did you mean "host.name"?'],
    [`${pid} == "42"`, 34, 'a number is compared with a text, which are never equal'],
    [`${path} == 42`, 32, 'a text is compared with a number, which are never equal'],
    ['log.attributes["ringtail.file.flags"] == "O_RDWR"', 1, /a list is equal to nothing/],
    ['log.event_name == "ringtail.file.opne"', 19, /did you mean "ringtail.file.open"\?/],
    [
      'ismatch(log.event_name, "x")',
      1,
      'unknown function "ismatch"; allowed is IsMatch, HasPrefix, HasSuffix or IsInCIDR; did you mean "IsMatch"?',
    ],
    [`IsMatch(${path})`, 36, 'expected , between the two things that IsMatch wants, found ")"'],
    [`IsMatch(${path}, log.event_name)`, 38, 'expected a text in double quotes as the second thing that IsMatch wants, found "log"'],
    [`IsMatch(${path}, "(")`, 38, /not a regular expression: missing closing \)/],
    [String.raw`IsMatch(${path}, "\.")`, 39, String.raw`a backslash means something in a text; write two for one: \\.`],
    [`HasPrefix(${pid}, "4")`, 11, 'HasPrefix looks at texts, and this is a number'],
    [`IsInCIDR(${path}, "10.0.0.0/8")`, 39, 'expected a list of networks; write ["10.0.0.0/8"]'],
    [`IsInCIDR(${path}, ["10.0.0.0"])`, 40, 'an address alone; write 10.0.0.0/32'],
    [`IsInCIDR(${path}, ["10.0.0.0/40"])`, 40, /not a network/],
    ['log.severity_number == SEVERITY_NUMBER_INF', 24, 'unknown name "SEVERITY_NUMBER_INF"; did you mean "SEVERITY_NUMBER_INFO"?'],
    ['true && false', 6, '"&" has no meaning here'],
    ['log.event_name == "x', 19, 'the text that begins here has no end; a " is missing'],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, 66, 'nested more than 64 deep'],
  ])('%s: column %i', (text, column, message) => {
    const { errors } = checkCondition('logs', text);
    expect(errors.map((error) => error.column)).toEqual([column]);
    expect(errors[0]!.message).toMatch(message);
  });

  it('is told and nothing worse, whatever it is', () => {
    const words = [
      'log.attributes["file.path"]',
      '==',
      '"a"',
      'and',
      'not',
      '(',
      ')',
      'IsMatch(',
      ',',
      '1',
      'nil',
      '\\',
      '"',
      '[',
      '.',
      '\u0000',
      'é',
    ];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 12 }), (list) => {
        const text = list.join(' ');
        for (const { column } of checkCondition('logs', text).errors) {
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(text.length + 1);
        }
      }),
    );
  });
});

it('what is strange and right is noted', () => {
  expect(checkCondition('logs', 'log.attributes["deployment.ring"] == "a" and log.event_name == "of.somebody.else"').warnings).toEqual([
    { column: 16, message: '"deployment.ring" is no attribute of Ringtail: it is nil unless a processor before this one sets it' },
    { column: 64, message: '"of.somebody.else" is the name of nothing that Ringtail sends' },
  ]);
  expect(checkCondition('metrics', 'metric.name == "ringtail.file.io" and datapoint.attributes["error.type"] == nil').warnings).toEqual([]);
  expect(checkCondition('traces', 'span.name == "sh"').errors).toEqual([]);
});

it('the types of attributes are those of the records', () => {
  const typeOf = (field: AttributeField): string => {
    if (field.type === 'strings' || field.type === 'flags') return 'list';
    if (field.type === 'bool') return 'boolean';
    return field.type === 'u32' || field.type === 'i32' || field.type === 'u64' ? 'number' : 'text';
  };
  const schemas = [execSchema(true), exitSchema, failedExecSchema, forkSchema(true), lossSchema, ...callSchemas('x86_64').values()];
  const fields = schemas.flatMap((schema) => schema.fields.map((field) => [field.name, typeOf(field)]));
  expect(fields.length).toBeGreaterThan(50);
  expect(fields.map(([name]) => [name, knownAttributes.get(name!)])).toEqual(fields);
  const numbers = [...headNames].filter((name) => knownAttributes.get(name) === 'number');
  expect(numbers.length).toBe(headNames.size - 3);
});
