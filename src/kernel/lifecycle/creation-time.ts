/** `process.creation.time` straight to OTLP bytes. */
import { attributeName } from '../../otlp/names.ts';
import { ISO_TIME_LENGTH, isoTimeOfUs, putIsoTime, usOfNs } from '../../otlp/iso-time.ts';
import { encodeAttributes } from '../../otlp/wire.ts';

/**
 * Unix time in µs of a boot time in ns, rounded down, without bigint: both are 64-bit numbers in halves, `offset` is what turns boot
 * time into Unix time.
 */
export const wallMicros = (bootLo: number, bootHi: number, offsetLo: number, offsetHi: number): number => {
  const low = bootLo + offsetLo;
  return usOfNs(low >>> 0, (bootHi + offsetHi + (low >= 0x1_0000_0000 ? 1 : 0)) >>> 0);
};

export const creationTimeText = isoTimeOfUs;

/** Everything before the text; all times are of one length. */
const prefix = encodeAttributes([[attributeName.processCreationTime, isoTimeOfUs(0)]]).slice(0, -ISO_TIME_LENGTH);
export const CREATION_TIME_SIZE = prefix.length + ISO_TIME_LENGTH;

/** Appends the attribute for a Unix time in µs; returns the position behind it. */
export const putCreationTime = (out: Uint8Array, at: number, unixUs: number): number => {
  for (let i = 0; i < prefix.length; i++) out[at++] = prefix[i]!;
  return putIsoTime(out, at, unixUs);
};
