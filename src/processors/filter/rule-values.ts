/** Values of rules as they stand in YAML, and what is wrong with those that are. A problem is a sentence. */
import { errnoNames } from '../../core/errno.ts';
import { parseByteSize } from '../../core/config-types.ts';
import { didYouMean } from '../../core/nearest.ts';
import type { PortTest, ResultTest, SizeTest, TextTest } from '../../core/rules.ts';
import { eventName } from '../../otlp/names.ts';
import { compileText, matchesText, parseTextTest } from './text-tests.ts';

/** TASK_COMM_LEN less the NUL. */
const COMM_BYTES = 15;
/** PATH_MAX; no path of the kernel is longer. */
const LONGEST_TEXT = 4096;
/** What a path may begin with that has no place in a file system. */
const pseudoPaths = ['pipe:', 'socket:', 'anon_inode:', 'memfd:'];
/** Of the beginning of such a path; less is rather a relative path. */
const SHORTEST_PSEUDO = 4;
export const MOST_PORT = 65_535;
const utf8 = new TextEncoder();
const events: readonly string[] = Object.values(eventName);
const eventBytes = events.map((name) => utf8.encode(name));
const numberOfError: ReadonlyMap<string, number> = new Map([...errnoNames].map(([number, name]) => [name, -number]));

const lengthProblem = (text: string): string | undefined => {
  if (text === '') return 'empty; it would match nothing';
  return utf8.encode(text).length > LONGEST_TEXT ? `longer than ${LONGEST_TEXT} bytes; nothing has a text of this length` : undefined;
};

export const textProblem = (text: string): string | undefined => lengthProblem(text);

/** Bytes that a text must have at the least to match. */
const leastBytes = (test: TextTest): number => {
  const { type, head, glob } = compileText(test);
  return type === 'glob' ? glob.filter((code) => code !== -1).length : head.length;
};

export const commProblem = (text: string): string | undefined => {
  const problem = lengthProblem(text);
  if (problem !== undefined) return problem;
  return leastBytes(parseTextTest(text)) > COMM_BYTES
    ? `longer than the ${COMM_BYTES} bytes that the kernel keeps of a name; it would match nothing`
    : undefined;
};

export const pathProblem = (text: string): string | undefined => {
  const problem = lengthProblem(text);
  if (problem !== undefined) return problem;
  const test = parseTextTest(text);
  const fixed = test.type === 'glob' ? (/^[^*?\\]*/.exec(text)?.[0] ?? '') : test.text;
  const isAnywhere = test.type !== 'exact' && fixed === '';
  const isPseudo = pseudoPaths.some(
    (start) => fixed.startsWith(start) || (test.type !== 'exact' && fixed.length >= SHORTEST_PSEUDO && start.startsWith(fixed)),
  );
  if (!isAnywhere && !fixed.startsWith('/') && !isPseudo)
    return `not an absolute path; paths begin with / here, so it would match nothing; write /${fixed.replace(/^\.?\//, '')} or */${fixed}`;
  if (/\/(\.{1,2}|)(\/|$)/.test(test.type === 'exact' && fixed !== '/' ? fixed : `${fixed.replace(/\/[^/]*$/, '')}`))
    return 'has a part that is empty, . or .., which no path of the kernel has; it would match nothing';
  return undefined;
};

export const eventProblem = (text: string): string | undefined => {
  const problem = lengthProblem(text);
  if (problem !== undefined) return problem;
  const test = compileText(parseTextTest(text));
  if (eventBytes.some((name) => matchesText(test, name, 0, name.length))) return undefined;
  return `${test.type === 'exact' ? 'not the name of an event' : 'no event has a name like this'}${didYouMean(text, events)}`;
};

export const parseResult = (text: string): ResultTest | string => {
  if (text === 'success' || text === 'failure') return { text, type: text, errno: 0 };
  const errno = numberOfError.get(text);
  if (errno !== undefined) return { text, type: 'error', errno };
  return `not a result; allowed is success, failure or the name of an error as ENOENT${didYouMean(text, ['success', 'failure', ...numberOfError.keys()])}`;
};

/** `443`, `8000-8099`. */
export const parsePorts = (value: string | number): PortTest | string => {
  const text = String(value);
  const [, from, to = from] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text) ?? [];
  const min = Number(from);
  const max = Number(to);
  if (from === undefined || min < 1 || min > MOST_PORT || max < 1 || max > MOST_PORT)
    return `not a port; write a number from 1 to ${MOST_PORT} as 443, or a range as 8000-8099`;
  return min > max ? `from ${min} to ${max} there is nothing; it would match nothing` : { text, min, max };
};

/** `<100`, `>=4KiB`, `10-20`, `512`. */
export const parseSize = (value: string | number): SizeTest | string => {
  const text = String(value);
  const wrong = 'not a size; write a number of bytes as 512, a range as 10-20, or a bound as <100, <=4KiB, >1MiB or >=4096';
  const bound = /^(<=|>=|<|>)\s*(.+)$/.exec(text);
  if (bound !== null) {
    const bytes = parseByteSize(bound[2]!);
    if (bytes === undefined) return wrong;
    if (bound[1] === '<' && bytes === 0) return 'no size is less than 0; it would match nothing';
    if (bound[1] === '<' || bound[1] === '<=') return { text, max: bound[1] === '<' ? bytes - 1 : bytes };
    return { text, min: bound[1] === '>' ? bytes + 1 : bytes };
  }
  const range = /^([^-]+)-([^-]+)$/.exec(text);
  const min = parseByteSize(range === null ? text : range[1]!.trim());
  const max = range === null ? min : parseByteSize(range[2]!.trim());
  if (min === undefined || max === undefined) return wrong;
  if (min > max) return `from ${min} to ${max} there is nothing; it would match nothing`;
  return { text, min, max };
};
