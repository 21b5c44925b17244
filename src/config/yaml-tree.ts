/**
 * A YAML text as values that know their place. Aliases are followed (and bounded), merge keys merged, references expanded. Every
 * problem is reported; nothing throws. What is said of the syntax repeats nothing of the text: it may be a secret.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parse,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Expander } from './expand.ts';
import { type Content, isLocatedMap, located, type Located, problemAt, type SourceText, type Spot } from './located.ts';
import type { Path, Problem } from './problems.ts';

/** Deeper nesting than any configuration has; keeps recursion bounded. */
const MAX_DEPTH = 64;
/** Values that may be reached through aliases: far more than people write, far less than a bomb makes. */
const MAX_ALIASED_NODES = 10_000;

const tooDeep = `nested too deeply; allowed are ${MAX_DEPTH} levels`;

/**
 * Tokens of YAML in one source: keys, values, marks, spaces, line ends. Most configurations have some thousand, one with ten thousand rules 250,000, which
 * the parser reads in a second.
 */
const MAX_TOKENS = 300_000;
/** What a token counts that is a mistake by itself: what the parser does with those grows faster than their number. */
const MISTAKE = 10;
/** And one with an anchor or a tag, which takes it longer. */
const PROPERTY = 4;
/** Nobody reads more; what is told after the first says little. */
const MAX_PROBLEMS = 1000;

/** Marks of the lexer for what comes next; they are no text. */
const MARKS: ReadonlySet<string> = new Set(['\u0002', '\u0018', '\u001f']);
const isOpening = (token: string): boolean => token === '[' || token === '{';
const isClosing = (token: string): boolean => token === ']' || token === '}';

/** Where a text is too much for the parser, and why. */
const excess = (text: string): { readonly offset: number; readonly message: string } | undefined => {
  let tokens = 0;
  let offset = 0;
  let depth = 0;
  let before = '';
  for (const token of new Lexer().lex(text)) {
    const isMistake =
      (token === ',' && (before === ',' || isOpening(before))) ||
      (isClosing(token) && depth <= 0) ||
      (isOpening(token) && isClosing(before)) ||
      (token.startsWith('"') && before.startsWith('"'));
    tokens += isMistake ? MISTAKE : token.startsWith('!') || token.startsWith('&') ? PROPERTY : 1;
    // Each wrong escape is an error of its own.
    if (token.startsWith('"')) for (let at = token.indexOf('\\'); at !== -1; at = token.indexOf('\\', at + 2)) tokens += MISTAKE;
    if (tokens > MAX_TOKENS) return { offset, message: `more than ${MAX_TOKENS} pieces of YAML; no configuration needs as many` };
    if (isOpening(token)) depth++;
    else if (isClosing(token)) depth--;
    if (depth > 2 * MAX_DEPTH) return { offset, message: tooDeep };
    if (!MARKS.has(token)) offset += token.length;
    if (token.trim() !== '' && !MARKS.has(token)) before = token;
  }
  return undefined;
};

/** Mistakes that leave the structure of the file clear, so that the rest can still be checked. */
const harmless: ReadonlySet<string> = new Set(['BAD_DQ_ESCAPE', 'BAD_DIRECTIVE']);

const syntaxMessages: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'more than one YAML document; allowed is one, remove the "---" between them',
  TAB_AS_INDENT: 'a tab indents this line; allowed are spaces',
  BAD_INDENT: 'wrong indentation: this line belongs to nothing above it',
  BLOCK_AS_IMPLICIT_KEY: 'a key with nested content on the same line; put the content on lines of its own',
  MULTILINE_IMPLICIT_KEY: 'a key goes over more than one line; is a colon missing?',
  UNEXPECTED_TOKEN: 'not valid YAML: something stands here that belongs to nothing; quote the value if it is one',
  BAD_SCALAR_START: 'a plain value cannot begin with this character; quote the value',
  TAG_RESOLVE_FAILED: 'an unknown tag; remove it, or quote the value if "!" belongs to it',
  BAD_DQ_ESCAPE: 'not an escape of a double-quoted text; write two backslashes for one',
  BAD_ALIAS: 'not the name of an anchor; quote the value if "*" or "&" belongs to it',
};

const syntaxMessage = ({ code, message }: YAMLError): string => {
  if (message.includes('call stack')) return tooDeep;
  return (message.startsWith('Flow') ? undefined : syntaxMessages[code]) ?? `not valid YAML: ${message.replace(/: (?!indicator).*/s, '')}`;
};

/** The parser places wrong indentation at the end of the line before; people look for the line itself. */
const skipSpace = (text: string, { code, pos }: YAMLError): number => {
  const ahead = code === 'BAD_INDENT' ? /^\s*/.exec(text.slice(pos[0]))![0].length : 0;
  return pos[0] + ahead < text.length ? pos[0] + ahead : pos[0];
};

/** Numbers, true, false and nothing as YAML reads them; all else stays text. */
const scalarOf = (text: string): string | number | boolean | null => {
  // Longer than any number or word that stands for a value.
  if (text.length > 64) return text;
  try {
    const value: unknown = parse(text, { schema: 'core', logLevel: 'silent', resolveKnownTags: false });
    return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : text;
  } catch {
    return text;
  }
};

/** Tells offsets of a text as lines and columns. `shift` is added to offsets that the parser of a part gives. */
export const sourceText = (file: string, text: string): SourceText => {
  let starts: number[] | undefined;
  return {
    file,
    position(offset) {
      starts ??= [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle]! <= offset) low = middle;
        else high = middle - 1;
      }
      return { line: low + 1, column: Math.max(0, offset - starts[low]!) + 1 };
    },
  };
};

export type ReadYaml = {
  /** Undefined when the text cannot be understood. */
  readonly root: Located | undefined;
  readonly problems: readonly Problem[];
};

/** Reads a text, which begins `shift` characters after the start of `source`. */
export const readYaml = (source: SourceText, text: string, expand: Expander, shift = 0, base: Path = []): ReadYaml => {
  const problems: Problem[] = [];
  const spot = (offset: number): Spot => ({ source, offset: offset + shift });
  const report = (offset: number, path: Path, message: string, severity: Problem['severity'] = 'error'): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(problemAt(spot(offset), path, message, severity));
  };

  const tooMuch = excess(text);
  if (tooMuch !== undefined) {
    report(tooMuch.offset, [], tooMuch.message);
    return { root: undefined, problems };
  }
  let contents: Node | null;
  let errors: readonly YAMLError[];
  try {
    const lineCounter = new LineCounter();
    const document = parseDocument(text, {
      lineCounter,
      prettyErrors: false,
      uniqueKeys: false,
      schema: 'core',
      logLevel: 'error',
      resolveKnownTags: false,
    });
    errors = document.errors;
    for (const error of errors) report(skipSpace(text, error), [], syntaxMessage(error));
    for (const warning of document.warnings) report(warning.pos[0], [], syntaxMessage(warning), 'warning');
    if (errors.some(({ code }) => !harmless.has(code))) return { root: undefined, problems };
    contents = document.contents;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    report(0, [], tooDeep);
    return { root: undefined, problems };
  }

  const errorOffsets = errors.map(({ pos }) => pos[0]).toSorted((a, b) => a - b);
  const hasError = (from: number, to: number): boolean => {
    let low = 0;
    for (let high = errorOffsets.length; low < high;) {
      const middle = (low + high) >> 1;
      if (errorOffsets[middle]! < from) low = middle + 1;
      else high = middle;
    }
    return low < errorOffsets.length && errorOffsets[low]! < to;
  };

  /** Undefined while the value of the anchor is being read: an alias in it would contain itself. */
  const anchors = new Map<string, Located | undefined>();
  let aliasedNodes = 0;
  let exhausted = false;

  const lost = (key: number, at: number): Located => located(spot(key), spot(at), undefined, { broken: true });

  const scalar = (node: Scalar, path: Path, key: number): Located => {
    const start = node.range?.[0] ?? key;
    if (typeof node.value !== 'string') return located(spot(key), spot(node.value === null ? key : start), node.value as Content);
    const end = node.range?.[1] ?? start;
    if (hasError(start, end)) return lost(key, start);
    if (!node.value.includes('$')) return located(spot(key), spot(start), node.value);
    const { text: value, whole, outside, problems: wrong } = expand(node.value);
    let from = start;
    for (const { reference, message } of wrong) {
      const at = text.indexOf(reference, from);
      const inside = at !== -1 && at < end;
      report(inside ? at : start, path, message);
      if (inside) from = at + reference.length;
    }
    const more = outside.length === 0 ? {} : { expanded: { text: value, reference: whole ?? node.value, outside } };
    if (wrong.length > 0) return located(spot(key), spot(start), undefined, { ...more, broken: true });
    return located(spot(key), spot(start), whole === undefined ? value : scalarOf(value), more);
  };

  const alias = (node: Alias, path: Path, key: number): Located => {
    const start = node.range?.[0] ?? key;
    const target = anchors.get(node.source);
    if (target === undefined) {
      report(
        start,
        path,
        anchors.has(node.source)
          ? 'this alias stands inside its own anchor'
          : 'there is no anchor of this name above this alias; quote the value if "*" belongs to it',
      );
      return lost(key, start);
    }
    aliasedNodes += target.size;
    if (aliasedNodes > MAX_ALIASED_NODES) {
      exhausted = true;
      report(start, path, `the aliases stand for more than ${MAX_ALIASED_NODES} values; write them out or nest them less`);
      return lost(key, start);
    }
    if (path.length + target.height > MAX_DEPTH) {
      report(start, path.slice(0, 3), tooDeep);
      return lost(key, start);
    }
    return { ...target, key: spot(key) };
  };

  const keyOf = (node: unknown): string | undefined => {
    const value = isAlias(node) ? anchors.get(node.source)?.content : isScalar(node) ? node.value : undefined;
    return value === undefined || value === null || typeof value === 'object' ? undefined : String(value);
  };

  const mapOf = (node: YAMLMap, path: Path): ReadonlyMap<string, Located> => {
    const out = new Map<string, Located>();
    const first = new Map<string, number>();
    const merged: Located[] = [];
    for (const pair of node.items) {
      if (exhausted) break;
      const keyNode = pair.key as Node | null;
      const start = keyNode?.range?.[0] ?? node.range?.[0] ?? 0;
      const key = keyOf(keyNode);
      if (key === undefined) {
        report(start, path, 'not a key; allowed is text followed by a colon');
        continue;
      }
      if (isScalar(keyNode) && keyNode.anchor !== undefined) anchors.set(keyNode.anchor, located(spot(start), spot(start), key));
      const inner = [...path, key];
      const earlier = first.get(key);
      if (earlier !== undefined) {
        report(start, inner, `this key is written twice; it stands already in line ${source.position(earlier + shift).line}`);
        continue;
      }
      first.set(key, start);
      const value = pair.value === null ? located(spot(start), spot(start), null) : valueOf(pair.value as Node, inner, start);
      if (key !== '<<') out.set(key, value);
      else for (const map of Array.isArray(value.content) ? (value.content as readonly Located[]) : [value]) merged.push(map);
    }
    const mergeKey = spot(first.get('<<') ?? 0);
    for (const { content, broken } of merged) {
      if (!isLocatedMap(content)) {
        if (!broken) report(first.get('<<')!, path, 'only maps can be merged by "<<"');
        continue;
      }
      for (const [key, value] of content) if (!out.has(key)) out.set(key, { ...value, key: mergeKey });
    }
    return out;
  };

  const listOf = (node: YAMLSeq, path: Path, start: number): readonly Located[] =>
    node.items.map((item, index) =>
      item === null ? located(spot(start), spot(start), null) : valueOf(item as Node, [...path, index], (item as Node).range?.[0] ?? start),
    );

  const valueOf = (node: Node, path: Path, key: number): Located => {
    const start = node.range?.[0] ?? key;
    if (exhausted) return lost(key, start);
    if (path.length > MAX_DEPTH) {
      report(start, path.slice(0, 3), tooDeep);
      return lost(key, start);
    }
    if (isAlias(node)) return alias(node, path, key);
    const anchor = 'anchor' in node && typeof node.anchor === 'string' ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, undefined);
    const value = isScalar(node)
      ? scalar(node, path, key)
      : located(spot(key), spot(start), isMap(node) ? mapOf(node, path) : isSeq(node) ? listOf(node, path, start) : undefined);
    if (anchor !== undefined) anchors.set(anchor, value);
    return value;
  };

  const root = contents === null ? located(spot(0), spot(0), null) : valueOf(contents, base, contents.range?.[0] ?? 0);
  return { root: exhausted ? undefined : root, problems };
};
