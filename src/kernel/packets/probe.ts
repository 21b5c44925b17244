/** What counting packets would find here: whether the programs can be loaded, which interfaces there are, and who is at them. Nothing is attached. */
import { readlinkSync } from 'node:fs';
import type { Addon, KernelFacts, NativeError, NativeLink } from '../addon.ts';
import { hasTcx } from './facts.ts';
import { loadPacketPrograms } from './programs.ts';

export type ProbedLink = Pick<NativeLink, 'name' | 'type' | 'kind' | 'driver'> & {
  /** An XDP program that is attached now. */
  readonly xdp?: { readonly mode: string; readonly id: number; readonly name: string };
};

export type PacketProbe = {
  /** errno name of what the kernel says of the programs; empty: they can be loaded. */
  readonly refused: string;
  readonly tcx: boolean;
  /** Whether these are the interfaces of the host; undefined: that cannot be told. */
  readonly isHost: boolean | undefined;
  readonly links: readonly ProbedLink[];
};

/** So many are asked who is at them. */
const MOST_ASKED = 256;

const namespaceOf = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
};

const tryLoad = async (addon: Addon, facts: KernelFacts): Promise<string> => {
  try {
    await loadPacketPrograms({ addon, facts, slots: 1 }).close();
    return '';
  } catch (error) {
    return (error as NativeError).code ?? 'EIO';
  }
};

const probeLink = async (addon: Addon, { index, name, type, kind, driver }: NativeLink, isAsked: boolean): Promise<ProbedLink> => {
  const xdp = isAsked ? await addon.xdpOn(index).catch(() => undefined) : undefined;
  return { name, type, kind, driver, ...(xdp === undefined ? {} : { xdp }) };
};

/** `procfsRoot`: where the procfs of the host is mounted. Takes some tens of milliseconds. */
export const probePackets = async (addon: Addon, facts: KernelFacts, procfsRoot: string): Promise<PacketProbe> => {
  const links = await addon.links().catch(() => []);
  const [own, first] = [namespaceOf('/proc/self/ns/net'), namespaceOf(`${procfsRoot}/1/ns/net`)];
  return {
    refused: await tryLoad(addon, facts),
    tcx: hasTcx(facts),
    isHost: own === undefined || first === undefined ? undefined : own === first,
    links: await Promise.all(links.map((link, i) => probeLink(addon, link, i < MOST_ASKED))),
  };
};
