import { describe, expect, it } from 'vitest';
import { createRecent } from '../../../src/live/report/recent.ts';
import { createFakeKernel, type FakeRecord } from './fake-kernel.ts';

const setUp = (most: number, isMeant: (id: bigint) => boolean = () => true) => {
  const side = createFakeKernel();
  const recent = createRecent(side.kernel, { most, isMeant });
  const containerOf = (id: bigint) => (id === 8n ? { id: 'a'.repeat(64), name: 'web' } : id === 9n ? { id: '', name: '' } : undefined);
  return { ...side, recent, take: (untilMs: number) => recent.take(untilMs, { containerOf }) };
};

describe('recent sessions', () => {
  it('are what began, ended and failed, in order of time', () => {
    const { deliver, take } = setUp(10);
    deliver([
      { kind: 'end', unixMs: 3, sent: 1200, cgroup: 8 },
      { kind: 'start', unixMs: 1 },
      { kind: 'end', unixMs: 2, error: -111, peerPort: 443 },
      { kind: 'end', unixMs: 4, sent: 1, error: -104, role: 'server', cgroup: 9, comm: undefined },
      { kind: 'start', unixMs: 5, transport: 'icmp' },
      { kind: 'start', unixMs: 6, transport: 'unix' },
    ]);
    const of = { transport: 'tcp', role: 'client', local: '192.0.2.1:1', peer: '[::9]:80', process: 'curl', pid: 42, user: '1000', container: '' };
    const at = (ms: number) => `1970-01-01T00:00:00.00${ms}000000Z`;
    expect(take(10)).toEqual({
      recent: [
        { time: at(1), what: 'opened', ...of },
        { time: at(2), what: 'failed', ...of, peer: '[::9]:443', error: 'ECONNREFUSED' },
        { time: at(3), what: 'closed', ...of, container: 'web', sentBytes: 1200, receivedBytes: 5 },
        { time: at(4), what: 'closed', ...of, role: 'server', process: '', pid: 0, user: '', container: 'CTR', sentBytes: 1, receivedBytes: 5, error: 'ECONNRESET' },
        { time: at(5), what: 'opened', ...of, transport: 'icmp', local: '192.0.2.1', peer: '::9' },
      ],
      missed: 0,
    });
    expect(take(10)).toEqual({ recent: [], missed: 0 });
  }); // prettier-ignore

  it('are the newest, however many there are, and the others are counted', () => {
    const { deliver, take } = setUp(3);
    const many = (from: number, count: number): readonly FakeRecord[] => Array.from({ length: count }, (_, i) => ({ unixMs: from + i }));
    deliver(many(1000, 500));
    deliver(many(1, 7));
    for (let i = 0; i < 20; i++) deliver(many(2000 + i, 1));
    const { recent, missed } = take(3000);
    expect([recent.map(({ time }) => time.slice(17, 23)), missed]).toEqual([['02.017', '02.018', '02.019'], 524]); // prettier-ignore
  });

  it('wait for the report of the interval that they are of', () => {
    const { deliver, take } = setUp(3);
    deliver([{ unixMs: 10 }, { unixMs: 30 }]);
    expect(take(20).recent.length).toBe(1);
    expect(take(40)).toMatchObject({ recent: [{ what: 'opened' }], missed: 0 });
  });

  it('leave out other cgroups, count what was lost, and keep bytes that are no text apart', () => {
    const { deliver, take, subscribers, recent } = setUp(3, (id) => id === 7n);
    deliver([{ cgroup: 6 }, { comm: Uint8Array.of(0x1b, 0x5b, 0xff) }]);
    for (const { onLoss } of subscribers) onLoss({ reason: 'ring_full', lost: 5, startMs: 1, endMs: 2 });
    expect(take(9)).toMatchObject({ recent: [{ process: '\u001b[\udcff' }], missed: 5 });
    recent.close();
    expect(subscribers.size).toBe(0);
  });
});
