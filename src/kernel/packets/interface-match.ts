/** Which interfaces are meant: by names, in which `*` stands for any characters and `?` for one. */
import type { PacketNeeds } from './needs.ts';

/** IFNAMSIZ without its NUL, bytes. */
export const LONGEST_NAME = 15;

/** What is wrong with a name or pattern of an interface, in one sentence; undefined when nothing is. */
export const interfacePatternProblem = (pattern: string): string | undefined => {
  if (pattern === '') return 'an interface has a name';
  if (/[\s/:]/.test(pattern) || pattern.includes('\0')) return 'names of interfaces have no blanks, slashes and colons';
  if (pattern === '.' || pattern === '..') return 'no interface is called so';
  const least = Buffer.byteLength(pattern.replaceAll('*', ''));
  return least > LONGEST_NAME ? `names of interfaces have at most ${LONGEST_NAME} bytes` : undefined;
};

/** In time linear in the product of both lengths, whatever the pattern. */
export const matchesPattern = (pattern: string, name: string): boolean => {
  let at = 0;
  let star = -1;
  let restart = 0;
  for (let i = 0; i < name.length;) {
    if (pattern[at] === '*') {
      star = at++;
      restart = i;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++restart;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
};

/** No names: all interfaces. What is excluded is out, whatever names it. */
export const matchInterfaces =
  ({ interfaces, exclude }: Pick<PacketNeeds, 'interfaces' | 'exclude'>): ((name: string) => boolean) =>
  (name) =>
    (interfaces.length === 0 || interfaces.some((one) => matchesPattern(one, name))) && !exclude.some((one) => matchesPattern(one, name));

/** Patterns that mean none of these interfaces. */
export const patternsWithout = (patterns: readonly string[], names: readonly string[]): readonly string[] =>
  patterns.filter((pattern) => !names.some((name) => matchesPattern(pattern, name)));
