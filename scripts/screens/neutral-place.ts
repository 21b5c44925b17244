/** A host that is like any other: its name, its folders, its network. Everything is in namespaces, and gone with them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RuntimeError } from '../../src/core/errors.ts';
import { v2Mount } from '../demo/places.ts';

/** Set for the process that is in the namespaces: where the project lies. */
export const INSIDE = 'RINGTAIL_SCREENS_PROJECT';
export const NEUTRAL_FOLDER = '/opt/ringtail';
const NAME = 'web-1';
/** Of v2: what a process is in otherwise may be called as its machine is. */
const CGROUP = 'system.slice/demo.service';

const must = (command: string, ...args: readonly string[]): void => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new RuntimeError(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim()}`);
};

/** The project must be reached before its own folder may be hidden, so its place comes first. */
export const enterNeutralPlace = (project: string): void => {
  must('hostname', NAME);
  must('ip', 'link', 'set', 'lo', 'up');
  must('mount', '-t', 'tmpfs', 'none', '/opt');
  mkdirSync(NEUTRAL_FOLDER);
  must('mount', '--bind', project, NEUTRAL_FOLDER);
  for (const folder of ['/tmp', '/run', '/var/lib']) must('mount', '-t', 'tmpfs', 'none', folder);
  process.chdir(NEUTRAL_FOLDER);
  mkdirSync(join(v2Mount()!, CGROUP), { recursive: true });
};

export const enterNeutralCgroup = (pid: number): void => writeFileSync(join(v2Mount()!, CGROUP, 'cgroup.procs'), String(pid));

/** Of the cgroup, which is in no namespace; when nobody is in it any more. Its parent may be others' too. */
export const leaveNeutralPlace = (): void => {
  for (const path of [CGROUP, dirname(CGROUP)]) {
    try {
      rmdirSync(join(v2Mount()!, path));
    } catch {
      return;
    }
  }
};

/** Of a process that is begun there: nothing of who began it. */
export const neutralEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: `${NEUTRAL_FOLDER}/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  HOME: '/root',
  SHELL: '/bin/sh',
  LANG: 'C.UTF-8',
  TERM: 'xterm-256color',
  TZ: 'UTC',
});
