/** How speed is judged: interleaved rounds in one run, medians with their quartiles, ratios to a reference of the same run. */

/** CPU time of the whole process, all threads, ns. */
export const cpuNs = async (work: () => void | Promise<void>): Promise<number> => {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
};

/** Not more than a share `p` of the values is above it. */
export const quantile = (values: readonly number[], p: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * p) - 1)]!;

export type Quartiles = { readonly low: number; readonly median: number; readonly high: number };

export const quartiles = (values: readonly number[]): Quartiles => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
};

/** Ratios round by round: both halves of a pair had the same machine. */
export const ratios = (values: readonly number[], reference: readonly number[]): Quartiles =>
  quartiles(values.map((value, round) => value / reference[round]!));

export const show = ({ low, median, high }: Quartiles, digits = 0): string =>
  `${median.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
