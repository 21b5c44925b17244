/** The screen of `ringtail top`, line by line. */
import type { SessionsPage } from '../../live/sessions/types.ts';
import type { Part } from '../../text/parts.ts';
import type { Frame, Size } from '../../text/screen/frame.ts';
import { fitColumns } from './columns.ts';
import { filterOf, filterText, keysOf, noteOf, statesOf, titleOf, totalsOf, type TopPlace, viewsOf } from './head.ts';
import { cutParts, widthOf, wrapWords } from './lines.ts';
import { detailLines, helpLines } from './overlays.ts';
import type { TopState } from './state.ts';
import { rowLine, titleLine } from './table.ts';

export type TopScene = TopPlace & {
  readonly state: TopState;
  /** undefined: none has come yet. */
  readonly page: SessionsPage | undefined;
  /** Of the first row of the page among all that match. */
  readonly pageTop: number;
  /** Rows that were asked for, at most. */
  readonly limit: number | undefined;
  /** Arguments of the process whose session is looked at. */
  readonly command: string | undefined;
};

const LEAST: Size = { columns: 40, rows: 10 };
/** Below these, lines of the head are left out; above, there is room for blank ones. */
const SHORT_ROWS = 16;
const TALL_ROWS = 32;

const isTooSmall = ({ columns, rows }: Size): boolean => columns < LEAST.columns || rows < LEAST.rows;

const headOf = ({ state, page, pageTop, ...place }: TopScene, { columns, rows }: Size, tableRows: number): Frame => {
  const isTall = rows >= TALL_ROWS;
  const blank: Frame = isTall ? [[]] : [];
  const filtered = filterText(state.query) === '' || state.searchedBefore !== undefined ? [] : [filterOf(state.query, columns)];
  return [
    titleOf(place, state, page, columns),
    ...(page === undefined ? [[]] : [totalsOf(page, columns)]),
    ...(rows < SHORT_ROWS ? [] : [page === undefined ? [] : statesOf(page, columns)]),
    ...blank,
    viewsOf(state, page, { top: pageTop, rows: tableRows }, columns),
    ...filtered,
    ...blank,
  ];
};

const footOf = ({ state, page, problem }: TopScene, { columns, rows }: Size): Frame => {
  const note = rows < SHORT_ROWS && problem === undefined ? undefined : noteOf(problem, page?.notes ?? [], columns);
  return [...(note === undefined ? [] : [note]), keysOf(state, columns)];
};

/** Rows of the table that there is room for; what a page is asked for. At least 1. */
export const tableRowsOf = (scene: TopScene, size: Size): number => {
  if (isTooSmall(size)) return 1;
  const taken = headOf(scene, size, 0).length + footOf(scene, size).length + 1;
  return Math.max(1, Math.min(size.rows - taken, scene.limit ?? Number.POSITIVE_INFINITY));
};

const emptyText = ({ state, page }: TopScene): string => {
  if (page === undefined) return 'looking …';
  if (filterText(state.query) !== '') return 'nothing that is open matches';
  return 'nothing is open that can be seen from here';
};

const selectedLine = (parts: readonly Part[], columns: number): readonly Part[] => [
  ...parts.map(({ text }): Part => ({ text, style: 'inverse' })),
  { text: ' '.repeat(columns - widthOf(parts)), style: 'inverse' },
];

const tableOf = (scene: TopScene, size: Size, rows: number): Frame => {
  const { state, page, pageTop, problem } = scene;
  // a page of another view is on its way out
  const view = page?.view ?? state.query.view;
  const layout = fitColumns(view, size.columns);
  const shown = (page?.rows ?? []).slice(0, rows);
  const lines = shown.map((row, index): readonly Part[] => {
    const parts = cutParts(rowLine(layout, row), size.columns);
    if (pageTop + index === state.selected) return selectedLine(parts, size.columns);
    return problem === undefined ? parts : parts.map(({ text }) => ({ text, style: 'dim' }));
  });
  return [titleLine(layout, state.query.sort), ...(lines.length === 0 ? [[{ text: emptyText(scene), style: 'dim' } as const]] : lines)];
};

const tooSmall = ({ columns, rows }: Size): Frame =>
  wrapWords(
    `This terminal has ${columns} columns and ${rows} lines; ${LEAST.columns} and ${LEAST.rows} are the least. q quits.`,
    Math.max(1, columns),
  ).map((text) => [{ text }]);

export const topFrame = (scene: TopScene, size: Size): Frame => {
  if (isTooSmall(size)) return tooSmall(size);
  const { state, page } = scene;
  const rows = tableRowsOf(scene, size);
  const head = headOf(scene, size, rows);
  const foot = footOf(scene, size);
  const room = size.rows - head.length - foot.length;
  const body = state.showsHelp
    ? helpLines(page?.notes ?? [], size.columns)
    : state.details === undefined
      ? tableOf(scene, size, rows)
      : detailLines(state.details, scene.command, size.columns);
  const lines = body.slice(0, room);
  return [...head, ...lines, ...Array.from({ length: room - lines.length }, () => []), ...foot];
};
