/** Rules that stand against each other. */
import { valuesOf } from './rule-config.ts';

/** Equal for rules that match the same by what they say. */
const keyOf = (rule: unknown): string =>
  typeof rule === 'object' && rule !== null
    ? JSON.stringify(
        Object.entries(rule)
          .filter(([, value]) => value !== undefined)
          .map(([field, value]) => [field, valuesOf(value).map(String).toSorted()] as const)
          .toSorted(([a], [b]) => (a < b ? -1 : 1)),
      )
    : '';

const listOf = (lists: unknown, name: string): readonly unknown[] => {
  const list = typeof lists === 'object' && lists !== null ? (lists as Readonly<Record<string, unknown>>)[name] : undefined;
  return Array.isArray(list) ? list : [];
};

/** Drop rules that stand under keep too: indexes of both. */
export const contradictions = (lists: unknown): readonly { readonly index: number; readonly twin: number }[] => {
  const keep = listOf(lists, 'keep');
  if (keep.length === 0) return [];
  const keeps = new Map(keep.map((rule, index) => [keyOf(rule), index] as const).toReversed());
  return listOf(lists, 'drop').flatMap((rule, index) => {
    const twin = keeps.get(keyOf(rule));
    return twin === undefined ? [] : [{ index, twin }];
  });
};

/** Rules that stand twice in a list: the index of the second, and of the first. */
export const duplicates = (list: readonly unknown[]): readonly { readonly index: number; readonly twin: number }[] => {
  const first = new Map<string, number>();
  return list.flatMap((rule, index) => {
    const key = keyOf(rule);
    const twin = first.get(key);
    if (twin === undefined) first.set(key, index);
    return twin === undefined ? [] : [{ index, twin }];
  });
};
