/** The documentation as data: files, code blocks, tables, headings, links. As much of Markdown as our pages use. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Pages that people wrote, with the path from the root of the project. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...globSync('docs/**/*.md', { cwd: root }).filter((page) => !page.endsWith('.gen.md')),
].toSorted();

export const read = (page: string): string => readFileSync(`${root}${page}`, 'utf8');

export type Block = { readonly page: string; readonly line: number; readonly info: string; readonly text: string };

/** Fenced code blocks in their order; `line` is where the text begins, from 1. */
export const blocksOf = (page: string): readonly Block[] => {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly info: string; readonly lines: string[] } | undefined;
  for (const [index, line] of read(page).split('\n').entries()) {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (open === undefined) open = { line: index + 2, info: line.slice(3).trim(), lines: [] };
    else {
      blocks.push({ page, line: open.line, info: open.info, text: open.lines.map((one) => `${one}\n`).join('') });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${page}:${open.line}: a code block that does not end`);
  return blocks;
};

export const withoutBlocks = (text: string): string => text.replace(/^```.*?^```/gms, '');

/** What stands under a heading, up to the next one of the same or a higher level, without code blocks. */
export const sectionOf = (page: string, heading: string): string => {
  const lines = withoutBlocks(read(page)).split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`${page} has no heading "${heading}"`);
  const level = heading.indexOf(' ');
  const end = lines.findIndex((line, index) => index > start && /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, end === -1 ? undefined : end).join('\n');
};

export type Table = { readonly titles: readonly string[]; readonly rows: readonly (readonly string[])[] };

const cellsOf = (line: string): string[] =>
  line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());

export const tablesOf = (text: string): readonly Table[] =>
  (withoutBlocks(text).match(/(?:^\|.*\n?)+/gm) ?? []).map((table) => {
    const [titles, , ...rows] = table.trimEnd().split('\n').map(cellsOf);
    return { titles: titles!, rows };
  });

/** The one table of a text with this first title. */
export const tableOf = (text: string, ...firstTitles: readonly string[]): Table => {
  const found = tablesOf(text).filter(({ titles }) => firstTitles.includes(titles[0]!));
  if (found.length !== 1) throw new Error(`${found.length} tables that begin with ${firstTitles.join(' or ')}, expected one`);
  return found[0]!;
};

/** `a`, `b` → [a, b]. */
export const codesOf = (cell: string): readonly string[] => Array.from(cell.matchAll(/`([^`]+)`/g), ([, code]) => code!);

/** As GitHub makes them of headings. */
export const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    Array.from(withoutBlocks(text).matchAll(/^#+ (.*)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

/** Targets of links within the project. */
export const linksOf = (text: string): readonly string[] =>
  Array.from(withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target));
