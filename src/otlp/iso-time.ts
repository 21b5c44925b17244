/** Times as ISO 8601 text in UTC with microseconds, as `process.creation.time` has them. */

/** Length of `2026-11-21T02:45:02.123456Z`. */
export const ISO_TIME_LENGTH = 27;

/**
 * Whole microseconds of 64-bit nanoseconds in two unsigned halves, exact: 2^64 ns are 1.8e16 µs, and every such time before the year
 * 2255 stays below 2^53.
 */
export const usOfNs = (lo: number, hi: number): number =>
  Math.floor(hi / 1000) * 0x1_0000_0000 + Math.floor(((hi % 1000) * 0x1_0000_0000 + lo) / 1000);

/** `value` is below 2^31; two digits. */
const put2Digits = (out: Uint8Array, at: number, value: number): number => {
  const tens = (value / 10) | 0;
  out[at] = 0x30 + tens;
  out[at + 1] = 0x30 + value - tens * 10;
  return at + 2;
};

/** Where the microseconds begin in the text. */
export const MICROS_AT = 20;

/** Six digits; `micros` is below a million. Returns the position behind them. */
export const putMicros = (out: Uint8Array, at: number, micros: number): number => {
  const upper = (micros / 100) | 0;
  const top = (upper / 100) | 0;
  at = put2Digits(out, at, top);
  at = put2Digits(out, at, upper - top * 100);
  return put2Digits(out, at, micros - upper * 100);
};

const DAY_SECONDS = 86_400;
/** `2026-11-21T` of the day that was written last: the calendar is reckoned once a day and not once a time. */
const dayText = new Uint8Array(11);
let dayInText = -1;

/** Writes ISO_TIME_LENGTH bytes. `unixUs` is not negative and lies before the year 10000. */
export const putIsoTime = (out: Uint8Array, at: number, unixUs: number): number => {
  const seconds = Math.floor(unixUs / 1e6);
  const day = Math.floor(seconds / DAY_SECONDS);
  const secondOfDay = (seconds - day * DAY_SECONDS) | 0;
  if (day !== dayInText) {
    new TextEncoder().encodeInto(new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, dayText.length), dayText);
    dayInText = day;
  }
  for (let i = 0; i < dayText.length; i++) out[at + i] = dayText[i]!;
  const minute = (secondOfDay / 60) | 0;
  const hour = (minute / 60) | 0;
  at = put2Digits(out, at + dayText.length, hour);
  out[at] = 0x3a;
  at = put2Digits(out, at + 1, minute - hour * 60);
  out[at] = 0x3a;
  at = put2Digits(out, at + 1, secondOfDay - minute * 60);
  out[at] = 0x2e;
  at = putMicros(out, at + 1, (unixUs - seconds * 1e6) | 0);
  out[at] = 0x5a;
  return at + 1;
};

/** The same as text. */
export const isoTimeOfUs = (unixUs: number): string => {
  const micros = unixUs % 1000;
  return `${new Date((unixUs - micros) / 1000).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
};
