/**
 * Which interfaces a receiver counted since when: over a reload that names others it goes on with those that it had, and those that are new begin then.
 */
import { matchInterfaces } from '../../kernel/packets/interface-match.ts';
import type { PacketNeeds } from '../../kernel/packets/needs.ts';

type Chosen = Pick<PacketNeeds, 'interfaces' | 'exclude'>;
type Choice = { readonly text: string; readonly shows: (name: string) => boolean };

/** Classes of series are numbers below 256, and the last one is that of the rest. */
const MOST_CHOICES = 250;

export type Choices = {
  /** The receiver chooses so from now on. */
  join(chosen: Chosen): {
    /** Classes that count: one for each choice since the receiver began. */
    readonly classes: ReadonlySet<number>;
    /** The class of an interface: since which choice it is chosen without a break; -1: it is not. */
    readonly classOf: (name: string) => number;
    leave(): void;
  };
  readonly users: number;
};

export const createChoices = (): Choices => {
  const choices: Choice[] = [];
  let users = 0;
  return {
    join({ interfaces, exclude }) {
      users++;
      const text = JSON.stringify([interfaces, exclude]);
      if (choices.at(-1)?.text !== text && choices.length < MOST_CHOICES)
        choices.push({ text, shows: matchInterfaces({ interfaces, exclude }) });
      const upToNow = [...choices];
      const shows = matchInterfaces({ interfaces, exclude });
      let hasLeft = false;
      return {
        classes: new Set(upToNow.keys()),
        classOf(name) {
          if (!shows(name)) return -1;
          const before = upToNow.findLastIndex((choice) => !choice.shows(name));
          return Math.min(before + 1, upToNow.length - 1);
        },
        leave() {
          if (!hasLeft) users--;
          hasLeft = true;
        },
      };
    },
    get users() {
      return users;
    },
  };
};
