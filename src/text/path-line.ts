/** The slowest path of a trace in one line. */
import { durationText } from '../core/duration-text.ts';
import type { PathStep } from './critical-path.ts';
import { escapeText } from './escape.ts';
import { textWidth } from './width.ts';

/** Steps, or names, that a person still reads. */
const MOST_SHOWN = 8;
const took = (ns: bigint): string => durationText(Number(ns));
const sumOf = (steps: readonly PathStep[]): bigint => steps.reduce((sum, { ownNs }) => sum + ownNs, 0n);

/**
 * `slowest path: make 20 ms → cc 1.2 s → ld 300 ms`: its steps with their own times, in order. What is too long for that, or for `width` columns (undefined: as
 * long as it likes), is told by names, the longest first, and how many steps have each. Names may be hostile. Empty without steps.
 */
export const pathLine = (steps: readonly PathStep[], width: number | undefined): string => {
  const fits = (text: string): boolean => width === undefined || textWidth(text) <= width;
  const inOrder = `slowest path: ${steps.map(({ span, ownNs }) => `${escapeText(span.name)} ${took(ownNs)}`).join(' → ')}`;
  if (steps.length === 0 || (steps.length <= MOST_SHOWN && fits(inOrder))) return steps.length === 0 ? '' : inOrder;
  const byName = Array.from(Map.groupBy(steps, ({ span }) => span.name), ([name, same]) => ({ name, same, ownNs: sumOf(same) }))
    .toSorted((a, b) => Number(b.ownNs - a.ownNs)); // prettier-ignore
  const texts = byName.map(({ name, same, ownNs }) => `${escapeText(name)} ${took(ownNs)}${same.length === 1 ? '' : ` in ${same.length}`}`);
  const lineOf = (shown: number): string => {
    const left = byName.slice(shown);
    const rest = left.length === 0 ? [] : [`${left.length} more ${took(left.reduce((sum, { ownNs }) => sum + ownNs, 0n))}`];
    return `slowest path, longest first: ${[...texts.slice(0, shown), ...rest].join(', ')}`;
  };
  for (let shown = Math.min(MOST_SHOWN, texts.length); shown > 1; shown--) if (fits(lineOf(shown))) return lineOf(shown);
  return lineOf(1);
};
