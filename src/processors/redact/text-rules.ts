/** What is secret within one text, whatever stands around it. */
import { markUserInformation } from './addresses.ts';
import { markAssignments } from './assignments.ts';
import type { Mark } from './marks.ts';
import { FOUND } from './needles.ts';
import type { Names } from './names.ts';
import { markKeyBlocks, markSchemes, markShapes, markStatements } from './shapes.ts';

export type TextOptions = {
  readonly names: Names;
  /** Only what is unmistakable: keys of a known shape, user information in URLs, key blocks. */
  readonly strict?: boolean;
  /** One argument, and no script. */
  readonly isArgument?: boolean;
  /** The text was cut at its end. */
  readonly isCut?: boolean;
};

/** Marks what is secret in `text`. `found`: bits of FOUND that occur in it. */
export const markText = (
  text: string,
  found: number,
  { names, strict = false, isCut = false, isArgument = false }: TextOptions,
  mark: Mark,
): void => {
  if ((found & FOUND.at) !== 0) markUserInformation(text, mark);
  if ((found & FOUND.shape) !== 0) markShapes(text, isCut, mark);
  if ((found & FOUND.pem) !== 0) markKeyBlocks(text, mark);
  if ((found & FOUND.scheme) !== 0) markSchemes(text, mark);
  if (strict) return;
  if ((found & (FOUND.name | FOUND.scheme)) !== 0) {
    markAssignments(text, 0, text.length, isArgument, names, mark);
    if (text.includes(' ')) markStatements(text, mark);
  }
};
