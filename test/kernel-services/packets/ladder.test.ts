import { expect, test } from 'vitest';
import type { NativeLink } from '../../../src/kernel/addon.ts';
import { ladderOf } from '../../../src/kernel/packets/ladder.ts';
import type { PacketMode } from '../../../src/kernel/packets/needs.ts';
import { linkOf } from './fakes.ts';

const card = (driver: string): NativeLink => linkOf(2, 'eth0', { kind: '', driver });
const veth = linkOf(3, 'veth0');
const lo = linkOf(1, 'lo', { kind: '', type: 772 });
const tun = linkOf(4, 'tun0', { kind: 'tun', type: 65_534 });

test.each<[what: string, link: NativeLink, mode: PacketMode, tcx: boolean, modes: readonly string[], note: string]>([
  ['a card, automatic', card('ice'), 'auto', true, ['xdp', 'tcx', 'clsact'], ''],
  ['a card without tcx', card('ice'), 'auto', false, ['xdp', 'clsact'], ''],
  ['a card of a virtual machine', card('virtio_net'), 'auto', true, ['tcx', 'clsact'], 'virtio_net would switch off'],
  ['a card of a virtual machine, asked for', card('virtio_net'), 'xdp', true, ['xdp'], 'virtio_net switch off'],
  ['an Ethernet device without a driver', card(''), 'auto', true, ['tcx', 'clsact'], ''],
  ['veth, automatic', veth, 'auto', true, ['tcx', 'clsact'], ''],
  ['veth without tcx', veth, 'auto', false, ['clsact'], 'no tcx'],
  ['veth, native asked for', veth, 'xdp', true, ['xdp'], 'segmentation offload'],
  ['veth, generic', veth, 'xdp_generic', true, ['xdp_generic'], ''],
  ['lo', lo, 'auto', true, ['tcx', 'clsact'], ''],
  ['lo, generic', lo, 'xdp_generic', true, ['xdp_generic'], ''],
  ['tcx where there is none', veth, 'tcx', false, [], 'no tcx'],
  ['clsact where there is tcx', veth, 'clsact', true, ['clsact'], ''],
  ['packets that begin with IP', tun, 'auto', true, ['tcx', 'clsact'], ''],
  ['packets that begin with IP, XDP', tun, 'xdp_generic', true, [], 'no Ethernet header'],
  ['packets of another kind', linkOf(5, 'can0', { kind: 'vcan', type: 280 }), 'auto', true, [], 'type 280'],
  ['interfaces that are one, native', linkOf(6, 'bond0', { kind: 'bond' }), 'xdp', true, [], 'interfaces that it joins'],
  ['interfaces that are one', linkOf(6, 'bond0', { kind: 'bond' }), 'auto', true, ['tcx', 'clsact'], ''],
])('%s', (_, link, mode, tcx, modes, note) => {
  const ladder = ladderOf(link, mode, tcx);
  expect(ladder.modes).toEqual(modes);
  expect([ladder.note.includes(note), ladder.note === '']).toEqual([true, note === '']);
});
