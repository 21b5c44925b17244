/**
 * `ringtail who` without the library that reads command lines, which takes as long to load as the answer. Whatever is not plain here is read by it:
 * help, mistakes, options that are written in other ways.
 */
import type { ExitCode } from '../core/errors.ts';
import type { CommandContext } from './context.ts';
import { tellFailure } from './failure.ts';
import type { WhoOptions } from './who/who.ts';

export type QuickWho = { readonly words: readonly string[]; readonly options: WhoOptions };

/** undefined: it is to be read as usual. */
export const readQuickly = ([command, ...given]: readonly string[]): QuickWho | undefined => {
  if (command !== 'who') return undefined;
  const words: string[] = [];
  const options: { pid?: string; json?: boolean; rootPath?: string } = {};
  for (let at = 0; at < given.length; at++) {
    const word = given[at]!;
    if (!word.startsWith('-')) words.push(word);
    else if (word === '--json') options.json = true;
    else if ((word === '--pid' || word === '--root-path') && given[at + 1] !== undefined && !given[at + 1]!.startsWith('-'))
      options[word === '--pid' ? 'pid' : 'rootPath'] = given[++at]!;
    else return undefined;
  }
  return { words, options };
};

/** Never throws. */
export const runQuickly = async ({ words, options }: QuickWho, context: CommandContext): Promise<ExitCode> => {
  try {
    return await (await import('./who/who.ts')).whoCommand(words, options, context);
  } catch (error) {
    return tellFailure(error, context);
  }
};
