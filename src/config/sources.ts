/** From the texts of a command line to one tree: each is read, then merged into those before it. */
import path from 'node:path';
import { UsageError } from '../core/errors.ts';
import { createExpander, type Environment } from './expand.ts';
import { kindOfValue } from './issue-words.ts';
import { isLocatedMap, located, type Located, merge, problemAt, treeOf, type YamlTree } from './located.ts';
import type { Problem } from './problems.ts';
import { readYaml, sourceText } from './yaml-tree.ts';

/** A key before a value on the command line: where in `text` each of its parts begins, and where the value does. */
export type SourceKey = { readonly path: readonly string[]; readonly offsets: readonly number[]; readonly valueOffset: number };

/** A text and the name under which problems show it. */
export type ConfigSource = {
  readonly file: string;
  readonly text: string;
  /** Where it was read from, when that was a file. */
  readonly path?: string;
  /** Where relative paths of `${file:}` begin; without it the folder of `file`. */
  readonly folder?: string;
  /** The text is not a whole file but a value with the key under which it stands. */
  readonly under?: SourceKey;
};

/** Deeper than any option is. */
export const MAX_KEY_PARTS = 16;

/** Takes `a.b["c.d"].e` from the start of a text up to `=`: its parts and where each begins. */
const parseKey = (text: string): SourceKey | string => {
  const parts: string[] = [];
  const offsets: number[] = [];
  let at = 0;
  for (;;) {
    const quoted = /^\["((?:[^"\\]|\\.)*)"\]/.exec(text.slice(at));
    const plain = quoted === null ? /^[^.=["\]]+/.exec(text.slice(at)) : null;
    const found = quoted ?? plain;
    if (found === null)
      return text[at] === '[' ? 'lists are replaced whole: give all entries, as in key=[a, b]' : 'a part of the key is empty';
    try {
      parts.push(quoted === null ? plain![0].trim() : (JSON.parse(`"${quoted[1]!}"`) as string));
    } catch {
      return 'the quoted part of the key is not well formed';
    }
    offsets.push(at);
    if (parts.length > MAX_KEY_PARTS) return `the key has more than ${MAX_KEY_PARTS} parts`;
    at += found[0].length;
    if (text[at] === '=') return { path: parts, offsets, valueOffset: at + 1 };
    if (text[at] === '.') at++;
    else if (text[at] !== '[') return text[at] === undefined ? 'there is no "="' : 'parts of the key are separated by dots';
  }
};

/** The key alone, for names: the value may be a secret. */
const keyText = (text: string): string => text.slice(0, Math.max(0, text.indexOf('=')) || text.length);

/**
 * A `--set key=value` as a source. The key is a path of dots; a part that holds dots itself is quoted, as in `exporters["debug/a.b"].format`.
 * The value is YAML. Throws a UsageError when there is no key.
 */
export const overrideSource = (text: string): ConfigSource => {
  const under = parseKey(text);
  if (typeof under === 'string') {
    throw new UsageError(`--set ${keyText(text)}: ${under}`, {
      advice: 'write --set key=value, as in --set exporters.otlp_http.timeout=10s',
    });
  }
  return { file: `--set ${text.slice(0, under.valueOffset - 1)}`, text, folder: '.', under };
};

const readOne = ({ file, text, folder, under }: ConfigSource, environment: Environment, onFile: (path: string) => void) => {
  const source = sourceText(file, text);
  const expand = createExpander(environment, folder ?? path.dirname(file), onFile);
  const start = { source, offset: 0 };
  if (under === undefined) return { ...readYaml(source, text, expand), start };
  const { root, problems } = readYaml(source, text.slice(under.valueOffset), expand, under.valueOffset, under.path);
  const spots = [start, ...under.offsets.map((offset) => ({ source, offset }))];
  const wrapped = under.path.reduceRight<Located | undefined>(
    (value, part, index) => value && located(spots[index]!, spots[index + 1]!, new Map([[part, value]])),
    root && { ...root, key: spots.at(-1)! },
  );
  return { root: wrapped, problems, start };
};

/** Reads and merges sources in their order; `onFile` is told of every file that they refer to. Without any there is nothing in the tree. */
export const readSources = (
  sources: readonly ConfigSource[],
  environment: Environment,
  onFile: (path: string) => void = () => {},
): YamlTree => {
  const problems: Problem[] = [];
  let root: Located | undefined;
  let broken = false;
  const read = sources.map((source) => readOne(source, environment, onFile));
  for (const one of read) {
    problems.push(...one.problems);
    if (one.root === undefined) broken = true;
    // Merged with the others it would only be said to be different.
    else if (sources.length > 1 && one.root.content !== null && !isLocatedMap(one.root.content)) {
      problems.push(problemAt(one.root.at, [], `expected a map with sections, found ${kindOfValue(one.root.content)}`));
      broken = true;
    } else root = root === undefined ? one.root : root.content === null ? one.root : merge(root, one.root, [], problems);
  }
  const start = read[0]?.start ?? { source: sourceText('', ''), offset: 0 };
  return treeOf(broken ? undefined : root, start, problems);
};
