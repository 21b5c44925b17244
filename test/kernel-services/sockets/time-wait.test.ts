import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countTimeWait, createTimeWaitCounter, hasTimeWait } from '../../../src/kernel/sockets/time-wait.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'ringtail-time-wait-'))));
afterEach(() => rmSync(root, { recursive: true }));

const addProcess = (pid: number, netns: number, timeWait?: number): void => {
  const folder = `${root}/proc/${pid}`;
  mkdirSync(`${folder}/ns`, { recursive: true });
  mkdirSync(`${folder}/net`);
  symlinkSync(`net:[${netns}]`, `${folder}/ns/net`);
  writeFileSync(`${folder}/net/dev`, '');
  if (timeWait === undefined) return;
  writeFileSync(`${folder}/net/sockstat`, `sockets: used 5\nTCP: inuse 1 orphan 0 tw ${timeWait} alloc 2 mem 1\n`);
};

describe('connections in TIME_WAIT', () => {
  it('are added up over network namespaces, each counted once', async () => {
    addProcess(10, 1, 4);
    addProcess(11, 1, 4);
    addProcess(12, 2, 3);
    expect(await countTimeWait(root)).toBe(7);
  });

  it('are told by another process of the namespace when one is gone', async () => {
    addProcess(10, 1);
    addProcess(11, 1, 4);
    expect(await countTimeWait(root)).toBe(4);
  });

  it('are worth looking for where the namespace has some, or does not say', async () => {
    addProcess(10, 1, 4);
    addProcess(11, 2, 0);
    addProcess(12, 3);
    const isWorth = hasTimeWait(root);
    expect(await Promise.all([10, 11, 12].map((pid) => isWorth(`${root}/proc/${pid}`)))).toEqual([true, false, true]);
    expect(await isWorth(`${root}/proc/11/task/12`)).toBe(false);
  });

  it('are told by namespace again and again, namespaces are looked for now and then', async () => {
    let now = 0;
    const count = createTimeWaitCounter(root, () => now);
    addProcess(10, 1, 4);
    addProcess(11, 2, 0);
    expect(await count()).toEqual([{ netns: 1, count: 4 }]);
    writeFileSync(`${root}/proc/11/net/sockstat`, 'TCP: inuse 1 orphan 0 tw 9 alloc 2 mem 1\n');
    addProcess(12, 3, 5);
    expect(await count()).toEqual([{ netns: 1, count: 4 }, { netns: 2, count: 9 }]); // prettier-ignore
    now = 10_000;
    expect(await count()).toHaveLength(3);
    rmSync(`${root}/proc/12`, { recursive: true });
    expect(await count(), 'a namespace that went with its process').toHaveLength(2);
  });

  it('are not known where procfs does not tell them', async () => {
    expect(await countTimeWait(root)).toBeUndefined();
    addProcess(10, 1);
    expect(await countTimeWait(root)).toBeUndefined();
  });
});
