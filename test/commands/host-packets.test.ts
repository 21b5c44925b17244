/** What `validate` says of interfaces of this host to receivers of packets. */
import { describe, expect, it } from 'vitest';
import { packetFindings, type PacketsAsked } from '../../src/commands/host/packets.ts';
import type { PacketProbe, ProbedLink } from '../../src/kernel/packets/probe.ts';
import { packetsCheck, type ProbeReport } from '../../src/kernel/probe.ts';

const ETHERNET = 1;
const LOOPBACK = 772;
const CAN = 280;
const link = (name: string, kind = '', driver = '', type = ETHERNET): ProbedLink => ({ name, kind, driver, type });
const links: readonly ProbedLink[] = [
  link('lo', '', '', LOOPBACK),
  { ...link('eth0', '', 'ixgbe'), xdp: { mode: 'native', id: 7, name: 'guard' } },
  link('eth1', '', 'ixgbe'),
  link('veth0', 'veth', 'veth'),
  link('can0', '', '', CAN),
];
const reportOf = (packets: Partial<PacketProbe> = {}): ProbeReport => {
  const probe: PacketProbe = { refused: '', tcx: true, isHost: true, links, ...packets };
  return { kernel: '6.12', arch: 'x86_64', checks: [packetsCheck(probe)], packets: probe };
};
const ask = (id: string, mode: string, interfaces: readonly string[] = [], exclude: readonly string[] = ['can0']): PacketsAsked => ({
  path: ['receivers', id],
  interfaces,
  exclude,
  mode,
});
const told = (asked: readonly PacketsAsked[], report = reportOf()) => {
  const { findings, summary } = packetFindings(asked, report);
  return [...findings.map(({ path, severity, message }) => `${severity} ${path.slice(1).join('.')}: ${message}`), summary];
};

describe('receivers of packets on this host', () => {
  it('have nothing to hear where all is well, or nobody asks', () => {
    expect(told([ask('packets', 'auto')])).toEqual(['packets are counted on 4 interfaces']);
    expect(told([])).toEqual(['']);
    expect(told([ask('packets', 'auto')], { kernel: '', arch: '', checks: [] })).toEqual(['']);
  });

  it('hear of names that nobody has now, and of interfaces that cannot be counted', () => {
    expect(told([ask('packets', 'auto', ['veth0', 'wlan*', 'can0'], [])])).toEqual([
      'warning packets.interfaces.1: no interface is called wlan* now; until one is, nothing is counted by it',
      'warning packets.mode: can0: not counted: its packets begin neither with Ethernet nor with IP (type 280)',
      'packets are counted on 1 interface',
    ]);
  });

  it('hear what native XDP costs, and who is in its place', () => {
    expect(told([ask('packets', 'xdp', ['eth*', 'veth*'])])).toEqual([
      'warning packets.mode: eth0: not counted: the native XDP program guard (id 7) is attached and stays',
      'warning packets.mode: veth0: native XDP on veth switches segmentation offload off: TCP through it becomes several times slower',
      'packets are counted on 2 interfaces',
    ]);
    expect(told([ask('packets', 'xdp_generic', ['eth0'])])).toEqual([
      'warning packets.mode: eth0: not counted: the native XDP program guard (id 7) is attached and stays',
      '',
    ]);
  });

  it('hear that a kernel has no tcx', () => {
    expect(told([ask('packets', 'tcx', ['veth0'])], reportOf({ tcx: false }))).toEqual([
      'warning packets.mode: veth0: not counted: this kernel has no tcx (6.6 and newer have it): use auto or clsact',
      '',
    ]);
    expect(told([ask('packets', 'auto', ['veth0'])], reportOf({ tcx: false }))).toEqual(['packets are counted on 1 interface']);
  });

  it('hear of each other where they ask for one interface in several modes', () => {
    expect(told([ask('packets', 'tcx', ['eth1', 'lo']), ask('packets/b', 'clsact'), ask('packets/c', 'clsact', ['veth0'])])).toEqual([
      'warning packets/b.mode: lo, eth1: packets asks for tcx; an interface is counted in one mode, of the receiver that asks first',
      'packets are counted on 4 interfaces',
    ]);
  });

  it('hear what is missing, once each', () => {
    expect(told([ask('packets', 'xdp', ['wlan0'])], reportOf({ refused: 'EPERM' }))).toEqual([
      'warning packets: packets cannot be counted; refused: EPERM; run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
      '',
    ]);
    expect(told([ask('packets', 'auto', ['veth0'])], reportOf({ isHost: false }))[0]).toMatch(
      /of a network namespace of its own, without the interfaces of the host; run it in the host's/,
    );
  });

  it('hear of a few names where there are many', () => {
    const many = Array.from({ length: 100 }, (_, i) => link(`veth${i}`, 'veth', 'veth'));
    const [first] = told([ask('packets', 'xdp')], reportOf({ links: many }));
    expect(first).toMatch(/^warning packets\.mode: veth0, .*, veth7 and 92 more: native XDP/);
  });
});

describe('the row of doctor', () => {
  it.each([
    [{}, true, 'counted: lo, eth0, veth0 by tcx; eth1 by xdp; can0 not at all'],
    [{ tcx: false, links: links.slice(3, 4) }, true, 'counted: veth0 by clsact'],
    [{ refused: 'EPERM' }, false, 'packets cannot be counted; refused: EPERM'],
    [{ isHost: undefined, links: [] }, true, 'there is no interface'],
  ])('%j', (packets, ok, detail) => expect(packetsCheck(reportOf(packets).packets!)).toMatchObject({ name: 'packets', ok, detail }));
});
