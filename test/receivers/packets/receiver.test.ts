import { describe, expect, it } from 'vitest';
import type { PacketsStatus } from '../../../src/kernel/packets/needs.ts';
import { packetsReceiver } from '../../../src/receivers/packets/index.ts';
import { setUp } from './support.ts';

const createReceiver = (options: Readonly<Record<string, unknown>>, status: PacketsStatus) => {
  const { kernel, logger, claims } = setUp();
  const settings = { id: 'packets', logger, kernel: { ...kernel, packets: () => status } };
  const receiver = packetsReceiver.create(settings as never, packetsReceiver.config.parse(options) as never);
  return { receiver, logger, claims };
};
const eth0 = { index: 2, name: 'eth0', mode: 'xdp', note: '' } as const;
const veth0 = { index: 3, name: 'veth0', mode: 'tcx', note: 'native XDP would switch GSO off' } as const;
const taken = { index: 4, name: 'eth1', mode: 'none', note: 'the XDP program 7 (other) is there' } as const;

describe('the receiver of packets', () => {
  it('has metrics only, and asks for nothing but packets, while somebody listens', () => {
    const { receiver, claims } = createReceiver({}, { rung: 'ebpf', notes: [], interfaces: [] });
    expect(receiver.logs$).toBeUndefined();
    expect(claims).toEqual([]);
    const first = receiver.metrics$!.subscribe();
    const second = receiver.metrics$!.subscribe();
    expect(claims).toEqual([{ needs: { interfaces: [], exclude: [], mode: 'auto' }, ended: false }]);
    first.unsubscribe();
    expect(claims[0]!.ended).toBe(false);
    second.unsubscribe();
    expect(claims[0]!.ended).toBe(true);
  });

  it('says at its start how each of its interfaces is counted, and why', async () => {
    const { receiver, logger } = createReceiver(
      { interfaces: ['eth0', 'veth*', 'wlan0'] },
      { rung: 'ebpf', notes: ['one note'], interfaces: [eth0, veth0, taken] },
    );
    receiver.metrics$!.subscribe();
    await receiver.start();
    const notes = ['one note', 'veth0: native XDP would switch GSO off', 'no interface is called wlan0 now'];
    expect(logger.lines).toEqual([
      {
        level: 'info',
        message: 'receiver started',
        fields: { receiver: 'packets', rung: 'ebpf', interfaces: { eth0: 'xdp', veth0: 'tcx' }, notes },
      },
    ]);
    expect(receiver.health?.()).toEqual({
      status: 'ok',
      message: notes.join('; '),
      details: { rung: 'ebpf', interfaces: 2, counted: 2, interface_eth0: 'xdp', interface_veth0: 'tcx' },
    });
  });

  it('warns of what cannot be counted, and has failed when that is all', async () => {
    const some = createReceiver({}, { rung: 'ebpf', notes: [], interfaces: [eth0, taken] });
    some.receiver.metrics$!.subscribe();
    await some.receiver.start();
    expect(some.logger.lines).toMatchObject([
      {
        level: 'warn',
        message: 'not every interface can be counted',
        fields: { notes: ['eth1: not counted; the XDP program 7 (other) is there'] },
      },
    ]);
    expect(some.receiver.health?.().status).toBe('ok');
    const all = createReceiver({}, { rung: 'ebpf', notes: [], interfaces: [taken] });
    all.receiver.metrics$!.subscribe();
    expect(all.receiver.health?.().status).toBe('failed');
    const none = createReceiver({}, { rung: 'none', notes: ['needs CAP_NET_ADMIN'], interfaces: [] });
    expect(none.receiver.health?.().status).toBe('ok'); // nobody listens
    none.receiver.metrics$!.subscribe();
    await none.receiver.start();
    expect(none.logger.lines).toMatchObject([
      { level: 'warn', message: 'packets cannot be counted here', fields: { notes: ['needs CAP_NET_ADMIN'] } },
    ]);
    expect(none.receiver.health?.()).toMatchObject({ status: 'failed', message: 'needs CAP_NET_ADMIN' });
  });

  it('tells of the first of many interfaces', async () => {
    const interfaces = Array.from({ length: 40 }, (_, i) => ({ index: i + 1, name: `veth${i}`, mode: 'tcx', note: 'why' }) as const);
    const { receiver, logger } = createReceiver({}, { rung: 'ebpf', notes: [], interfaces });
    await receiver.start();
    const fields = logger.lines[0]?.fields ?? {};
    expect(Object.keys(fields['interfaces'] as object)).toHaveLength(16);
    expect(fields).toMatchObject({ more_interfaces: 24 });
    expect((fields['notes'] as readonly string[]).at(-1)).toBe('and 24 more');
  });
});
