/** The columns in front of what happened: when, who, which process, in which container. */
import { cutText, padText, textWidth } from './width.ts';
import { WIDEST_CONTAINER } from './container.ts';

export type Columns = {
  /** Blanks between them. */
  readonly gap: number;
  readonly clock: 'milliseconds' | 'seconds';
  readonly user: number;
  readonly pid: number;
  readonly process: number;
  /** 0: there is none. */
  readonly container: number;
  /** Whether what is wider is cut, so that everything stays in its column. */
  readonly isCut: boolean;
};

/** Linux has no pid above 4,194,304. */
const PID = 7;

type Size = Omit<Columns, 'pid' | 'isCut'>;

/** From this many columns of the terminal on. */
const sizes: readonly (Size & { readonly from: number })[] = [
  { from: 160, gap: 2, clock: 'milliseconds', user: 8, process: 32, container: WIDEST_CONTAINER },
  { from: 120, gap: 2, clock: 'milliseconds', user: 8, process: 24, container: 20 },
  { from: 100, gap: 2, clock: 'milliseconds', user: 8, process: 18, container: 16 },
  { from: 0, gap: 1, clock: 'seconds', user: 8, process: 15, container: 0 },
];
/** Below 100, when there are containers: what happened shall have the most room. */
const narrow: Size = { gap: 1, clock: 'seconds', user: 6, process: 12, container: 10 };
const uncut: Size = { gap: 2, clock: 'milliseconds', user: 8, process: 24, container: 16 };

/** `width`: of the terminal; undefined: nothing is cut. */
export const columnsFor = (width: number | undefined, hasContainers: boolean): Columns => {
  const size = width === undefined ? uncut : sizes.find(({ from }) => width >= from)!;
  const { gap, clock, user, process, container } = hasContainers && size.container === 0 ? narrow : size;
  return { gap, clock, user, pid: PID, process, container: hasContainers ? container : 0, isCut: width !== undefined };
};

/** The end of a path, from a slash on, or the name alone: what a program is called stands there. */
export const cutPath = (path: string, width: number): string => {
  if (textWidth(path) <= width) return path;
  const last = path.lastIndexOf('/');
  let best = path.slice(last + 1);
  for (let at = last; at > 0;) {
    at = path.lastIndexOf('/', at - 1);
    const end = `…${path.slice(at)}`;
    if (at < 0 || textWidth(end) > width) break;
    best = end;
  }
  return cutText(best === '' ? path : best, width);
};

export const cell = (text: string, width: number, { isCut }: Pick<Columns, 'isCut'>): string =>
  padText(isCut ? cutText(text, width) : text, width);
