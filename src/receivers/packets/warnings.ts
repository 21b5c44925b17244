import type { ConfigWarning } from '../../core/component.ts';
import { globMatches } from '../../core/glob.ts';
import type { PacketsConfig } from './config.ts';

const isPattern = (text: string): boolean => /[*?]/.test(text);

/** What is allowed and will hardly be meant; what depends on the host is looked at there. */
export const packetsWarnings = ({ interfaces, exclude }: PacketsConfig): readonly ConfigWarning[] =>
  interfaces.flatMap((name, index) => {
    const by = isPattern(name) ? exclude.find((one) => one === name || one === '*') : exclude.find((one) => globMatches(one, name));
    return by === undefined ? [] : [{ option: ['interfaces', index], message: `without effect: ${by} is excluded` }];
  });
