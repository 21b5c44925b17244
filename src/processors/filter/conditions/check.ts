import type { ConditionSignal } from './attributes.ts';
import { parseCondition, type Note } from './parse.ts';
import { ConditionProblem } from './tokens.ts';

/** What is wrong with a condition, and what is only strange. Columns count from 1. */
export const checkCondition = (
  signal: ConditionSignal,
  text: string,
): { readonly errors: readonly Note[]; readonly warnings: readonly Note[] } => {
  try {
    return { errors: [], warnings: parseCondition(signal, text).notes };
  } catch (error) {
    if (!(error instanceof ConditionProblem)) throw error;
    return { errors: [{ column: error.column, message: error.message }], warnings: [] };
  }
};
