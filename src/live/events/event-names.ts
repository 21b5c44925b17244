/** Names of events as people write them. */
import { globMatches } from '../../core/glob.ts';

const PREFIX = 'ringtail.';

export const plainName = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name);

/** A pattern is a name with or without `ringtail.`, or a part of one between dots: `process.exec`, `exec`, `session`, `file.*`. */
export const nameMatches = (pattern: string, name: string): boolean => {
  const plain = plainName(name);
  if (globMatches(plainName(pattern), plain) || globMatches(pattern, name)) return true;
  return !pattern.includes('.') && plain.split('.').some((part) => globMatches(pattern, part));
};
