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

const USER = 8;
/** Linux has no pid above 4,194,304. */
const PID = 7;

/** From this many columns of the terminal on. */
const sizes = [
  { from: 160, gap: 2, clock: 'milliseconds', process: 32, container: WIDEST_CONTAINER },
  { from: 120, gap: 2, clock: 'milliseconds', process: 24, container: 20 },
  { from: 100, gap: 2, clock: 'milliseconds', process: 18, container: 16 },
  { from: 0, gap: 1, clock: 'seconds', process: 15, container: 12 },
] as const;
const uncut = { gap: 2, clock: 'milliseconds', process: 24, container: 16 } as const;

/** `width`: of the terminal; undefined: nothing is cut. */
export const columnsFor = (width: number | undefined, hasContainers: boolean): Columns => {
  const { gap, clock, process, container } = width === undefined ? uncut : sizes.find(({ from }) => width >= from)!;
  return { gap, clock, user: USER, pid: PID, process, container: hasContainers ? container : 0, isCut: width !== undefined };
};

/** The end of a path, from a slash on: what a program is called stands there. */
export const cutPath = (path: string, width: number): string => {
  if (textWidth(path) <= width) return path;
  let best = path.slice(path.lastIndexOf('/') + 1);
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    const end = `…${path.slice(at)}`;
    if (textWidth(end) > width) break;
    best = end;
  }
  return cutText(best === '' ? path : best, width);
};

export const cell = (text: string, width: number, { isCut }: Pick<Columns, 'isCut'>): string =>
  padText(isCut ? cutText(text, width) : text, width);
