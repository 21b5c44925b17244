/**
 * Values that stand in YAML with a unit. Use `.prefault('50ms')` for a default (it is parsed like what a user writes) and
 * `.describe()` for the documentation.
 */
import { z } from 'zod';

const durationPart = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gy;
const msPerUnit: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** setTimeout cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds of `50ms`, `1.5s`, `1h30m` or `0`; undefined when the text is none of these. Units as in Go: ns, us, ms, s, m, h. */
export const parseDurationMs = (text: string): number | undefined => {
  if (text === '0') return 0;
  durationPart.lastIndex = 0;
  let sumMs = 0;
  let end = 0;
  for (let part = durationPart.exec(text); part !== null; part = durationPart.exec(text)) {
    sumMs += Number(part[1]) * msPerUnit[part[2]!]!;
    end = durationPart.lastIndex;
  }
  return end === 0 || end !== text.length ? undefined : sumMs;
};

/** `1500` → `1.5s`; the shortest exact form with one unit. */
export const formatDuration = (ms: number): string => {
  for (const unit of ['h', 'm', 's'] as const) {
    const count = ms / msPerUnit[unit]!;
    if (count >= 1 && Number.isInteger(count * 10)) return `${count}${unit}`;
  }
  return `${ms}ms`;
};

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};

/** Bytes of `8MiB`, `64 KiB`, `1MB` or `32768`; undefined when the text is none of these. */
export const parseByteSize = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : byteUnits[match[2]!.toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
};

/** `8388608` → `8MiB`. */
export const formatByteSize = (bytes: number): string => {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
};

export type DurationLimits = { readonly minMs?: number; readonly maxMs?: number };

/** A duration with a unit, such as `50ms`, `5m` or `1h30m`. Output: milliseconds, within the limits (default 0 to 24 days). */
export const duration = (limits: DurationLimits = {}) => {
  const { minMs = 0, maxMs = LONGEST_TIMER_MS } = limits;
  return z
    .union([z.string(), z.literal(0)], { error: 'not a duration; write it with a unit, as in 50ms, 5s or 1h30m' })
    .transform((value, context) => {
      const ms = parseDurationMs(String(value).trim());
      if (ms === undefined) {
        context.addIssue({ code: 'custom', message: 'not a duration; write it with a unit, as in 50ms, 5s or 1h30m' });
        return z.NEVER;
      }
      if (ms < minMs || ms > maxMs) {
        const most = maxMs === LONGEST_TIMER_MS ? '24 days' : formatDuration(maxMs);
        context.addIssue({ code: 'custom', message: `out of range; allowed is ${formatDuration(minMs)} to ${most}` });
        return z.NEVER;
      }
      return ms;
    })
    .meta({ unit: 'duration' });
};

export type ByteSizeLimits = { readonly min?: number; readonly max?: number; readonly powerOfTwo?: boolean };

/** A number of bytes, such as `8MiB`, `64KiB` or `32768`. Output: bytes, a whole number within the limits. */
export const byteSize = (limits: ByteSizeLimits = {}) => {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, powerOfTwo = false } = limits;
  const wrong = 'not a size; write a number of bytes or one with a unit, as in 32768, 64KiB or 8MiB';
  return z
    .union([z.string(), z.number()], { error: wrong })
    .transform((value, context) => {
      const bytes = parseByteSize(String(value).trim());
      if (bytes === undefined) {
        context.addIssue({ code: 'custom', message: wrong });
        return z.NEVER;
      }
      if (bytes < min || bytes > max) {
        const most = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${formatByteSize(max)}`;
        context.addIssue({ code: 'custom', message: `out of range; allowed is ${formatByteSize(min)}${most === '' ? ' or more' : most}` });
        return z.NEVER;
      }
      if (powerOfTwo && (bytes === 0 || !Number.isInteger(Math.log2(bytes)))) {
        context.addIssue({ code: 'custom', message: 'not a power of two; allowed is for instance 64KiB, 1MiB or 8MiB' });
        return z.NEVER;
      }
      return bytes;
    })
    .meta({ unit: 'bytes' });
};

export const REDACTED = '[REDACTED]';

/** A value that nobody sees by accident: it prints as `[REDACTED]` in text, JSON and inspection. `reveal` where it is sent, nowhere else. */
export type Secret = { reveal(): string; toString(): string; toJSON(): string };

/** Wraps a text. The text is held in a closure, so that no walk over properties finds it. */
export const createSecret = (text: string): Secret => {
  const shown = () => REDACTED;
  return Object.freeze({ reveal: () => text, toString: shown, toJSON: shown, [Symbol.for('nodejs.util.inspect.custom')]: shown });
};

/** True for what `createSecret` made. */
export const isSecret = (value: unknown): value is Secret =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Secret>).reveal === 'function';

/**
 * A text that must not be shown; `check` is of the text itself and its messages must not repeat it. The placeholder passes whatever the check
 * says, so that a printed configuration loads again. Output: a `Secret`.
 */
export const secret = (check: z.ZodType<string> = z.string()) =>
  z
    .string()
    .transform((text, context): Secret => {
      const checked = text === REDACTED ? undefined : check.safeParse(text);
      if (checked?.success === false) {
        for (const { message } of checked.error.issues) context.addIssue({ code: 'custom', message });
        return z.NEVER;
      }
      return createSecret(checked?.data ?? text);
    })
    .meta({ secret: true });

type DependentDefaults = (filled: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
const dependentDefaults = new WeakMap<z.ZodType, DependentDefaults>();

/** Tells what a map has for keys that are not written when that depends on the others; for those who show a configuration with its defaults. */
export const withDependentDefaults = <T extends z.ZodType>(schema: T, defaultsOf: DependentDefaults): T => {
  dependentDefaults.set(schema, defaultsOf);
  return schema;
};

/** What was told by `withDependentDefaults`; nothing for any other schema. */
export const dependentDefaultsOf = (schema: z.ZodType, filled: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  dependentDefaults.get(schema)?.(filled) ?? {};
