import { printable } from '../core/printable.ts';

/** Keys and list positions from the top of the file. */
export type Path = readonly (string | number)[];

/** What is wrong with a configuration, and where. Lines and columns count from 1. */
export type Problem = {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  /** Which look found it: at keys and values (when it is not said), at what names what, or at this host. */
  readonly tier?: 'syntax' | 'graph' | 'host';
};

/** `service.pipelines.logs/a.exporters[0]`; keys that a reader could take for two are quoted. */
export const formatPath = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    if (!/^[\w/-]+$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');

/** `file:line:column: path: message`, one line, safe for a terminal. Warnings say so before the path. */
export const formatProblem = ({ severity, file, line, column, path, message }: Problem): string =>
  printable(
    [`${file}:${line}:${column}`, ...(severity === 'warning' ? ['warning'] : []), ...(path === '' ? [] : [path]), message].join(': '),
  );

/** In the order of the files (as they are given, then as they occur) and lines; errors before warnings at the same place. */
export const sortProblems = (problems: readonly Problem[], files: readonly string[] = []): Problem[] => {
  const order = new Map([...new Set([...files, ...problems.map(({ file }) => file)])].map((file, index) => [file, index] as const));
  return problems.toSorted(
    (a, b) => order.get(a.file)! - order.get(b.file)! || a.line - b.line || a.column - b.column || a.severity.localeCompare(b.severity),
  );
};

/** Nobody reads more at once. */
const MOST_TOLD = 200;

/** The first problems, errors among them if there are any; the last one tells how many there are beyond. */
export const firstProblems = (sorted: readonly Problem[]): readonly Problem[] => {
  if (sorted.length <= MOST_TOLD) return sorted;
  const errors = sorted.filter(({ severity }) => severity === 'error');
  const told = (errors.length > 0 ? errors : sorted).slice(0, MOST_TOLD);
  const last = told.at(-1)!;
  return [...told, { ...last, path: '', message: `and ${sorted.length - told.length} more` }];
};
