import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** A whole collection, now: tens of milliseconds in which nothing else runs. */
export const collectGarbage = (): void => {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    // only those who ask for it have it
    setFlagsFromString('--no-expose-gc');
  }
  collect();
};
