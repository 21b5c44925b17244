/** The table of `ringtail top`: titles and rows in lines of parts. */
import type { SessionSort } from '../../live/sessions/types.ts';
import type { Part, Style } from '../../text/parts.ts';
import { cutText, textWidth } from '../../text/width.ts';
import type { Layout, TopColumn, TopRow } from './columns.ts';

type Sized = Layout['columns'][number];

const lineWidth = (parts: readonly Part[]): number => parts.reduce((sum, { text }) => sum + textWidth(text), 0);

/** Parts in exactly this room, what is too long cut. */
const placed = (parts: readonly Part[], { width, align }: Pick<Sized, 'width' | 'align'>): readonly Part[] => {
  const shown: Part[] = [];
  let room = width;
  for (const part of parts) {
    const text = cutText(part.text, room);
    shown.push({ ...part, text });
    room -= textWidth(text);
    if (text !== part.text) break;
  }
  if (!Number.isFinite(room) || room <= 0) return shown;
  const blank: Part = { text: ' '.repeat(room) };
  return align === 'right' ? [blank, ...shown] : [...shown, blank];
};

/** `isLast`: nothing is behind it, so that it needs no blanks. */
const joined = (cells: readonly (readonly Part[])[], gap: number): readonly Part[] =>
  cells.flatMap((cell, index) => (index === 0 ? cell : [{ text: ' '.repeat(gap) }, ...cell]));

const titleOf = ({ title, short, width }: Sized): string => (short !== undefined && title.length > width ? short : title);

/** The column that the table is sorted by stands out. */
export const titleLine = ({ columns, gap }: Layout, sort: SessionSort): readonly Part[] =>
  joined(
    columns.map((column) => {
      const style: Style = column.sorts?.includes(sort) === true ? ['bold', 'cyan', 'underline'] : ['dim'];
      return placed([{ text: titleOf(column), style }], column);
    }),
    gap,
  );

const cellOf = (column: TopColumn & { readonly width: number }, row: TopRow, hasContainer: boolean): readonly Part[] => {
  const cell = column.cell(row as never, { width: column.width, hasContainer });
  return Array.isArray(cell) ? (cell as readonly Part[]) : [cell as Part];
};

export const rowLine = ({ columns, gap, hasContainer }: Layout, row: TopRow): readonly Part[] =>
  joined(
    columns.map((column) => placed(cellOf(column, row, hasContainer), column)),
    gap,
  );

/** As wide as what stands in it. */
export const wholeTable = (layout: Layout, rows: readonly TopRow[], sort: SessionSort): readonly (readonly Part[])[] => {
  const cells = rows.map((row) => layout.columns.map((column) => cellOf(column, row, layout.hasContainer)));
  const columns = layout.columns.map((column, index) => ({
    ...column,
    width: Math.max(textWidth(column.title), ...cells.map((row) => lineWidth(row[index]!))),
  }));
  return [
    titleLine({ ...layout, columns }, sort),
    ...cells.map((row) =>
      joined(
        row.map((cell, index) => placed(cell, columns[index]!)),
        layout.gap,
      ),
    ),
  ];
};
