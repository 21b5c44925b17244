import { constants } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { callFlag, eventKind, fileKind, pathFlag } from '../../../src/kernel/layouts.gen.ts';
import { totalKind } from '../../../src/receivers/shared/call-schemas.ts';
import { openFlagNames } from '../../../src/receivers/shared/call-flags.ts';
import { eventOf, type Columns } from './support.ts';

const open = (columns: Columns, machine = 'x86_64') =>
  eventOf({ kind: eventKind.open, call: 'openat', columns: { ret: 3, path: '/etc/passwd', name: 'passwd', ...columns } }, { machine })
    .attributes;

describe('a file that was opened', () => {
  it('has its path, inode, descriptor, and what was asked for', () => {
    const columns = {
      flags: 0o100102n,
      mode: 0o640,
      callFlags: callFlag.hasMode | callFlag.hasFile | callFlag.hasFd,
      inode: 2n ** 33n + 7n,
    };
    expect(
      eventOf({
        kind: eventKind.open,
        call: 'openat',
        columns: { ret: 7, path: '/srv/data/new.txt', name: '../data/new.txt', ...columns },
      }),
    ).toEqual({
      event: 'ringtail.file.open',
      attributes: {
        'ringtail.syscall.name': 'openat',
        'ringtail.syscall.return': 7,
        'file.path': '/srv/data/new.txt',
        'file.name': 'new.txt',
        'ringtail.file.requested': '../data/new.txt',
        'ringtail.file.flags': ['O_RDWR', 'O_CREAT', 'O_LARGEFILE'],
        'file.mode': '0640',
        'file.inode': '8589934599',
        'ringtail.fd': 7,
      },
    });
  });

  it('has no mode, inode and namespace without their marks', () => {
    const attributes = open({ mode: 0o777, inode: 5n, mountNs: 9, callFlags: 0 });
    expect(Object.keys(attributes)).toEqual([
      'ringtail.syscall.name',
      'ringtail.syscall.return',
      'file.path',
      'file.name',
      'ringtail.file.requested',
      'ringtail.file.flags',
      'ringtail.fd',
    ]);
  });

  it('tells where its path has its meaning, and what is wrong with it', () => {
    expect(
      open({
        root: '/srv/jail',
        mountNs: 4026532000,
        callFlags: callFlag.inMountNs | callFlag.isUnverified,
        pathFlags: pathFlag.deleted | pathFlag.truncated | pathFlag.chroot,
      }),
    ).toMatchObject({
      'ringtail.file.root': '/srv/jail',
      'ringtail.mount_namespace.id': 4026532000,
      'ringtail.unverified': true,
      'ringtail.file.deleted': true,
      'ringtail.path.truncated': true,
      'file.path': '/etc/passwd',
    });
  });

  it('has no path when a name in it could not be read', () => {
    const attributes = open({ pathFlags: pathFlag.fault });
    expect(attributes).not.toHaveProperty(['file.path']);
    expect(attributes).not.toHaveProperty(['file.name']);
    expect(attributes).toHaveProperty(['ringtail.file.requested'], 'passwd');
  });

  it('that could not be opened has the error and no descriptor', () => {
    const attributes = open({ ret: -2, callFlags: callFlag.hasFailed });
    expect(attributes).toMatchObject({
      'ringtail.syscall.return': -2,
      'error.type': 'ENOENT',
      'file.path': '/etc/passwd',
      'ringtail.unverified': true,
    });
    expect(attributes).not.toHaveProperty(['ringtail.fd']);
  });

  it.each([
    [0n, ['O_RDONLY']],
    [1n, ['O_WRONLY']],
    [2n, ['O_RDWR']],
    [3n, undefined],
    [0o1101n, ['O_WRONLY', 'O_CREAT', 'O_TRUNC']],
    [0o4010002n, ['O_RDWR', 'O_SYNC']],
    [0o10002n, ['O_RDWR', 'O_DSYNC']],
    [0o4000002n, ['O_RDWR']],
    [0o20200001n, ['O_WRONLY', 'O_TMPFILE']],
    [0o200000n, ['O_RDONLY', 'O_DIRECTORY']],
    [0o12600000n, ['O_RDONLY', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_CLOEXEC', 'O_PATH']],
    [0o40000n, ['O_RDONLY', 'O_DIRECT']],
    [0x8000_0000_0000_0000n, ['O_RDONLY']],
  ])('with flags %o has the names %j', (flags, names) => {
    expect(open({ flags })['ringtail.file.flags']).toEqual(names);
  });

  it.each([
    [0o40000n, ['O_RDONLY', 'O_DIRECTORY']],
    [0o100000n, ['O_RDONLY', 'O_NOFOLLOW']],
    [0o200000n, ['O_RDONLY', 'O_DIRECT']],
    [0o400000n, ['O_RDONLY', 'O_LARGEFILE']],
    [0o20040002n, ['O_RDWR', 'O_TMPFILE']],
  ])('on arm64 with flags %o has the names %j', (flags, names) => {
    expect(open({ flags }, 'aarch64')['ringtail.file.flags']).toEqual(names);
  });

  it('has the numbers that this machine has', () => {
    const names = new Map(openFlagNames(process.arch === 'arm64' ? 'aarch64' : 'x86_64').map(([bits, name]) => [name, bits]));
    const known = Object.entries(constants).filter(([name]) => names.has(name) && name !== 'O_RDONLY');
    expect(known.length).toBeGreaterThan(12);
    expect(known.map(([name]) => [name, names.get(name)])).toEqual(known);
  });
});

describe('a name that was taken away', () => {
  it('is a directory and a string', () => {
    const columns = { ret: 0, path: '/tmp/a/../b', name: 'a/../b', flags: 0x200, callFlags: callFlag.isUnverified, root: '/jail' };
    expect(eventOf({ kind: eventKind.unlink, call: 'unlinkat', columns })).toEqual({
      event: 'ringtail.file.unlink',
      attributes: {
        'ringtail.syscall.name': 'unlinkat',
        'ringtail.syscall.return': 0,
        'file.path': '/tmp/a/../b',
        'ringtail.file.requested': 'a/../b',
        'ringtail.file.root': '/jail',
        'ringtail.file.flags': ['AT_REMOVEDIR'],
        'ringtail.unverified': true,
      },
    });
  });

  it('has no flags when there are none, and an error when it stays', () => {
    const { attributes } = eventOf({ kind: eventKind.unlink, call: 'rmdir', columns: { ret: -39, path: '/tmp/full', name: 'full' } });
    expect(attributes).toEqual({
      'ringtail.syscall.name': 'rmdir',
      'ringtail.syscall.return': -39,
      'error.type': 'ENOTEMPTY',
      'file.path': '/tmp/full',
      'ringtail.file.requested': 'full',
    });
  });
});

describe('a read or write', () => {
  const io = { fd: 5, requested: 2n ** 32n + 4096n, path: '/var/log/syslog', fileKind: fileKind.regular, callFlags: callFlag.hasFd };

  it.each([
    [eventKind.read, 'preadv2', 'ringtail.file.read'],
    [eventKind.write, 'write', 'ringtail.file.write'],
  ] as const)('of kind %i has the descriptor, what is behind it, and bytes', (kind, call, event) => {
    expect(eventOf({ kind, call, columns: { ...io, ret: 12 } })).toEqual({
      event,
      attributes: {
        'ringtail.syscall.name': call,
        'ringtail.syscall.return': 12,
        'ringtail.fd': 5,
        'file.path': '/var/log/syslog',
        'ringtail.file.kind': 'regular',
        'ringtail.io.requested': 4294971392,
        'ringtail.io.transferred': 12,
      },
    });
  });

  it('at the end of a file transferred 0 bytes; one that failed has no number', () => {
    expect(eventOf({ kind: eventKind.read, call: 'read', columns: { ...io, ret: 0 } }).attributes).toHaveProperty(
      ['ringtail.io.transferred'],
      0,
    );
    const failed = eventOf({ kind: eventKind.read, call: 'read', columns: { ...io, ret: -9, path: '', fileKind: 0, fd: -1 } }).attributes;
    expect(failed).toEqual({
      'ringtail.syscall.name': 'read',
      'ringtail.syscall.return': -9,
      'error.type': 'EBADF',
      'ringtail.fd': -1,
      'ringtail.io.requested': 4294971392,
    });
  });

  it.each([
    [fileKind.directory, 'directory'],
    [fileKind.symlink, 'symlink'],
    [fileKind.blockDevice, 'device'],
    [fileKind.characterDevice, 'device'],
    [fileKind.pipe, 'pipe'],
    [fileKind.socket, 'socket'],
    [fileKind.anonymous, 'anonymous'],
    [fileKind.unknown, undefined],
    [99, undefined],
  ])('on what has the number %i says %s', (kind, name) => {
    const { attributes } = eventOf({ kind: eventKind.write, call: 'writev', columns: { ...io, ret: 1, fileKind: kind } });
    expect(attributes['ringtail.file.kind']).toBe(name);
  });

  it('that stands for many has their sums, and no result of its own', () => {
    const columns = { ...io, pathFlags: 0, calls: 3_000_000n, transferred: 3_000_000n, requested: 2n ** 40n, windowNs: 10_000_000_000n };
    expect(eventOf({ kind: totalKind.read, call: 'read', columns })).toEqual({
      event: 'ringtail.file.read',
      attributes: {
        'ringtail.syscall.name': 'read',
        'ringtail.fd': 5,
        'file.path': '/var/log/syslog',
        'ringtail.file.kind': 'regular',
        'ringtail.io.requested': 2 ** 40,
        'ringtail.io.transferred': 3_000_000,
        'ringtail.io.calls': 3_000_000,
        'ringtail.window_ns': 10_000_000_000,
      },
    });
  });
});
