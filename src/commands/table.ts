import { printable } from '../core/printable.ts';

/** A column of numbers is aligned to the right. */
export type Column = { readonly title: string; readonly align?: 'left' | 'right' };

/** An aligned table with a line of titles; cells are made safe for a terminal. Ends with a newline. */
export const formatTable = (columns: readonly Column[], rows: readonly (readonly string[])[]): string => {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) => row.map(printable));
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)));
  return cells
    .map((row) => {
      const line = columns.map(({ align }, index) => {
        const cell = row[index] ?? '';
        return align === 'right' ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!);
      });
      return `${line.join('  ').trimEnd()}\n`;
    })
    .join('');
};
