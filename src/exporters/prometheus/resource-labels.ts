/** Which attributes of a resource are labels of every series. */

/** Whether the attribute of this name is one. */
export type LabelChoice = (attribute: string) => boolean;

export type ResourceLabelOptions = {
  readonly resource_to_telemetry_conversion: { readonly enabled: boolean; readonly exclude_service_attributes: boolean };
  readonly resource_constant_labels: { readonly included: readonly string[]; readonly excluded: readonly string[] };
};

const serviceNames: ReadonlySet<string> = new Set(['service.name', 'service.namespace', 'service.instance.id']);

/** `*` stands for any characters, `?` for one. */
const patternOf = (glob: string): RegExp => {
  const text = glob
    .replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
    .replaceAll(String.raw`\*`, '.*')
    .replaceAll(String.raw`\?`, '.');
  return new RegExp(`^${text}$`, 'su');
};

const remembered = (choice: LabelChoice): LabelChoice => {
  const known = new Map<string, boolean>();
  return (name) => {
    let answer = known.get(name);
    if (answer === undefined) {
      if (known.size >= 10_000) known.clear();
      known.set(name, (answer = choice(name)));
    }
    return answer;
  };
};

export const labelChoice = (options: ResourceLabelOptions): LabelChoice => {
  const { resource_to_telemetry_conversion: all, resource_constant_labels: some } = options;
  const [included, excluded] = [some.included.map(patternOf), some.excluded.map(patternOf)];
  if (included.length + excluded.length > 0)
    return remembered(
      (name) => !excluded.some((one) => one.test(name)) && (included.length === 0 || included.some((one) => one.test(name))),
    );
  if (!all.enabled) return () => false;
  return all.exclude_service_attributes ? (name) => !serviceNames.has(name) : () => true;
};
