/** When a process was created. */
import { usOfNs } from '../../otlp/iso-time.ts';

/**
 * Unix time in µs of a boot time in ns, rounded down, without bigint: both are 64-bit numbers in halves, `offset` is what turns boot
 * time into Unix time.
 */
export const wallMicros = (bootLo: number, bootHi: number, offsetLo: number, offsetHi: number): number => {
  const low = bootLo + offsetLo;
  return usOfNs(low >>> 0, (bootHi + offsetHi + (low >= 0x1_0000_0000 ? 1 : 0)) >>> 0);
};
