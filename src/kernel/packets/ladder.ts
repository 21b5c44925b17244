/** Which ways of counting are tried on an interface, from best to worst. */
import type { NativeHook, NativeLink } from '../addon.ts';
import type { PacketMode } from './needs.ts';

/** What an interface is judged by. */
export type JudgedLink = Pick<NativeLink, 'type' | 'kind' | 'driver'>;

export type HookMode = NativeHook['kind'];

export type Ladder = {
  readonly modes: readonly HookMode[];
  /** Why not better, or why not at all; empty when it is as it was asked for. */
  readonly note: string;
};

/** linux/if_arp.h. */
const ETHERNET = 1;
const LOOPBACK = 772;
const RAW_IP: ReadonlySet<number> = new Set([512 /* PPP */, 519 /* RAWIP */, 65_534 /* NONE: tun, wireguard */]);

/**
 * Cards of virtual machines whose drivers switch off what makes TCP fast (segments joined or split by the host), or connect anew, when native XDP comes:
 * `*_xdp_set` in their sources. Others only set up their queues anew.
 */
const COSTLY_NATIVE: ReadonlySet<string> = new Set(['virtio_net', 'vmxnet3', 'hv_netvsc', 'netfront', 'xen_netfront', 'vif']);

const NO_TCX = 'this kernel has no tcx (6.6 and newer have it)';

/** Whether its packets begin with the IP header. */
export const isRaw = ({ type }: Pick<JudgedLink, 'type'>): boolean => RAW_IP.has(type);

/** A card of its own, whose driver may have native XDP. */
const isCard = ({ type, kind, driver }: JudgedLink): boolean => type === ETHERNET && kind === '' && driver !== '';

const automatic = (link: JudgedLink, tcx: boolean): Ladder => {
  const behind: readonly HookMode[] = tcx ? ['tcx', 'clsact'] : ['clsact'];
  if (!isCard(link)) return { modes: behind, note: tcx ? '' : NO_TCX };
  if (!COSTLY_NATIVE.has(link.driver)) return { modes: ['xdp', ...behind], note: '' };
  return { modes: behind, note: `not by native XDP, for which ${link.driver} would switch off what makes TCP fast` };
};

/** What native XDP costs where `auto` would not take it. */
const nativeNote = (link: JudgedLink): string => {
  if (link.kind === 'veth') return 'native XDP on veth switches segmentation offload off: TCP through it becomes several times slower';
  if (COSTLY_NATIVE.has(link.driver)) return `native XDP makes ${link.driver} switch off what makes TCP fast`;
  return '';
};

/** `tcx`: whether this kernel has it. */
export const ladderOf = (link: JudgedLink, mode: PacketMode, tcx: boolean): Ladder => {
  const nothing = (note: string): Ladder => ({ modes: [], note });
  const raw = isRaw(link);
  if (!raw && link.type !== ETHERNET && link.type !== LOOPBACK)
    return nothing(`its packets begin neither with Ethernet nor with IP (type ${link.type})`);
  switch (mode) {
    case 'auto':
      return automatic(link, tcx);
    case 'tcx':
      return tcx ? { modes: ['tcx'], note: '' } : nothing(`${NO_TCX}: use auto or clsact`);
    case 'clsact':
      return { modes: ['clsact'], note: '' };
    default:
      if (raw) return nothing('its packets have no Ethernet header, which XDP needs: use auto, tcx or clsact');
      if (link.kind === 'bond') return nothing('XDP counts under the names of the interfaces that it joins: ask for these, or use auto');
      return { modes: [mode], note: mode === 'xdp' ? nativeNote(link) : '' };
  }
};
