/** Which kinds of code blocks the pages may have, and who runs them. */
import { type Block, blocksOf, pages } from './markdown.ts';

export const kinds = {
  yaml: 'a configuration, or a part of one: loaded, and run through ringtail validate',
  'yaml wrong': 'followed by what ringtail validate says of it',
  'yaml other': 'of another program: has the form of YAML',
  json: 'has the form of JSON, line by line',
  console: 'run, and what it writes compared',
  sh: 'run',
  'console root': 'run by the end-to-end suite as root, and what it writes compared',
  'sh root': 'run by the end-to-end suite as root',
  text: 'not run: what somebody saw, or a sketch',
} as const;
export type Kind = keyof typeof kinds;

export const allBlocks: readonly Block[] = pages.flatMap(blocksOf);

/** For `it.each`: the place and the block. */
export const shown = (...infos: readonly Kind[]): readonly (readonly [string, Block])[] =>
  allBlocks
    .filter(({ info }) => (infos as readonly string[]).includes(info))
    .map((block) => [`${block.page}:${block.line}`, block] as const);

/** A configuration that begins with a comment `# name.yaml` is a file of this name for the consoles of its page. */
export const fileOf = ({ info, text }: Block): string | undefined =>
  info.startsWith('yaml') ? /^# ([\w-]+\.ya?ml)\n/.exec(text)?.[1] : undefined;

/** The files that a page defines. */
export const filesOf = (page: string): readonly (readonly [name: string, text: string])[] =>
  allBlocks.flatMap((block) => {
    const name = block.page === page ? fileOf(block) : undefined;
    return name === undefined ? [] : [[name, block.text] as const];
  });
