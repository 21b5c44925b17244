import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cgroupNumber } from '../../../src/kernel/cgroups/number.ts';
import { cgroupTest, findCgroup } from '../../../src/live/report/cgroup.ts';

const mount = mkdtempSync(join(tmpdir(), 'ringtail-cgroup-'));
afterAll(() => rmSync(mount, { recursive: true }));
mkdirSync(`${mount}/a/b`, { recursive: true });

const cgroup = (path: string, hierarchy = 0) => ({
  id: BigInt(cgroupNumber(hierarchy, statSync(`${mount}${path}`).ino)),
  path,
  hierarchy,
  goneAtMs: undefined,
});
const living = [cgroup('/'), cgroup('/a', 3), cgroup('/a/b')];

describe('findCgroup', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['/a/b', '/a/b'],
    ['/a/b//', '/a/b'],
    [`${mount}/a`, '/a'],
    [`${mount}/a/b/`, '/a/b'],
  ])('%j is %j', (wanted, path) => expect(findCgroup(wanted, living)).toBe(path));

  it.each([
    ['/a/bb', '/a/b'],
    ['b', '/a/b'],
    ['/elsewhere/b', '/a/b'],
  ])('%j is not there, and %j is meant', (wanted, meant) => expect(() => findCgroup(wanted, living)).toThrow(`did you mean "${meant}"?`));

  it('takes no other folder for it, and shows hostile names safely', () => {
    expect(() => findCgroup('/nowhere/at/all', living)).toThrow('there is no cgroup "/nowhere/at/all"; write its path');
    expect(() => findCgroup('/\u001b[2J', living)).toThrow(/^there is no cgroup "[ -~]*"; write/);
  });
});

describe('cgroupTest', () => {
  it('holds for it and all below it, and not for what is not known', () => {
    const paths = new Map([[1n, '/a'], [2n, '/a/b'], [3n, '/ab'], [4n, '/']]); // prettier-ignore
    const isBelow = cgroupTest('/a', { cgroupPath: (id) => paths.get(id) });
    expect([1n, 2n, 3n, 4n, 5n].map(isBelow)).toEqual([true, true, false, false, false]);
    expect(cgroupTest('', { cgroupPath: () => undefined })(5n)).toBe(true);
  });
});
