/** Labels of series as they stand between the braces. They are made once for each series. */
import type { Attribute, AttributeValue, BatchResource } from '../../core/batch.ts';
import { escapeName, labelName } from './names.ts';
import type { LabelChoice } from './resource-labels.ts';

export type LabelOptions = {
  /** On every series. */
  readonly constLabels: Readonly<Record<string, string>>;
  /** False: nothing tells the scope. */
  readonly withScope: boolean;
  /** Which attributes of the resource are labels. */
  readonly fromResource: LabelChoice;
};

export type Scope = { readonly name: string; readonly version: string };

/** What identifies a target, and the labels of its `target_info`; undefined when it has none. */
export type Target = { readonly job: string | undefined; readonly instance: string | undefined; readonly info: string | undefined };

type Pair = { readonly label: string; readonly key: string; readonly value: string };

const escapes: Readonly<Record<string, string>> = { '\\': String.raw`\\`, '\n': String.raw`\n`, '"': String.raw`\"` };
export const escapeValue = (text: string): string => text.toWellFormed().replace(/[\\\n"]/g, (character) => escapes[character]!);

/** Lists are JSON as Go writes it. */
const listText = (value: readonly string[]): string =>
  JSON.stringify(value)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);

const valueText = (value: AttributeValue): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? listText(value as readonly string[]) : String(value);

const textOf = (attributes: readonly Attribute[], name: string): string | undefined => {
  const found = attributes.find(([key]) => key === name);
  return found === undefined ? undefined : valueText(found[1]);
};

const order = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/** Labels in the order of their names; values of one label stand behind each other, parted by semicolons, in the order of the names of their attributes. */
const joined = (pairs: Pair[]): string => {
  pairs.sort((a, b) => order(a.label, b.label) || order(a.key, b.key));
  const parts: string[] = [];
  for (const [index, { label, value }] of pairs.entries()) {
    if (index > 0 && pairs[index - 1]!.label === label) parts[parts.length - 1] = `${parts.at(-1)!.slice(0, -1)};${escapeValue(value)}"`;
    else parts.push(`${label}="${escapeValue(value)}"`);
  }
  return parts.join(',');
};

const MAX_KNOWN_NAMES = 10_000;
const serviceNames: ReadonlySet<string> = new Set(['service.name', 'service.namespace', 'service.instance.id']);

export const createLabeller = ({ constLabels, withScope, fromResource }: LabelOptions) => {
  const constants = Object.entries(constLabels).map(([key, value]): Pair => ({ label: escapeName(key), key, value }));
  const names = new Map<string, string | undefined>();
  const targets = new WeakMap<BatchResource, Target>();
  const nameOf = (attribute: string): string | undefined => {
    let name = names.get(attribute);
    if (name === undefined && !names.has(attribute)) {
      if (names.size >= MAX_KNOWN_NAMES) names.clear();
      names.set(attribute, (name = labelName(attribute)));
    }
    return name;
  };

  /** Undefined when an attribute has a name of which nothing is left. */
  const pairsOf = (attributes: Iterable<Attribute>): Pair[] | undefined => {
    const pairs: Pair[] = [];
    for (const [key, value] of attributes) {
      const label = nameOf(key);
      if (label === undefined) return undefined;
      pairs.push({ label, key, value: valueText(value) });
    }
    return pairs;
  };

  const infoOf = (attributes: readonly Attribute[], job: string, instance: string): string | undefined => {
    const pairs = pairsOf(attributes.filter(([name]) => !serviceNames.has(name)));
    if (pairs === undefined) return undefined;
    const others = pairs.filter(({ label }) => label !== 'job' && label !== 'instance');
    return joined([...others, { label: 'job', key: '', value: job }, { label: 'instance', key: '', value: instance }]);
  };

  const targetOf = (resource: BatchResource): Target => {
    let target = targets.get(resource);
    if (target === undefined) {
      const { attributes } = resource;
      const [service, namespace] = [textOf(attributes, 'service.name'), textOf(attributes, 'service.namespace')];
      const job = service === undefined || namespace === undefined ? service : `${namespace}/${service}`;
      const instance = textOf(attributes, 'service.instance.id');
      const info = job && instance ? infoOf(attributes, job, instance) : undefined;
      targets.set(resource, (target = { job, instance, info }));
    }
    return target;
  };

  return {
    targetOf,
    /** Undefined when it has a label that cannot be named. `taken` are labels that the format itself puts there. */
    labelsOf(attributes: readonly Attribute[], resource: BatchResource, { name, version }: Scope, taken?: string): string | undefined {
      const copied = resource.attributes.filter(([key]) => fromResource(key));
      const pairs = pairsOf(copied.length === 0 ? attributes : new Map<string, AttributeValue>([...attributes, ...copied]));
      if (pairs === undefined) return undefined;
      const free = pairs.map((pair) =>
        pair.label === taken || pair.label.startsWith('__')
          ? { ...pair, label: `exported${pair.label.startsWith('_') ? '' : '_'}${pair.label}` }
          : pair,
      );
      const add = (label: string, value: string | undefined): void => {
        if (value !== undefined) free.push({ label, key: '', value });
      };
      if (withScope) {
        add('otel_scope_name', name);
        add('otel_scope_version', version);
        add('otel_scope_schema_url', '');
      }
      const { job, instance } = targetOf(resource);
      add('job', job);
      add('instance', instance);
      return joined([...free, ...constants]);
    },
  };
};

export type Labeller = ReturnType<typeof createLabeller>;
