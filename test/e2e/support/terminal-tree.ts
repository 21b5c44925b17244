/** The tree that `ringtail trace` prints, read back. */
import type { ProgramTree } from './strace-tree.ts';

const line = /^.{9} [ ●] ((?:│ {2}| {3})*(?:[├└]─ )?)(.*)$/;
const INDENT = 3;

/** Of all that it printed, with a line for each program. `label`: the text of the line; ends are in it. */
export const treeOfTerminal = (printed: string, label: (text: string) => string): ProgramTree | undefined => {
  const above: ProgramTree[] = [];
  const lines = printed.split('\n');
  const first = lines.findIndex((text) => text.startsWith('trace ')) + 2;
  for (const text of lines.slice(first)) {
    const [, indent = '', shown] = line.exec(text) ?? [];
    if (shown === undefined || text.startsWith('slowest path')) break;
    const depth = indent.length / INDENT;
    const made = { label: label(shown), end: '', children: [] };
    above.splice(depth);
    (above[depth - 1]?.children as ProgramTree[] | undefined)?.push(made);
    above.push(made);
  }
  return above[0];
};
