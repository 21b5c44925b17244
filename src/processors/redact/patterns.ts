/** Further patterns of the configuration, in the syntax of RE2: they take linear time, whatever text others choose. */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';

type Engine = (typeof Re2)['RE2JS'];
let engine: Engine | undefined;

/** Loaded when the first pattern is there: most configurations have none, and start faster and smaller. */
const loadEngine = (): Engine => (engine ??= (createRequire(import.meta.url)('re2js') as typeof Re2).RE2JS);

export type Pattern = {
  /** What is to be taken out of `bytes`: the first group where the pattern has one, else the whole match. Appended to `pairs`. */
  find(bytes: Uint8Array, pairs: number[]): void;
};

type SyntaxProblem = { readonly error: string; readonly input: string | null };
const isSyntaxProblem = (error: unknown): error is Error & SyntaxProblem => error instanceof Error && error.name === 'RE2JSSyntaxException';

/** Why a pattern cannot be used, with the place in it; undefined when it can. */
export const problemOf = (pattern: string): string | undefined => {
  try {
    const compiled = loadEngine().compile(pattern);
    return compiled.matcher('').find() ? 'matches the empty text, and so everywhere; it must match something' : undefined;
  } catch (error) {
    if (!isSyntaxProblem(error)) return 'not a regular expression in the syntax of RE2';
    const { error: reason, input } = error;
    const at = input === null ? -1 : pattern.indexOf(input);
    const place = at < 0 ? '' : ` at character ${at + 1}`;
    const advice = /perl syntax|named capture/i.test(reason)
      ? '; RE2 has no look-ahead and no look-behind'
      : reason.includes('escape')
        ? '; RE2 has no back-references'
        : '';
    return `${reason}${place}${advice}`;
  }
};

export const compilePattern = (pattern: string): Pattern => {
  const compiled = loadEngine().compile(pattern);
  const group = compiled.groupCount() > 0 ? 1 : 0;
  return {
    find(bytes, pairs) {
      const matcher = compiled.matcher(bytes);
      while (matcher.find()) {
        const start = matcher.start(group);
        const end = matcher.end(group);
        if (start >= 0 && end > start) pairs.push(start, end);
      }
    },
  };
};
