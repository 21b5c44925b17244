import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hostMountNamespace, ownKernelPid } from '../../src/kernel/self.ts';

describe('the number that the kernel knows Ringtail by', () => {
  it.each<[string, () => string, number]>([
    ['in the initial pid namespace', () => 'pid:[4026531836]', 4711],
    ['in another one', () => 'pid:[4026532201]', 0],
    [
      'when /proc is hidden',
      () => {
        throw new Error('ENOENT');
      },
      0,
    ],
  ])('%s', (_, readNamespace, wanted) => {
    expect(ownKernelPid(readNamespace, 4711)).toBe(wanted);
  });
});

describe('the mount namespace of the host', () => {
  const procWith = (pidNamespace: string) => {
    const proc = mkdtempSync(join(tmpdir(), 'ringtail-self-'));
    onTestFinished(() => rmSync(proc, { recursive: true }));
    mkdirSync(join(proc, '1/ns'), { recursive: true });
    symlinkSync(pidNamespace, join(proc, '1/ns/pid'));
    writeFileSync(join(proc, '1/ns/mnt'), '');
    return { proc, number: statSync(join(proc, '1/ns/mnt')).ino };
  };

  it('is that of the first process', () => {
    const { proc, number } = procWith('pid:[4026531836]');
    expect(hostMountNamespace(proc, () => 4026532177)).toBe(number);
  });

  it('is not that of the first process of a container', () => {
    const { proc } = procWith('pid:[4026532201]');
    expect(hostMountNamespace(proc, () => 4026532177)).toBe(0);
  });

  it.each([
    ['the first of a kernel from 6.15 on', 4026531832, 4026531832],
    ['the first of an older one', 4026531840, 4026531840],
    ['another one', 4026532177, 0],
    ['hidden', 0, 0],
  ])('when the first process may not be looked at and our own is %s', (_, own, wanted) => {
    expect(hostMountNamespace('/nowhere', () => own)).toBe(wanted);
  });
});
