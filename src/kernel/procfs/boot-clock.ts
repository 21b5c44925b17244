import { readLatin1 } from './read.ts';

/** Boot time in ns from the text of /proc/uptime (hundredths of a second); undefined when it is something else. */
export const parseUptimeNs = (text: string): bigint | undefined => {
  const match = /^(\d+)\.(\d{2}) /.exec(text);
  return match === null ? undefined : (BigInt(match[1]!) * 100n + BigInt(match[2]!)) * 10_000_000n;
};

/** ns */
export type BootClock = { readonly bootNs: bigint; readonly wallOffsetNs: bigint };

/** Boot time now and what turns it into Unix time, ns, to about 10 ms: as good as procfs is without a native clock. */
export const readBootClock = async (root: string, nowMs: () => number): Promise<BootClock | undefined> => {
  const text = await readLatin1(`${root}/proc/uptime`, 128);
  const bootNs = text.ok ? parseUptimeNs(text.value) : undefined;
  return bootNs === undefined ? undefined : { bootNs, wallOffsetNs: BigInt(Math.trunc(nowMs() * 1e6)) - bootNs };
};
