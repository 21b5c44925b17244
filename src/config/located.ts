/** Values of a configuration that know where they stand, and how values of several sources become one. */
import { formatPath, type Path, type Problem } from './problems.ts';

/** A text whose offsets can be told as lines and columns. */
export type SourceText = {
  /** The name under which problems show it. */
  readonly file: string;
  position(offset: number): { readonly line: number; readonly column: number };
};

export type Spot = { readonly source: SourceText; readonly offset: number };

/** What a reference gave. */
export type ExpandedText = {
  readonly text: string;
  /** What stands in the file. */
  readonly reference: string;
  /** The pieces that came from outside: keep them out of messages. */
  readonly outside: readonly string[];
};

export type Content = string | number | boolean | bigint | null | undefined | readonly Located[] | ReadonlyMap<string, Located>;

export type Located = {
  /** Of the key, or of the value where there is no key. */
  readonly key: Spot;
  readonly at: Spot;
  readonly content: Content;
  /** Reported already; it has no value. */
  readonly broken: boolean;
  readonly expanded?: ExpandedText;
  /** Values in it, itself included, written out: what an alias stands for counts every time. */
  readonly size: number;
  /** Levels below it. */
  readonly height: number;
};

export const isLocatedMap = (content: Content): content is ReadonlyMap<string, Located> => content instanceof Map;
const isLocatedList = (content: Content): content is readonly Located[] => Array.isArray(content);

const childrenOf = (content: Content): Iterable<Located> =>
  isLocatedMap(content) ? content.values() : isLocatedList(content) ? content : [];

/** A value with what follows from its content. */
export const located = (
  key: Spot,
  at: Spot,
  content: Content,
  more: { readonly broken?: boolean; readonly expanded?: ExpandedText } = {},
): Located => {
  let size = 1;
  let height = 0;
  for (const child of childrenOf(content)) {
    size += child.size;
    height = Math.max(height, child.height + 1);
  }
  return { key, at, content, broken: false, size, height, ...more };
};

/** Maps as objects without prototype, lists as arrays. */
const plain = ({ content }: Located): unknown => {
  if (isLocatedList(content)) return content.map(plain);
  if (!isLocatedMap(content)) return content;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, value] of content) out[key] = plain(value);
  return out;
};

const child = (content: Content, key: string | number): Located | undefined => {
  if (isLocatedMap(content)) return content.get(String(key));
  return isLocatedList(content) && typeof key === 'number' ? content[key] : undefined;
};

const outsideOf = (value: Located, found: Set<string>): Set<string> => {
  for (const text of value.expanded?.outside ?? []) found.add(text);
  for (const inner of childrenOf(value.content)) outsideOf(inner, found);
  return found;
};

/** A configuration as plain values, with the place of every key and value. */
export type YamlTree = {
  /** Maps are objects without prototype, lists arrays; undefined when a source cannot be understood. */
  readonly root: unknown;
  /** The text behind a value that a reference gave, and the reference; undefined for a value that stands in the file. */
  expandedAt(path: Path): ExpandedText | undefined;
  /** All that references gave at this path and below. */
  outsideAt(path: Path): ReadonlySet<string>;
  /** True when what stands at this path is reported already and has no value. */
  brokenAt(path: Path): boolean;
  /** `file:line` of the key at this path, for messages about another one. */
  whereIs(path: Path): string;
  /** Of the key at this path or, where nothing stands, of the nearest key above. */
  problemAtKey(path: Path, message: string, severity?: Problem['severity']): Problem;
  /** Of the value at this path or, where nothing stands, of the nearest key above. */
  problemAtValue(path: Path, message: string, severity?: Problem['severity']): Problem;
  readonly problems: readonly Problem[];
};

export const problemAt = ({ source, offset }: Spot, path: Path, message: string, severity: Problem['severity'] = 'error'): Problem => ({
  severity,
  file: source.file,
  ...source.position(offset),
  path: formatPath(path),
  message,
});

/** `start` is where problems of what is not there are placed. */
export const treeOf = (root: Located | undefined, start: Spot, problems: readonly Problem[]): YamlTree => {
  const find = (path: Path): { readonly found: Located | undefined; readonly exact: boolean } => {
    let found = root;
    for (const key of path) {
      const next = found === undefined ? undefined : child(found.content, key);
      if (next === undefined) return { found, exact: false };
      found = next;
    }
    return { found, exact: true };
  };
  const exactly = (path: Path) => {
    const { found, exact } = find(path);
    return exact ? found : undefined;
  };
  return {
    root: root === undefined ? undefined : plain(root),
    expandedAt: (path) => exactly(path)?.expanded,
    outsideAt(path) {
      const found = exactly(path);
      return found === undefined ? new Set() : outsideOf(found, new Set());
    },
    brokenAt: (path) => exactly(path)?.broken === true,
    whereIs(path) {
      const { source, offset } = find(path).found?.key ?? start;
      return `${source.file}:${source.position(offset).line}`;
    },
    problemAtKey: (path, message, severity) => problemAt(find(path).found?.key ?? start, path, message, severity),
    problemAtValue(path, message, severity) {
      const { found, exact } = find(path);
      return problemAt((exact ? found?.at : found?.key) ?? start, path, message, severity);
    },
    problems,
  };
};

/**
 * What `later` makes of `earlier`: maps merge key by key, everything else is replaced. Nothing where there is a map leaves the map as it
 * is, so that `debug:` names an exporter that another source describes; nothing elsewhere brings the default back.
 */
export const merge = (earlier: Located, later: Located, path: Path, problems: Problem[]): Located => {
  const from = earlier.content;
  const to = later.content;
  if (earlier.broken || later.broken) return later;
  if (isLocatedMap(from) && isLocatedMap(to)) {
    const content = new Map(from);
    for (const [key, value] of to) {
      const known = content.get(key);
      content.set(key, known === undefined ? value : merge(known, value, [...path, key], problems));
    }
    return located(earlier.key, earlier.at, content);
  }
  if (to === null) return isLocatedMap(from) ? earlier : later;
  if (from === null || isLocatedMap(from) === isLocatedMap(to)) return later;
  const { source, offset } = earlier.at;
  const there = `${source.file}:${source.position(offset).line}`;
  problems.push(
    problemAt(
      later.at,
      path,
      isLocatedMap(from)
        ? `cannot be merged: ${there} has a map here; allowed is a map, which is merged with it`
        : `a map cannot be merged with what stands at ${there}, which is none; allowed is what replaces it`,
    ),
  );
  return earlier;
};
