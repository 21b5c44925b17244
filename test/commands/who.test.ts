import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.ts';
import { readQuickly, runQuickly } from '../../src/commands/quick.ts';
import { containerOf, toAnswer } from '../../src/commands/who/answer.ts';
import { parseIp, parseQuestion } from '../../src/commands/who/question.ts';
import { answerText } from '../../src/commands/who/text.ts';
import { sessionFlag, sessionRole, sessionState } from '../../src/kernel/layouts.gen.ts';
import type { HolderFacts } from '../../src/kernel/sockets/holder-facts.ts';
import { lookOnce } from '../../src/kernel/sockets/lookup-once.ts';
import { entriesOf, holdersBytes, type MadeSession } from '../kernel-services/sockets/session-bytes.ts';
import { createCli } from './fakes.ts';

const bytesOf = (text: string): readonly number[] => [...parseIp(text)!];

describe('the quick way', () => {
  const usual = async (argv: readonly string[]) => {
    const program = createProgram(createCli() as never, () => {});
    let read: object | undefined;
    program.commands
      .find((command) => command.name() === 'who')!
      .exitOverride()
      .configureOutput({ writeErr() {}, writeOut() {} })
      .action((words: readonly string[], options: object) => void (read = { words, options }));
    await program.parseAsync(argv, { from: 'user' }).catch(() => {});
    return read;
  };

  it.each([[[]], [[':80']], [['a', '--json']], [['--pid', '12', ':1', ':2']], [['--root-path', '/host', '--json', '::1']]])(
    'reads %j as the usual one does',
    async (words) => expect(readQuickly(['who', ...words])).toEqual(await usual(['who', ...words])),
  );

  it.each([
    [['run']],
    [[]],
    [['--help']],
    [['who', '--help']],
    [['who', '-h']],
    [['who', '--pid']],
    [['who', '--pid=12']],
    [['who', '--pid', '--json']],
    [['who', '--jsn']],
    [['who', '--', 'a']],
  ])('leaves %j to the usual one', (argv) => expect(readQuickly(argv)).toBeUndefined());

  it('says what is wrong as the usual one does', async () => {
    const err: string[] = [];
    const context = { stdout: { write() {} }, stderr: { write: (text: string) => err.push(text) } };
    expect(await runQuickly({ words: ['8080'], options: {} }, context as never)).toBe(2);
    const cli = createCli();
    expect(await cli.run('who', '8080')).toBe(2);
    expect(err.join('')).toBe(cli.stderr());
  });
});

describe('the question', () => {
  it.each([
    ['10.0.0.5:443', { either: [{ address: parseIp('10.0.0.5'), port: 443 }] }],
    ['10.0.0.5', { either: [{ address: parseIp('10.0.0.5') }] }],
    [':8080', { either: [{ port: 8080 }] }],
    ['*:8080', { either: [{ port: 8080 }] }],
    ['[::1]:53', { either: [{ address: parseIp('::1'), port: 53 }] }],
    ['[fe80::1%eth0]:53', { either: [{ address: parseIp('fe80::1'), port: 53 }] }],
    ['::1', { either: [{ address: parseIp('::1') }] }],
    ['443/tcp', { protocol: 'tcp', either: [{ port: 443 }] }],
    [':53/udp', { protocol: 'udp', either: [{ port: 53 }] }],
    ['10.0.0.5/icmp', { protocol: 'icmp', either: [{ address: parseIp('10.0.0.5') }] }],
    ['nginx', { name: 'nginx' }],
  ])('%s', (text, expected) => expect(parseQuestion([text])).toEqual(expected));

  it('has two ends, a process, or all of it', () => {
    expect(parseQuestion(['10.0.0.9:1', '10.0.0.5:443'])).toEqual({
      either: [
        { address: parseIp('10.0.0.9'), port: 1 },
        { address: parseIp('10.0.0.5'), port: 443 },
      ],
    });
    expect(parseQuestion([':1'], '12')).toEqual({ either: [{ port: 1 }], pid: 12 });
    expect(parseQuestion([])).toEqual({});
  });

  it.each([
    [['8080'], undefined, 'may be a port or a process: write :8080 or --pid 8080'],
    [[':0'], undefined, 'names port 0, and ports are 1 to 65535'],
    [[':65536'], undefined, 'names port 65536'],
    [['10.0.0.256:1'], undefined, 'has no IPv4 address in front of its port'],
    [['[::g]:1'], undefined, 'has no IPv6 address in its brackets'],
    [['nginx/tcp'], undefined, 'has no address and no port in front of its protocol'],
    [['a b'], undefined, 'is no address, no port and no name of a program'],
    [[''], undefined, 'is no address, no port and no name of a program'],
    [[':1', ':2', ':3'], undefined, 'is a third end'],
    [['a', 'b'], undefined, 'is a second name'],
    [['1/tcp', '2/udp'], undefined, 'names two protocols'],
    [[], 'x', 'is not the number of a process'],
    [[], '0', 'is not the number of a process'],
  ])('is refused when it is wrong: %j %j', async (words, pid, message) => {
    const cli = createCli();
    expect(await cli.run('who', ...words, ...(pid === undefined ? [] : ['--pid', pid]))).toBe(2);
    expect(cli.stderr()).toContain(message);
    expect(cli.stderr()).toContain('write an address');
  });

  it.each([
    ['::', Array.from({ length: 16 }, () => 0)],
    ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ['::ffff:10.0.0.5', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 5]],
    ['2001:db8::', [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])('knows the bytes of %s', (text, bytes) => expect(bytesOf(text)).toEqual(bytes));
});

const nginx = { pid: 12, startNs: 5_000_000_000n };
const worker = { pid: 13, startNs: 6_000_000_000n };
const listening: MadeSession = {
  sk: 1n,
  local: bytesOf('0.0.0.0'),
  localPort: 80,
  state: sessionState.tcpListen,
  flags: sessionFlag.hasState,
};
const accepted: MadeSession = {
  sk: 2n,
  local: bytesOf('10.0.0.5'),
  localPort: 80,
  peer: bytesOf('10.0.0.9'),
  peerPort: 51_234,
  flags: sessionFlag.hasState | sessionFlag.hasBytes,
  sent: 1234n,
  received: 310n,
};
const datagrams: MadeSession = { sk: 3n, transport: 2, local: bytesOf('0.0.0.0'), localPort: 53, state: 0 };

const iterator = holdersBytes([
  { ...listening, owner: worker, knownBy: 2, inode: 100, fd: 6 },
  { ...listening, owner: nginx, knownBy: 2, inode: 100, fd: 6 },
  { ...accepted, owner: worker, knownBy: 2, inode: 101, fd: 7 },
  { ...datagrams, owner: nginx, knownBy: 2, inode: 102, fd: 8 },
]);
const known: readonly MadeSession[] = [
  { ...listening, owner: nginx },
  { ...accepted, owner: worker, role: sessionRole.server, startNs: 90_000_000_000n, id: 77n },
  { ...datagrams, flags: sessionFlag.isSocket, owner: nginx },
  // never accepted: no descriptor refers to it
  { ...accepted, sk: 9n, cookie: 9n, peerPort: 51_999, owner: nginx, knownBy: 4 },
];
const flows: readonly MadeSession[] = [
  {
    ...datagrams,
    peer: bytesOf('10.0.0.9'),
    peerPort: 4000,
    flags: sessionFlag.hasBytes,
    sent: 5n,
    received: 6n,
    owner: nginx,
    startNs: 80_000_000_000n,
  },
];

const addonOf = (maps: boolean) => ({
  runOnce: () => iterator,
  namedMaps: ({ name, match }: { name: string; match?: Parameters<typeof entriesOf>[2] }) =>
    maps ? [entriesOf(name as 'sessions', name === 'sessions' ? known : flows, match)] : [],
});
const look = (words: readonly string[], maps = true) =>
  lookOnce(parseQuestion(words), { root: '/nonexistent', addon: addonOf(maps), parse: parseIp });

describe('one look', () => {
  it('has every holder of a socket, the one that began first in front', async () => {
    const { sockets, reports } = await look(['0.0.0.0:80'], false);
    expect(sockets).toHaveLength(1);
    expect(sockets[0]!.holders.map(({ pid }) => pid)).toEqual([12, 13]);
    expect(reports).toEqual([
      { source: 'iterator', used: true, note: '' },
      { source: 'maps', used: false, note: 'no Ringtail follows sockets here' },
    ]);
  });

  it('has what the maps know of what the iterator saw, what only they have, and each peer of a datagram socket', async () => {
    const { sockets } = await look([':80']);
    expect(sockets.map(({ peerPort, role, id, owner }) => [peerPort, role, id, owner?.pid])).toEqual([
      [0, undefined, 0n, 12],
      [51_234, 'server', 77n, 13],
      [51_999, undefined, 0n, 12],
    ]);
    const udp = (await look(['53/udp'])).sockets;
    expect(udp.map(({ peerPort, sentBytes }) => [peerPort, sentBytes])).toEqual([
      [0, undefined],
      [4000, 5n],
    ]);
  });

  it('does not name an owner that holds the socket no more', async () => {
    const addon = {
      ...addonOf(false),
      namedMaps: ({ name }: { name: string }) => [entriesOf('sessions', name === 'sessions' ? [{ ...accepted, owner: nginx }] : [])],
    };
    const { sockets } = await lookOnce({ either: [{ port: 51_234 }] }, { addon, parse: parseIp });
    expect(sockets[0]).toMatchObject({ owner: { pid: 13 }, knownBy: 2 });
    expect(sockets[0]!.holders.map(({ pid }) => pid)).toEqual([13]);
  });

  it('takes nothing from an entry of another socket at the same place', async () => {
    const addon = {
      ...addonOf(false),
      namedMaps: ({ name }: { name: string }) => [
        entriesOf('sessions', name === 'sessions' ? [{ ...accepted, cookie: 1234n, id: 5n, owner: nginx }] : []),
      ],
    };
    const { sockets } = await lookOnce({ either: [{ port: 51_234 }] }, { addon, parse: parseIp });
    expect(sockets.map(({ owner, id }) => [owner?.pid, id])).toEqual([[13, 0n]]);
  });

  it('says why the kernel could not be asked, and goes on with procfs', async () => {
    const refuse = () => {
      throw Object.assign(new Error('no'), { code: 'EPERM' });
    };
    const { sockets, reports } = await lookOnce(
      {},
      { root: '/nonexistent', addon: { runOnce: refuse, namedMaps: refuse }, parse: parseIp },
    );
    expect(sockets).toEqual([]);
    expect(reports.map(({ source, used, note }) => [source, used, note])).toEqual([
      ['iterator', false, 'it needs root'],
      ['maps', false, 'it needs root'],
      ['procfs', true, ''],
    ]);
  });
});

const factsOf = (over: Partial<HolderFacts> & { readonly pid: number }): HolderFacts => ({
  name: 'nginx',
  isGone: false,
  startNs: 1n,
  uid: 33,
  executable: '/usr/sbin/nginx',
  args: ['nginx: worker process'],
  cgroup: '/system.slice/nginx.service',
  ...over,
});
const answerOf = async (words: readonly string[], facts: readonly HolderFacts[]) =>
  toAnswer({
    sockets: (await look(words)).sockets,
    facts: new Map(facts.map((one) => [one.pid, one])),
    userName: (uid) => (uid === 33 ? 'www-data' : uid === 0 ? 'root' : undefined),
    bootNs: 92_100_000_000n,
  });

describe('the answer', () => {
  it('is shown by process', async () => {
    const answer = await answerOf([':80'], [factsOf({ pid: 13 }), factsOf({ pid: 12, uid: 0, args: ['nginx', '-g', 'daemon off;'] })]);
    expect(answerText(answer, 80).split('\n')).toEqual([
      'nginx  pid 12  root  cgroup /system.slice/nginx.service',
      "  /usr/sbin/nginx -g 'daemon off;'",
      '  tcp  0.0.0.0:80                   listen',
      '       held by nginx (pid 13) too, known by event',
      '  tcp  10.0.0.5:80  10.0.0.9:51999  established',
      '       sent 1.2 KiB, received 310 B, known by event',
      '',
      'nginx  pid 13  www-data  cgroup /system.slice/nginx.service',
      "  /usr/sbin/nginx  'nginx: worker process'",
      '  tcp  10.0.0.5:80  10.0.0.9:51234  established',
      '       server, open 2.1 s, sent 1.2 KiB, received 310 B, socket of root, known',
      '       by event',
      '',
    ]);
  });

  it('has one line a socket where there is room', async () => {
    const lines = answerText(await answerOf([':51234'], [factsOf({ pid: 13 })]), 200).split('\n');
    expect(lines[2]).toBe(
      '  tcp  10.0.0.5:80  10.0.0.9:51234  established  server, open 2.1 s, sent 1.2 KiB, received 310 B, socket of root, known by event',
    );
  });

  it('fits 80 columns whatever processes are called, and shows nothing that a terminal obeys', async () => {
    const evil = '\u001b[2J\n\u202e'.repeat(40);
    const answer = await answerOf(
      [],
      [factsOf({ pid: 12, name: evil, executable: `/${evil}`, args: [evil], cgroup: evil }), factsOf({ pid: 13, isGone: true })],
    );
    const text = answerText(answer, 80);
    // oxlint-disable-next-line no-control-regex -- they are what is meant
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(text).toContain('pid 13  gone meanwhile');
    for (const line of answerText(await answerOf([], [factsOf({ pid: 12 }), factsOf({ pid: 13 })]), 80).split('\n'))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  it('gives addresses of IPv6 a line each where two do not fit', () => {
    const address = '2001:db8:1111:2222:3333:4444:5555:6666';
    const end = { address, port: 65_535 };
    const socket = {
      protocol: 'tcp',
      family: 'ipv6',
      local: end,
      peer: end,
      state: 'established',
      holders: [],
      known_by: 'iterator',
    } as const;
    const lines = answerText({ processes: [], sockets: [socket] }, 80)
      .trimEnd()
      .split('\n');
    expect(lines).toEqual([
      'no process that can be seen',
      `  tcp  [${address}]:65535`,
      `       [${address}]:65535`,
      '       established',
      '       known by iterator',
    ]);
  });

  it('has everything as JSON, and leaves out what is not known', async () => {
    const { sockets, processes } = await answerOf([':51234'], [factsOf({ pid: 13 })]);
    expect(processes).toEqual([
      {
        pid: 13,
        name: 'nginx',
        executable: '/usr/sbin/nginx',
        args: ['nginx: worker process'],
        user: { id: 33, name: 'www-data' },
        cgroup: '/system.slice/nginx.service',
      },
    ]);
    expect(sockets).toEqual([
      {
        protocol: 'tcp',
        family: 'ipv4',
        local: { address: '10.0.0.5', port: 80 },
        peer: { address: '10.0.0.9', port: 51_234 },
        state: 'established',
        role: 'server',
        age_seconds: 2.1,
        sent_bytes: 1234,
        received_bytes: 310,
        user: { id: 0, name: 'root' },
        inode: 101,
        session_id: '77',
        owner: 13,
        holders: [13],
        known_by: 'event',
      },
    ]);
  });
});

it.each([
  [`/docker/${'3f'.repeat(32)}`, '3f3f3f3f3f3f'],
  [`/system.slice/docker-${'ab'.repeat(32)}.scope`, 'abababababab'],
  [`/kubepods/burstable/pod1/cri-containerd-${'0c'.repeat(32)}.scope/more`, '0c0c0c0c0c0c'],
  [`/libpod_parent/libpod-${'0c'.repeat(32)}`, '0c0c0c0c0c0c'],
  ['/system.slice/nginx.service', undefined],
  [`/x${'ab'.repeat(32)}`, undefined],
  [undefined, undefined],
])('container of %s', (cgroup, container) => expect(containerOf(cgroup)).toBe(container));
