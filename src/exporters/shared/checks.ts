/** Checks of several keys together, which run although another key is wrong, so that all problems are told at once. */
import type { z } from 'zod';

/** For `superRefine`: whenever there are keys at all. */
export const withKeys = {
  when: ({ value }: { readonly value: unknown }): boolean => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** Whether nothing was found wrong with these keys so far. */
export const areSound = (context: z.RefinementCtx, ...keys: readonly string[]): boolean =>
  !context.issues.some(({ path }) => path !== undefined && keys.includes(String(path[0])));
