import type { Breath } from './breath.ts';
import { readLines } from './lines.ts';

/** fe80::/10 */
export const isLinkLocal = (address: Uint8Array): boolean => address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;

/** The address as if_inet6 writes it. */
export const addressKey = (address: Uint8Array): string =>
  Buffer.from(address.buffer, address.byteOffset, address.byteLength).toString('hex');

const row = /^([0-9a-f]{32}) [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ +(\S+)$/;

/**
 * Interfaces by their link-local addresses; an address that several have is not in it. `folder`: of a process in procfs. Source: net/ipv6/addrconf.c.
 */
export const readZones = async (folder: string, breath: Breath): Promise<ReadonlyMap<string, Uint8Array>> => {
  const zones = new Map<string, Uint8Array>();
  const ambiguous = new Set<string>();
  await readLines(`${folder}/net/if_inet6`, breath, { hasTitle: false }, (bytes, start, end) => {
    const match = row.exec(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end));
    if (match === null) return;
    if (zones.has(match[1]!)) ambiguous.add(match[1]!);
    zones.set(match[1]!, Uint8Array.from(Buffer.from(match[2]!, 'latin1')));
  });
  for (const address of ambiguous) zones.delete(address);
  return zones;
};
