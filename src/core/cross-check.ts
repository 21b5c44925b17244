import { z } from 'zod';

/**
 * A check of several keys of an object against each other. It is made although keys are wrong by themselves, so that all problems are told at once:
 * values may be of any type then, and are to be looked at before they are compared.
 */
export const crossCheck = <T extends object>(
  check: (value: { readonly [K in keyof T]: unknown }, add: (path: readonly (string | number)[], message: string) => void) => void,
) => {
  const made = z.check<T>((context) => {
    const { value, issues } = context;
    check(value, (path, message) => {
      const input = path.reduce<unknown>((inner, key) => (inner as Readonly<Record<string | number, unknown>>)[key], value);
      issues.push({ code: 'custom', message, path: [...path], input });
    });
  });
  // the library has no other way to say when a check is made
  // oxlint-disable-next-line no-underscore-dangle
  made._zod.def.when = ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value);
  return made;
};
