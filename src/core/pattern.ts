/** Regular expressions of users: RE2 syntax as the Collector has it, linear in the length of the text whatever the expression. */
import { RE2JS } from 're2js';

export type Pattern = {
  /** True when it matches somewhere in the text. */
  test(text: string): boolean;
  /** Names of the groups in order; '' for a group without a name. */
  readonly groups: readonly string[];
  /** The texts of the groups, '' for one that took no part; undefined when nothing matches. */
  capture(text: string): readonly string[] | undefined;
};

/** A person writes no longer one. */
const LONGEST_PATTERN = 4096;

/** Throws an Error that says what is wrong with the expression. */
export const compilePattern = (expression: string): Pattern => {
  if (expression.length > LONGEST_PATTERN) throw new Error(`longer than ${LONGEST_PATTERN} characters`);
  const compiled = RE2JS.compile(expression);
  const groups = Array.from({ length: compiled.groupCount() }, () => '');
  for (const [name, index] of Object.entries(compiled.namedGroups() as Readonly<Record<string, number>>)) groups[index - 1] = name;
  return {
    test: (text) => compiled.test(text),
    groups,
    capture(text) {
      const matcher = compiled.matcher(text);
      return matcher.find() ? groups.map((_, index) => matcher.group(index + 1) ?? '') : undefined;
    },
  };
};

/** What is wrong with an expression, in one sentence; undefined when nothing is. */
export const patternProblem = (expression: string): string | undefined => {
  try {
    compilePattern(expression);
    return undefined;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/^error parsing regexp: /, '');
    return `not a regular expression: ${reason}; allowed is the syntax of RE2, which has no look-around and no references back`;
  }
};
