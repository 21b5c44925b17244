/** At most so many at a time; the others wait in line. Their number is bounded by whoever sends. */
export type Slots = {
  /** True: there is one, to be given back. False: there was none within `timeoutMs`, which may be left out. */
  take(timeoutMs?: number): Promise<boolean>;
  give(): void;
};

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
        const giveUp = (): void => {
          line.splice(line.indexOf(settle), 1);
          settle(false);
        };
        const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, Math.max(1, timeoutMs));
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
