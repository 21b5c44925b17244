/**
 * A YAML file as plain values, with the place of every key and value. Aliases are followed (and bounded), merge keys merged,
 * references expanded. Every problem is reported; nothing throws.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parse,
  parseDocument,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { type Environment, expandReferences } from './expand.ts';
import { formatPath, type Path, type Problem } from './problems.ts';

/** Deeper nesting than any configuration has; keeps recursion bounded. */
const MAX_DEPTH = 64;
/** Values that may be reached through aliases: far more than people write, far less than a bomb makes. */
const MAX_ALIASED_NODES = 10_000;

type Place = { readonly key: number; readonly value: number; readonly expanded?: { readonly text: string; readonly reference: string } };

export type YamlTree = {
  readonly file: string;
  /** Maps are objects without prototype, lists arrays; undefined when the file cannot be understood. */
  readonly root: unknown;
  /** The text behind a value that a reference gave, and the reference; undefined for a value that stands in the file. */
  expandedAt(path: Path): { readonly text: string; readonly reference: string } | undefined;
  /** True when what stands at this path is reported already and has no value. */
  brokenAt(path: Path): boolean;
  /** Of the key at this path or, where nothing stands, of the nearest key above. */
  problemAtKey(path: Path, message: string, severity?: Problem['severity']): Problem;
  /** Of the value at this path or, where nothing stands, of the nearest key above. */
  problemAtValue(path: Path, message: string, severity?: Problem['severity']): Problem;
  readonly problems: readonly Problem[];
};

/** Mistakes that leave the structure of the file clear, so that the rest can still be checked. */
const harmless: ReadonlySet<string> = new Set(['BAD_DQ_ESCAPE', 'BAD_DIRECTIVE']);

const syntaxMessages: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'more than one YAML document; allowed is one, remove the "---" between them',
  TAB_AS_INDENT: 'a tab indents this line; allowed are spaces',
  BAD_INDENT: 'wrong indentation: this line belongs to nothing above it',
  BLOCK_AS_IMPLICIT_KEY: 'a key with nested content on the same line; put the content on lines of its own',
  MULTILINE_IMPLICIT_KEY: 'a key goes over more than one line; is a colon missing?',
};

const tooDeep = `nested too deeply; allowed are ${MAX_DEPTH} levels`;

const syntaxMessage = ({ code, message }: YAMLError): string => {
  if (message.includes('call stack')) return tooDeep;
  return (message.startsWith('Flow') ? undefined : syntaxMessages[code]) ?? `not valid YAML: ${message}`;
};

/** The parser places wrong indentation at the end of the line before; people look for the line itself. */
const skipSpace = (text: string, { code, pos }: YAMLError): number => {
  const ahead = code === 'BAD_INDENT' ? /^\s*/.exec(text.slice(pos[0]))![0].length : 0;
  return pos[0] + ahead < text.length ? pos[0] + ahead : pos[0];
};

const pathKey = (path: Path): string => JSON.stringify(path);

/** Numbers, true, false and nothing as YAML reads them; all else stays text. */
const scalarOf = (text: string): unknown => {
  try {
    const value: unknown = parse(text, { schema: 'core', logLevel: 'silent' });
    return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : text;
  } catch {
    return text;
  }
};

/** Reads one file; `environment` answers `${env:NAME}`. */
export const readYaml = (file: string, text: string, environment: Environment): YamlTree => {
  const lines = new LineCounter();
  const places = new Map<string, Place>();
  const broken = new Set<string>();
  const problems: Problem[] = [];

  const problem = (offset: number, path: Path, message: string, severity: Problem['severity'] = 'error'): Problem => {
    const { line, col } = lines.linePos(offset);
    return { severity, file, line: Math.max(1, line), column: Math.max(1, col), path: formatPath(path), message };
  };
  const placeOf = (path: Path): { readonly place: Place | undefined; readonly exact: boolean } => {
    for (let length = path.length; length >= 0; length--) {
      const place = places.get(pathKey(path.slice(0, length)));
      if (place !== undefined) return { place, exact: length === path.length };
    }
    return { place: undefined, exact: false };
  };
  const tree = (root: unknown): YamlTree => ({
    file,
    root,
    brokenAt: (path) => broken.has(pathKey(path)),
    expandedAt: (path) => places.get(pathKey(path))?.expanded,
    problemAtKey: (path, message, severity) => problem(placeOf(path).place?.key ?? 0, path, message, severity),
    problemAtValue(path, message, severity) {
      const { place, exact } = placeOf(path);
      return problem((exact ? place?.value : place?.key) ?? 0, path, message, severity);
    },
    problems,
  });

  let contents: Node | null;
  let errors: readonly YAMLError[];
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, schema: 'core', logLevel: 'error' });
    errors = document.errors;
    for (const error of errors) problems.push(problem(skipSpace(text, error), [], syntaxMessage(error)));
    for (const warning of document.warnings) problems.push(problem(warning.pos[0], [], warning.message, 'warning'));
    if (errors.some(({ code }) => !harmless.has(code))) return tree(undefined);
    contents = document.contents;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    problems.push(problem(0, [], tooDeep));
    return tree(undefined);
  }

  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let aliasDepth = 0;
  let outermostAlias: { readonly start: number; readonly path: Path } | undefined;
  let aliasedNodes = 0;
  let exhausted = false;

  /** What is reached through an alias was reported where it stands. */
  const report = (offset: number, path: Path, message: string) => {
    if (aliasDepth === 0) problems.push(problem(offset, path, message));
  };
  const lost = (path: Path): undefined => void broken.add(pathKey(path));

  const scalar = (node: Scalar, path: Path, key: number): unknown => {
    const start = node.range?.[0] ?? key;
    if (typeof node.value !== 'string') {
      places.set(pathKey(path), { key, value: node.value === null ? key : start });
      return node.value;
    }
    if (errors.some(({ pos }) => pos[0] >= start && pos[0] < (node.range?.[1] ?? start))) return lost(path);
    const { text: value, whole, replaced, problems: wrong } = expandReferences(node.value, environment);
    let from = start;
    for (const { reference, message } of wrong) {
      const at = text.indexOf(reference, from);
      const inside = at !== -1 && at < (node.range?.[1] ?? start);
      report(inside ? at : start, path, message);
      if (inside) from = at + reference.length;
    }
    places.set(pathKey(path), { key, value: start, ...(replaced ? { expanded: { text: value, reference: whole ?? node.value } } : {}) });
    if (wrong.length > 0) return lost(path);
    return whole === undefined ? value : scalarOf(value);
  };

  const alias = (node: Alias, path: Path, key: number): unknown => {
    const start = node.range?.[0] ?? key;
    const target = anchors.get(node.source);
    if (target === undefined) {
      report(start, path, `there is no anchor &${node.source} above this alias`);
      return lost(path);
    }
    if (open.has(target)) {
      report(start, path, `the anchor &${node.source} contains itself`);
      return lost(path);
    }
    if (aliasDepth === 0) outermostAlias = { start, path };
    aliasDepth++;
    const value = valueOf(target, path, key);
    aliasDepth--;
    return value;
  };

  const keyOf = (node: unknown): string | undefined => {
    const resolved = isAlias(node) ? anchors.get(node.source) : node;
    return isScalar(resolved) && resolved.value !== null && typeof resolved.value !== 'object' ? String(resolved.value) : undefined;
  };

  const mapOf = (node: YAMLMap, path: Path): Record<string, unknown> => {
    const out: Record<string, unknown> = Object.create(null);
    const first = new Map<string, number>();
    const merged: unknown[] = [];
    for (const pair of node.items) {
      const keyNode = pair.key as Node | null;
      const start = keyNode?.range?.[0] ?? node.range?.[0] ?? 0;
      const key = keyOf(keyNode);
      if (key === undefined) {
        report(start, path, 'not a key; allowed is text followed by a colon');
        continue;
      }
      if (isScalar(keyNode) && keyNode.anchor !== undefined && aliasDepth === 0) anchors.set(keyNode.anchor, keyNode);
      const inner = [...path, key];
      const earlier = first.get(key);
      if (earlier !== undefined) {
        report(start, inner, `this key is written twice; it stands already in line ${lines.linePos(earlier).line}`);
        continue;
      }
      first.set(key, start);
      const value = pair.value === null ? null : valueOf(pair.value as Node, inner, start);
      if (pair.value === null) places.set(pathKey(inner), { key: start, value: start });
      if (key !== '<<') out[key] = value;
      else for (const map of Array.isArray(value) ? value : [value]) merged.push(map);
    }
    for (const map of merged) {
      if (typeof map !== 'object' || map === null || Array.isArray(map)) {
        if (map !== undefined) report(first.get('<<')!, path, 'only maps can be merged by "<<"');
        continue;
      }
      for (const [key, value] of Object.entries(map)) {
        if (first.has(key)) continue;
        first.set(key, first.get('<<')!);
        out[key] = value;
        places.set(pathKey([...path, key]), { key: first.get('<<')!, value: first.get('<<')! });
      }
    }
    return out;
  };

  const valueOf = (node: Node, path: Path, key: number): unknown => {
    const start = node.range?.[0] ?? key;
    if (exhausted) return undefined;
    if (aliasDepth > 0 && ++aliasedNodes > MAX_ALIASED_NODES) {
      exhausted = true;
      const { start: at, path: of } = outermostAlias!;
      problems.push(problem(at, of, `the aliases stand for more than ${MAX_ALIASED_NODES} values; write them out or nest them less`));
      return undefined;
    }
    if (path.length > MAX_DEPTH) {
      report(start, path.slice(0, 3), tooDeep);
      return lost(path);
    }
    if (isAlias(node)) return alias(node, path, key);
    if ('anchor' in node && typeof node.anchor === 'string' && aliasDepth === 0) anchors.set(node.anchor, node);
    if (isScalar(node)) return scalar(node, path, key);
    places.set(pathKey(path), { key, value: start });
    open.add(node);
    const value = isMap(node)
      ? mapOf(node, path)
      : isSeq(node)
        ? node.items.map((item, index) =>
            item === null ? null : valueOf(item as Node, [...path, index], (item as Node).range?.[0] ?? start),
          )
        : undefined;
    open.delete(node);
    return value;
  };

  places.set(pathKey([]), { key: 0, value: 0 });
  const root = contents === null ? null : valueOf(contents, [], contents.range?.[0] ?? 0);
  return tree(exhausted ? undefined : root);
};
