/** At most so many at a time; the others wait in line. Their number is bounded by whoever sends. */
export type Slots = {
  /** True: there is one, to be given back. False: there was none within `timeoutMs`. */
  take(timeoutMs: number): Promise<boolean>;
  give(): void;
};

/** The agent of Node counts a connection when it is there, not while it is being made, so it would make more than it may. */
export const createSlots = (count: number): Slots => {
  let free = count;
  const line: ((taken: boolean) => void)[] = [];
  return {
    async take(timeoutMs) {
      if (free > 0) {
        free--;
        return true;
      }
      return await new Promise((resolve) => {
        const settle = (taken: boolean): void => {
          clearTimeout(timer);
          resolve(taken);
        };
        const timer = setTimeout(
          () => {
            line.splice(line.indexOf(settle), 1);
            settle(false);
          },
          Math.max(1, timeoutMs),
        );
        line.push(settle);
      });
    },
    give() {
      const next = line.shift();
      if (next === undefined) free++;
      else next(true);
    },
  };
};
