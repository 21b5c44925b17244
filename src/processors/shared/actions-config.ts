/** The list of actions of `attributes` and `resource`, by the Collector's keys. */
import { z } from 'zod';
import { crossCheck } from '../../core/cross-check.ts';
import { compilePattern, patternProblem } from '../../core/pattern.ts';

/** Longest name of an attribute; one that is longer helps nobody and every record would have it. */
const LONGEST_KEY = 256;

const attributeValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())], {
  error: 'not a value; allowed is a text, a number, true, false or a list of texts',
});

const key = z.string().min(1).max(LONGEST_KEY);

const raw = z.strictObject({
  key: key.optional().describe('name of the attribute'),
  action: z.enum(['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert']).describe('what to do'),
  value: attributeValue.optional().describe('the value to set'),
  from_attribute: key.optional().describe('name of the attribute whose value is set'),
  default_value: attributeValue.optional().describe('the value to set when the attribute named in from_attribute is not there'),
  pattern: z.string().optional().describe('extract: takes the named groups out of the value; delete and hash: names to act upon'),
  converted_type: z.enum(['int', 'double', 'string']).optional().describe('the type to convert to'),
});

type Raw = z.output<typeof raw>;
type Option = Exclude<keyof Raw, 'key' | 'action'>;

const uses: Readonly<Record<Raw['action'], readonly Option[]>> = {
  insert: ['value', 'from_attribute', 'default_value'],
  update: ['value', 'from_attribute', 'default_value'],
  upsert: ['value', 'from_attribute', 'default_value'],
  delete: ['pattern'],
  hash: ['pattern'],
  extract: ['pattern'],
  convert: ['converted_type'],
};
const options: readonly Option[] = ['value', 'from_attribute', 'default_value', 'pattern', 'converted_type'];

type Problem = readonly [path: keyof Raw, message: string];

const patternProblems = ({ action, pattern }: Raw): readonly Problem[] => {
  if (pattern !== undefined && typeof pattern !== 'string') return [];
  if (pattern === undefined) return action === 'extract' ? [['action', 'extract needs a pattern']] : [];
  const problem = patternProblem(pattern);
  if (problem !== undefined) return [['pattern', problem]];
  if (action !== 'extract') return [];
  const { groups } = compilePattern(pattern);
  if (groups.length === 0) return [['pattern', 'has no group; extract sets the attributes that its groups name, as in (?P<name>.*)']];
  return groups.includes('') ? [['pattern', 'has a group without a name; write (?P<name>...), or (?:...) for one that sets nothing']] : [];
};

const problemsOf = (entry: Raw): readonly Problem[] => {
  const { action } = entry;
  const problems: Problem[] = [];
  const byPattern = (action === 'delete' || action === 'hash') && entry.pattern !== undefined;
  if (entry.key === undefined && !byPattern)
    problems.push(['action', `${action} needs a key${action === 'delete' || action === 'hash' ? ' or a pattern' : ''}`]);
  for (const option of options)
    if (entry[option] !== undefined && !uses[action].includes(option))
      problems.push([option, `${action} does not use it; allowed are key, action and ${uses[action].join(', ')}`]);
  if (uses[action].includes('value')) {
    if (entry.value === undefined && entry.from_attribute === undefined && entry.default_value === undefined)
      problems.push(['action', `${action} needs a value or from_attribute`]);
    if (entry.value !== undefined && entry.from_attribute !== undefined)
      problems.push(['from_attribute', 'one of value and from_attribute is allowed, not both']);
    if (entry.value !== undefined && entry.default_value !== undefined)
      problems.push(['default_value', 'has no effect beside value; allowed beside from_attribute']);
  }
  if (action === 'convert' && entry.converted_type === undefined)
    problems.push(['action', 'convert needs a converted_type: int, double or string']);
  return uses[action].includes('pattern') ? [...problems, ...patternProblems(entry)] : problems;
};

const entry = raw.check(
  crossCheck((value, add) => {
    // what is wrong by itself says nothing about the others
    if (typeof value.action !== 'string' || !Object.hasOwn(uses, value.action)) return;
    for (const [path, message] of problemsOf(value as Raw)) add([path], message);
  }),
);

export const actionList = z.array(entry).min(1);

export type ActionConfig = z.output<typeof raw>;
