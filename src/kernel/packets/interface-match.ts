/** Which interfaces are meant: by names, in which `*` stands for any characters and `?` for one. */
import { globMatches } from '../../core/glob.ts';
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

/** No names: all interfaces. What is excluded is out, whatever names it. */
export const matchInterfaces =
  ({ interfaces, exclude }: Pick<PacketNeeds, 'interfaces' | 'exclude'>): ((name: string) => boolean) =>
  (name) =>
    (interfaces.length === 0 || interfaces.some((one) => globMatches(one, name))) && !exclude.some((one) => globMatches(one, name));

/** Patterns that mean none of these interfaces. */
export const patternsWithout = (patterns: readonly string[], names: readonly string[]): readonly string[] =>
  patterns.filter((pattern) => !names.some((name) => globMatches(pattern, name)));
