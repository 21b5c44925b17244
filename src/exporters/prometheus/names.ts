/**
 * Names as the Collector's exporter for Prometheus makes them of those of OpenTelemetry.
 * Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md; the tables of units are those of Prometheus' translator of OTLP.
 */

/** What a family is on the page. */
export type FamilyKind = 'counter' | 'gauge' | 'histogram';

export type MetricNaming = {
  /** Stands in front of every name. */
  readonly namespace: string;
  /** Whether the unit and `_total` are put behind names. */
  readonly suffixes: boolean;
};

export type NamedMetric = {
  readonly name: string;
  /** UCUM. */
  readonly unit: string;
  readonly kind: FamilyKind;
  /** A gauge that is one in OpenTelemetry too, not a sum that goes up and down. */
  readonly isGauge: boolean;
};

const units: ReadonlyMap<string, string> = new Map([
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
  ['s', 'seconds'],
  ['ms', 'milliseconds'],
  ['us', 'microseconds'],
  ['ns', 'nanoseconds'],
  ['By', 'bytes'],
  ['KiBy', 'kibibytes'],
  ['MiBy', 'mebibytes'],
  ['GiBy', 'gibibytes'],
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['MBy', 'megabytes'],
  ['GBy', 'gigabytes'],
  ['TBy', 'terabytes'],
  ['m', 'meters'],
  ['V', 'volts'],
  ['A', 'amperes'],
  ['J', 'joules'],
  ['W', 'watts'],
  ['g', 'grams'],
  ['Cel', 'celsius'],
  ['Hz', 'hertz'],
  ['1', ''],
  ['%', 'percent'],
]);

const perUnits: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
]);

/** What a name may hold beside `_`, which parts its words. */
const wordsOf = (name: string): string[] => name.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== '');

/** Every character that may not stand in a name as one underscore. */
export const escapeName = (name: string): string => name.replace(/[^a-zA-Z0-9_:]/gu, '_').replace(/^\d/, '_');

const unitWord = (unit: string): string =>
  unit
    .replace(/[^a-zA-Z0-9:]/gu, '_')
    .replace(/_+/g, '_')
    .replace(/^_/, '');

const translated = (part: string, table: ReadonlyMap<string, string>): string => {
  const unit = part.trim();
  return /[{}]/.test(unit) ? '' : (table.get(unit) ?? unit);
};

/** `By/s` → `bytes`, `per_second`. What stands in braces is a remark. */
const unitWordsOf = (unit: string): readonly string[] => {
  const slash = unit.indexOf('/');
  const [over, under] = slash < 0 ? [unit, ''] : [unit.slice(0, slash), unit.slice(slash + 1)];
  const main = unitWord(translated(over, units));
  const per = unitWord(translated(under, perUnits)).replace(/_$/, '');
  return per === '' ? [main] : [main.replace(/_$/, ''), `per_${per}`];
};

const suffixed = ({ name, unit, kind, isGauge }: NamedMetric, namespace: string): string => {
  let words = wordsOf(name);
  for (const word of unitWordsOf(unit)) if (word !== '' && !words.includes(word)) words.push(word);
  const last = kind === 'counter' ? 'total' : isGauge && unit === '1' ? 'ratio' : undefined;
  if (last !== undefined) words = [...words.filter((word) => word !== last), last];
  if (namespace !== '') words.unshift(namespace);
  const joined = words.join('_');
  return /^\d/.test(joined) ? `_${joined}` : joined;
};

const plain = (name: string, namespace: string): string => {
  const join = (text: string) => text.split(/[^a-zA-Z0-9:_]+/).filter((word) => word !== '').join('_'); // prettier-ignore
  const joined = join(name);
  return namespace !== '' ? `${join(namespace)}_${joined}` : /^\d/.test(joined) ? `_${joined}` : joined;
};

/** The name of the family; undefined when nothing is left of it. */
export const familyName = (metric: NamedMetric, { namespace, suffixes }: MetricNaming): string | undefined => {
  const name = escapeName(suffixes ? suffixed(metric, namespace) : plain(metric.name, namespace));
  return name === '' || (name !== metric.name && /^_+$/.test(name)) ? undefined : name;
};

/** The name of a label; undefined when nothing is left of it. */
export const labelName = (attribute: string): string | undefined => {
  if (attribute === '') return undefined;
  const isReserved = attribute.length >= 4 && attribute.startsWith('__') && attribute.endsWith('__');
  const word = (isReserved ? attribute.slice(2, -2) : attribute).replace(/[^a-zA-Z0-9]+/g, '_');
  const name = isReserved ? `__${word}__` : word;
  const whole = /^\d/.test(name) ? `key_${name}` : /^_(?!_)/.test(name) ? `key${name}` : name;
  return /^_*$/.test(whole) ? undefined : whole;
};

/** Name of the family that tells the attributes of resources. */
export const targetInfoName = (namespace: string): string => {
  const prefix = labelName(namespace);
  return prefix === undefined ? 'target_info' : `${prefix}_target_info`;
};
