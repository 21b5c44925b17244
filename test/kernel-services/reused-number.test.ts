import { afterAll, afterEach, expect, it, vi } from 'vitest';
import type * as executable from '../../src/kernel/procfs/executable.ts';
import { readProcess } from '../../src/kernel/procfs/process.ts';
import { readProgram } from '../../src/kernel/procfs/program.ts';
import { createFakeProc, type FakeProcess } from './fake-proc.ts';

const at = vi.hoisted(() => ({ readingExecutable: (): void => {} }));
vi.mock('../../src/kernel/procfs/executable.ts', async (importOriginal) => {
  const original = await importOriginal<typeof executable>();
  return {
    ...original,
    readExecutable(root: string, pid: number) {
      at.readingExecutable();
      return original.readExecutable(root, pid);
    },
  };
});

const proc = createFakeProc();
afterAll(proc.dispose);
const first: FakeProcess = { pid: 9, comm: 'shell', startTicks: 50, exe: '/bin/shell', args: ['shell'] };
const readers = [
  { name: 'readProgram', read: () => readProgram(proc.root, { pid: 9, startNs: 500_000_123n, comm: Buffer.from('shell') }) },
  { name: 'readProcess', read: () => readProcess(proc.root, 9) },
];
afterEach(() => void (at.readingExecutable = () => {}));

// Two that start in one tick, under the name of the one that made both: their stat files say the same.
it.each(readers)('$name: nothing is told of the one that got the number meanwhile', async ({ read }) => {
  proc.set(first);
  expect(await read()).toMatchObject({ ok: true });
  at.readingExecutable = () => proc.set({ ...first, exe: '/bin/other' });
  expect(await read()).toEqual({ ok: false, reason: 'gone' });
});
