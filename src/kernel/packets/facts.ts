/** What the kernel is asked by its BTF before packets are counted. */
import type { KernelFacts } from '../addon.ts';

export const packetFacts = { functions: ['tcx_link_attach'], helpers: ['xdp_get_buff_len'] } as const;

export type PacketFacts = Pick<KernelFacts, 'functions' | 'helpers'>;

/** Lists of programs at an interface, where several stand side by side (6.6). */
export const hasTcx = ({ functions }: PacketFacts): boolean => functions['tcx_link_attach'] === true;

/** XDP programs that take packets in several pieces (5.18). */
export const hasFrags = ({ helpers }: PacketFacts): boolean => helpers['xdp_get_buff_len'] === true;
