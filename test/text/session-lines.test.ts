import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../../src/core/batch.ts';
import { eventLine } from '../../src/text/line.ts';
import { amountText } from '../../src/core/amount-text.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

const lineOf = (event: string, attributes: Attributes): string => {
  const line = eventLine(
    { name: `ringtail.session.${event}`, unixNs: 0n, attributes: Object.entries(attributes) },
    { colour: false, width: undefined },
  );
  // nobody is known: the columns of who did it are empty
  return line.slice(59);
};

const tcp: Attributes = {
  'network.transport': 'tcp',
  'ringtail.session.role': 'client',
  'network.local.address': '10.0.0.1',
  'network.local.port': 41_234,
  'network.peer.address': '10.0.0.5',
  'network.peer.port': 443,
  'ringtail.attribution': 'ebpf',
};
const bytes: Attributes = {
  'ringtail.session.bytes_sent': 1229,
  'ringtail.session.bytes_received': 34_816,
  'ringtail.duration_ns': 120_000_000,
};

describe('a session', () => {
  it.each([
    ['start', {}, '→ 10.0.0.5:443 tcp opened at 10.0.0.1:41234'],
    ['start', { 'ringtail.session.role': 'server' }, '← 10.0.0.5:443 tcp opened at 10.0.0.1:41234'],
    ['start', { 'ringtail.session.role': 'unknown', 'network.transport': 'udp' }, '↔ 10.0.0.5:443 udp opened at 10.0.0.1:41234'],
    ['start', { 'network.peer.address': 'fe80::1%eth0', 'network.local.address': '::' }, '→ [fe80::1%eth0]:443 tcp opened at [::]:41234'],
    ['end', bytes, '→ 10.0.0.5:443 tcp closed 1.2 KiB out, 34 KiB in, 120 ms'],
    ['end', { ...bytes, 'ringtail.session.role': 'server' }, '← 10.0.0.5:443 tcp closed 1.2 KiB out, 34 KiB in, 120 ms at 10.0.0.1:41234'],
    ['end', { ...bytes, 'error.type': 'ECONNRESET' }, '→ 10.0.0.5:443 tcp closed 1.2 KiB out, 34 KiB in, 120 ms, ECONNRESET'],
    ['end', { 'error.type': 'ECONNREFUSED', 'ringtail.duration_ns': 90_000 }, '→ 10.0.0.5:443 tcp failed: ECONNREFUSED, 90 µs'],
    ['end', {}, '→ 10.0.0.5:443 tcp closed'],
    [
      'end',
      { ...bytes, 'ringtail.session.bytes_unacknowledged': 7, 'ringtail.session.retransmits': 2 },
      '→ 10.0.0.5:443 tcp closed 1.2 KiB out, 34 KiB in, 7 B not acknowledged, 2 sent again, 120 ms',
    ],
    ['end', { ...bytes, 'ringtail.attribution': 'none' }, '→ 10.0.0.5:443 tcp closed 1.2 KiB out, 34 KiB in, 120 ms (owner unknown)'],
    [
      'state',
      { 'ringtail.session.previous_state': 'established', 'network.connection.state': 'fin_wait_1' },
      '→ 10.0.0.5:443 tcp established to fin_wait_1',
    ],
    ['state', { 'network.connection.state': 'closed' }, '→ 10.0.0.5:443 tcp closed'],
  ] as const)('%s %j', (event, attributes, line) => {
    expect(lineOf(event, { ...tcp, ...(attributes as Attributes) })).toBe(line);
  });

  it('that is listened for has one end', () => {
    const listener = {
      'network.transport': 'tcp',
      'network.local.address': '*',
      'network.local.port': 8080,
      'ringtail.session.role': 'server',
    };
    expect(lineOf('listen', listener)).toBe('listening at *:8080 tcp');
    expect(lineOf('listen', { 'network.transport': 'unix', 'network.local.address': '/run/\u001b[2J.sock' })).toBe(
      'listening at /run/\\x1b[2J.sock unix',
    );
  });

  it('without a peer says where it is', () => {
    const attributes = { 'ringtail.network.protocol': 'raw', 'network.local.address': '0.0.0.0', 'ringtail.session.role': 'unknown' };
    expect(lineOf('start', attributes)).toBe('raw at 0.0.0.0 opened');
    expect(lineOf('start', { 'network.transport': 'unix' })).toBe('unix at no address opened');
  });
});

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [10_189, '10 KiB'],
  [1_048_575, '1.0 MiB'],
  [5 * 2 ** 30, '5.0 GiB'],
  [2 ** 63, '8.0 EiB'],
  [2 ** 73, '8192 EiB'],
])('%d bytes are %s', (value, text) => {
  expect(amountText(value)).toBe(text);
});
