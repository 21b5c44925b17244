/** Wrong configurations made of right ones: by bytes, by tokens and by structure. The same seed makes the same ones. */
import { parse, stringify } from 'yaml';

export type Random = { below(limit: number): number; pick<T>(from: readonly T[]): T };

/** Mulberry32. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, pick: (from) => from[below(from.length)]! };
};

const splice = (text: string, at: number, remove: number, insert: string): string => text.slice(0, at) + insert + text.slice(at + remove);

const bytes = (text: string, { below, pick }: Random): string => {
  const buffer = Buffer.from(text);
  const at = below(buffer.length);
  const choice = below(4);
  if (choice === 0) buffer[at] = below(256);
  else if (choice === 1) buffer[at]! ^= 1 << below(8);
  const out = buffer.toString();
  if (choice === 2) return splice(out, below(out.length), 1 + below(20), '');
  return choice === 3
    ? splice(out, below(out.length), 0, pick(['\t', '\n', '\r', '\0', '\u2028', '\ufeff', '\u0085', '  ', '\ud800']))
    : out;
};

const nasty = [
  ...'[ ] { } , : - ? & * ! | > % @ ` " \' # ~ $ ${ } $$ << --- ... \\'.split(' '),
  ': ',
  '- ',
  '? ',
  '&a ',
  '*a',
  '!!map ',
  '!!binary ',
  '!x ',
  '|\n',
  '>-\n',
  '\n',
  '\n  ',
  '\n    ',
  '\t',
  '%YAML 1.2\n',
  '\n---\n',
  '\n...\n',
  'null',
  'true',
  '.nan',
  '.inf',
  '-1',
  '0x7f',
  '1e999',
  '9007199254740993',
  '0o7',
  '5s',
  '8MiB',
  '99999999999h',
  '-5s',
  '5s5',
  '1e3s',
  '${env:TOKEN}',
  '${env:NOPE}',
  '${NOPE:-[a, b]}',
  '${file:/dev/zero}',
  '${file:/etc}',
  '${file:}',
  '${x:y}',
  '${${}}',
  '${env:',
  '__proto__',
  'constructor',
  'toString',
  'logs',
  'metrics',
  'traces',
  'otlp',
  'otlp_grpc',
  'otlphttp',
  'debug/',
  '/x',
  'receivers',
  'service',
  '<<: *a',
  '<<: [*a, *b]',
  '{a: &a [*a]}',
  '"\\x"',
  '"\\u12"',
  "'",
  '[[[[[[[[',
  '{{{{{{{{',
  'x'.repeat(5000),
  '- '.repeat(100),
];

const tokens = (text: string, { below, pick }: Random): string => {
  const parts = text.split(/(\s+|[[\]{},:"'#&*$-])/);
  const at = below(parts.length);
  const other = below(parts.length);
  const choice = below(5);
  if (choice === 0) parts[at] = pick(nasty);
  else if (choice === 1) parts.splice(at, 0, pick(nasty));
  else if (choice === 2) parts.splice(at, 1 + below(3));
  else if (choice === 3) [parts[at], parts[other]] = [parts[other]!, parts[at]!];
  else parts.splice(at, 0, ...parts.slice(other, other + 1 + below(30)));
  return parts.join('');
};

const values: readonly unknown[] = [
  '',
  'a',
  'logs',
  '0',
  '-1',
  '5s',
  '8MiB',
  '1e9h',
  '/',
  'a/b',
  '${env:TOKEN}',
  '${env:NOPE:-7}',
  '$',
  'x'.repeat(3000),
  '\u0000',
  '[REDACTED]',
  0,
  -1,
  1.5,
  2 ** 53,
  Number.NaN,
  Infinity,
  true,
  false,
  null,
  [],
  {},
  [[]],
  [null],
  { a: null },
  [{}],
  { '': '' },
  ['a', 'a'],
  Array.from({ length: 50 }, (_, index) => index),
  Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 1),
  Array.from({ length: 70 }).reduce<unknown>((inner) => ({ a: inner }), 1),
];

type Slot = { readonly holder: Record<string, unknown> | unknown[]; readonly key: string | number };

/** Of a value that may contain itself. */
const slots = (value: unknown, found: Slot[] = [], seen = new Set<unknown>()): Slot[] => {
  if (typeof value !== 'object' || value === null || seen.has(value) || seen.size > 500) return found;
  seen.add(value);
  const holder = value as Record<string, unknown>;
  for (const key of Object.keys(value)) {
    found.push({ holder, key });
    slots(holder[key], found, seen);
  }
  return found;
};

/** A value that may well be right. */
const tweaked = (value: unknown): unknown => {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value * 2;
  return typeof value === 'string' && /^\d/.test(value) ? `1${value}` : null;
};

const structure = (text: string, { below, pick }: Random): string => {
  let root: unknown;
  try {
    root = parse(text, { logLevel: 'silent', maxAliasCount: 10, resolveKnownTags: false });
  } catch {
    return text;
  }
  const all = slots(root);
  if (all.length === 0) return text;
  const { holder, key } = pick(all);
  const map = holder as Record<string | number, unknown>;
  const choice = below(12);
  if (choice === 0) map[key] = structuredClone(pick(values));
  else if (choice === 1 || choice > 8) delete map[key];
  else if (choice > 5) map[key] = tweaked(map[key]);
  else if (choice === 2) {
    const other = pick(all);
    map[key] = structuredClone((other.holder as Record<string | number, unknown>)[other.key]);
  } else if (choice === 3) map[pick([...nasty, ...all.map((slot) => String(slot.key))])] = map[key];
  else if (choice === 4) {
    const name = String(key);
    const at = below(name.length + 1);
    map[splice(name, at, below(2), pick(['', 'x', '/', ' ', '_']))] = map[key];
    delete map[key];
  } else if (Array.isArray(holder)) holder.push(map[key]);
  else map[key] = { [key]: map[key] };
  try {
    return stringify(root, { aliasDuplicateObjects: below(2) === 0 });
  } catch {
    return text;
  }
};

/** One to eight changes, mostly few; half of the time of the structure only, since most others are wrong YAML. */
export const mutate = (text: string, random: Random): string => {
  const ways = random.below(2) === 0 ? [structure] : [bytes, tokens, tokens, structure, structure];
  let out = text;
  for (let left = 1 + Math.min(random.below(8), random.below(8), random.below(8)); left > 0; left--) out = random.pick(ways)(out, random);
  return out;
};
