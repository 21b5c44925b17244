/** Short programs that every host has. */
import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import type { Counts } from './truth.ts';

type Program = { readonly path: string; readonly args: readonly string[]; readonly code: number };

const wanted: readonly Program[] = [
  { path: '/bin/true', args: [], code: 0 },
  { path: '/bin/echo', args: ['an order of 3'], code: 0 },
  { path: '/bin/date', args: ['--iso-8601=seconds'], code: 0 },
  { path: '/usr/bin/id', args: ['-u'], code: 0 },
  { path: '/bin/ls', args: ['/'], code: 0 },
  { path: '/bin/false', args: [], code: 1 },
  { path: '/bin/uname', args: ['-r'], code: 0 },
];

const isThere = ({ path }: Program): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const run = ({ path, args }: Program): Promise<number | null> =>
  new Promise((resolve) => {
    const child = spawn(path, args, { stdio: 'ignore', cwd: '/' });
    child.on('error', () => resolve(null));
    child.on('exit', resolve);
  });

/** `programs`: how often each was run, by the path that the kernel sees. */
export const createExecClient = (counts: Counts, programs: Record<string, number>) => {
  const there = wanted.filter(isThere);
  return {
    async request(index: number): Promise<void> {
      const program = there[index % there.length];
      if (program === undefined) return void (counts.failed += 1);
      const code = await run(program);
      if (code !== null) {
        counts.execs += 1;
        const path = realpathSync(program.path);
        programs[path] = (programs[path] ?? 0) + 1;
      }
      counts[code === program.code ? 'requests' : 'failed'] += 1;
    },
    async stop(): Promise<void> {},
  };
};
