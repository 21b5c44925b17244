/** What the workload `tree` says of its processes, beside the spans of them. */

export type Told = {
  readonly label: string;
  readonly parent: string;
  /** In its own pid namespace. */
  readonly pid: number;
  readonly firstNs: bigint;
  readonly lastNs: bigint;
  /** An exit code, `signal-N`, or `replaced` by an exec. */
  readonly how: string;
};

/** Lines of its output, in words. */
export const toldBy = (lines: readonly (readonly string[])[]): readonly Told[] =>
  lines
    .filter(([word]) => word === 'span')
    .map(([, label = '', parent = '', pid, first = '0', last = '0', how = '']) => ({
      label,
      parent,
      pid: Number(pid),
      firstNs: BigInt(first),
      lastNs: BigInt(last),
      how,
    }));

/** As much of a span as tells which program it is of. */
export type ShownSpan = {
  readonly spanId: string;
  readonly parentId: string;
  /** Undefined: it only forked. */
  readonly args: readonly string[] | undefined;
  /** In its own pid namespace. */
  readonly pid: number;
  /** An exit code, `signal-N`, or `replaced`. */
  readonly end: string;
};

/** `root`, `chain-2`, the label of a leaf; what only forked is known by its process. */
export const labelOf = ({ args, pid }: Pick<ShownSpan, 'args' | 'pid'>, told: readonly Told[]): string => {
  if (args === undefined) return told.find((one) => one.pid === pid && one.how !== '')?.label ?? '?';
  const [, what, label = ''] = args;
  return what === 'leaf' ? label : what === 'chain' ? `chain-${label}` : (what ?? '?');
};

/** A line each, sorted; a parent that is not among the spans is `-`. */
export const shownTree = (spans: readonly ShownSpan[], told: readonly Told[]): readonly string[] => {
  const labels = new Map(spans.map((span) => [span.spanId, labelOf(span, told)]));
  return spans.map((span) => `${labels.get(span.spanId)} below ${labels.get(span.parentId) ?? '-'}: ${span.end}`).toSorted();
};
/** The same of what was told. */
export const toldTree = (told: readonly Told[]): readonly string[] =>
  told.map(({ label, parent, how }) => `${label} below ${parent}: ${how}`).toSorted();
