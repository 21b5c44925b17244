/** Where and as whom: namespaces, users, roots, deep folders. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { cgroup2Mount } from '../../../src/kernel/procfs/mounts.ts';
import { startProgram } from '../harness/runner.ts';
import { kernelRungs, type Scenario } from '../harness/scenario.ts';
import { EXEC, expectAttributes, expectExit, FORK, nameUsers, pathOf } from './expect.ts';

const NOBODY = 65_534;
const LOGIN_UNSET = 0xffff_ffff;

const ownLogin = (): number => {
  try {
    return Number(readFileSync('/proc/self/loginuid', 'utf8'));
  } catch {
    return LOGIN_UNSET;
  }
};

/** Whether the file system that holds a path ignores setuid. */
const isNosuid = (path: string): boolean => {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const within = mounts
    .filter(([, place]) => place === '/' || path.startsWith(`${place}/`))
    .toSorted((a, b) => b[1]!.length - a[1]!.length);
  return within[0]?.[3]?.split(',').includes('nosuid') ?? false;
};

const nested: Scenario = {
  name: 'nested pid and user namespaces: numbers as the first namespace has them',
  rungs: kernelRungs,
  everywhere: true,
  async run({ start, run, program }) {
    const pipeline = await start();
    const facts = await run('execs', ['nested', program('quick')]);
    await pipeline.settle();
    const [inner, outer] = facts.all('child');
    assert.equal(inner![1]! >> 8, 8);
    const exec = pipeline.one(EXEC, { 'process.pid': inner![0]! });
    expectAttributes(exec, {
      'process.parent_pid': outer![0],
      'process.vpid': 1,
      'process.user.id': 1234,
      'process.real_user.id': undefined,
      'process.executable.path': program('quick'),
    });
    expectAttributes(expectExit(pipeline, inner!), {
      'process.vpid': 1,
      'process.user.id': 1234,
      'process.executable.path': program('quick'),
    });
    expectAttributes(expectExit(pipeline, outer!), { 'process.vpid': undefined, 'process.user.id': 1234 });
    const fork = pipeline.one(FORK, { 'process.pid': outer![0]! });
    expectAttributes(fork, { 'ringtail.child.pid': inner![0], 'process.vpid': undefined });
    // either the number that the maker saw or nothing
    assert([undefined, inner![0]].includes(fork.attributes['ringtail.syscall.return'] as number | undefined));
  },
};

const user: Scenario = {
  name: 'a change of user between fork and exec',
  rungs: kernelRungs,
  async run({ start, run, program }) {
    const pipeline = await start();
    await nameUsers(pipeline, run, [0, NOBODY]);
    const facts = await run('execs', ['user', String(NOBODY), program('quick')]);
    await pipeline.settle();
    const [child] = facts.all('child');
    expectAttributes(pipeline.one(FORK, { 'process.pid': facts.pid }), { 'process.user.id': 0, 'process.owner': 'root' });
    expectAttributes(pipeline.one(EXEC, { 'process.pid': child![0]! }), {
      'process.user.id': NOBODY,
      'process.owner': 'nobody',
      'process.real_user.id': undefined,
      'ringtail.login_user.id': [LOGIN_UNSET, NOBODY].includes(ownLogin()) ? undefined : ownLogin(),
    });
    expectAttributes(expectExit(pipeline, child!), { 'process.user.id': NOBODY, 'process.owner': 'nobody' });
  },
};

const setuid: Scenario = {
  name: 'a setuid program: effective and real user',
  rungs: kernelRungs,
  async run({ folder, start, run, copy, skip }) {
    if (isNosuid(folder)) skip(`${folder} lies on a file system without setuid`);
    const path = copy('quick', 'become-root');
    chmodSync(path, 0o4755);
    const pipeline = await start();
    await nameUsers(pipeline, run, [0]);
    const facts = await run('quick', ['0'], { path, uid: NOBODY });
    await pipeline.settle();
    const exec = pipeline.one(EXEC, { 'process.pid': facts.pid });
    expectAttributes(exec, {
      'process.user.id': 0,
      'process.real_user.id': NOBODY,
      'process.owner': 'root',
      'process.executable.path': path,
    });
  },
};

const login: Scenario = {
  name: 'the login user stays behind a change of user',
  rungs: kernelRungs,
  async run({ start, run, program }) {
    const pipeline = await start();
    const facts = await run('execs', ['login', '4321', program('quick')]);
    await pipeline.settle();
    const [child] = facts.all('child');
    expectAttributes(pipeline.one(EXEC, { 'process.pid': child![0]! }), { 'ringtail.login_user.id': 4321, 'process.user.id': 0 });
  },
};

const chroot: Scenario = {
  name: 'a program in a root of its own is told by its whole path',
  rungs: kernelRungs,
  async run({ folder, start, run, program }) {
    mkdirSync(`${folder}/root/bin`, { recursive: true });
    copyFileSync(program('quick'), `${folder}/root/bin/quick`);
    const pipeline = await start();
    const facts = await run('execs', ['root', `${folder}/root`, '/bin/quick']);
    await pipeline.settle();
    const [child] = facts.all('child');
    assert.equal(child![1]! >> 8, 1);
    expectAttributes(pipeline.one(EXEC, { 'process.pid': child![0]! }), {
      'process.executable.path': `${folder}/root/bin/quick`,
      'process.working_directory': `${folder}/root`,
    });
  },
};

const deep: Scenario = {
  name: 'deep folders: whole paths, and when they are too long it is said',
  rungs: kernelRungs,
  async run({ folder, start, run, program }) {
    const pipeline = await start();
    const whole = await run('execs', ['deep', '15', '200', program('quick')], { cwd: folder });
    const many = await run('execs', ['deep', '300', '1', program('quick')], { cwd: folder });
    const long = await run('execs', ['deep', '20', '250', program('quick')], { cwd: folder });
    await pipeline.settle();
    const execOf = (facts: typeof whole) => {
      expectExit(pipeline, facts.all('child')[0]!);
      return pipeline.one(EXEC, { 'process.pid': facts.all('child')[0]![0]! });
    };
    const place = `${folder}${`/${'d'.repeat(200)}`.repeat(15)}`;
    expectAttributes(execOf(whole), {
      'process.executable.path': `${place}/bottom`,
      'process.working_directory': place,
      'ringtail.executable.truncated': undefined,
    });
    expectAttributes(execOf(many), {
      'process.executable.path': `${folder}${'/d'.repeat(300)}/bottom`,
      'ringtail.executable.truncated': undefined,
    });
    const cut = execOf(long);
    // a folder without its front is no folder
    expectAttributes(cut, {
      'ringtail.executable.truncated': true,
      'process.executable.name': 'bottom',
      'process.working_directory': undefined,
    });
    // as many whole names as go into 4 KiB
    assert.equal(pathOf(cut), `${`/${'d'.repeat(250)}`.repeat(16)}/bottom`);
  },
};

const cgroup: Scenario = {
  name: 'a program in a cgroup of its own',
  rungs: kernelRungs,
  async run({ start, program, skip }) {
    const place = await cgroup2Mount('');
    if (place === undefined) return skip('cgroup v2 is not mounted');
    const name = `/ringtail-test-${process.pid}`;
    mkdirSync(`${place}${name}`);
    try {
      const id = statSync(`${place}${name}`).ino;
      const pipeline = await start();
      const { child, ended, output } = startProgram(program('ends'), ['wait']);
      await pipeline.until('the program to wait', () => output() !== '');
      writeFileSync(`${place}${name}/cgroup.procs`, String(child.pid));
      child.stdin.end();
      const facts = await ended;
      await pipeline.settle();
      const made = facts.all('child')[0]!;
      for (const event of [
        pipeline.one(FORK, { 'process.pid': facts.pid }),
        expectExit(pipeline, made),
        expectExit(pipeline, [facts.pid, 0]),
      ]) {
        expectAttributes(event, { 'ringtail.cgroup.id': id, 'process.linux.cgroup': name });
      }
      assert.notEqual(pipeline.one(EXEC, { 'process.pid': facts.pid }).attributes['ringtail.cgroup.id'], id, 'it came there later');
    } finally {
      rmdirSync(`${place}${name}`);
    }
  },
};

export const placeScenarios: readonly Scenario[] = [nested, user, setuid, login, chroot, deep, cgroup];
