import { describe, expect, it } from 'vitest';
import { ownKernelPid } from '../../src/kernel/self.ts';

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
