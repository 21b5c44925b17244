import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { mapBounded } from '../../src/core/bounded.ts';
import { pathFlag } from '../../src/kernel/layouts.gen.ts';
import { parseUptimeNs, readBootClock } from '../../src/kernel/procfs/boot-clock.ts';
import { readExecutable } from '../../src/kernel/procfs/executable.ts';
import { cgroup2Mount, findCgroupMounts } from '../../src/kernel/procfs/mounts.ts';
import { parsePasswd, readPasswd } from '../../src/kernel/procfs/passwd.ts';
import { parseCgroups, parseCommandLine, readCommandLine, readLoginUid, readProcess } from '../../src/kernel/procfs/process.ts';
import { readProgram } from '../../src/kernel/procfs/program.ts';
import { readBounded } from '../../src/kernel/procfs/read.ts';
import { parseStat, parseStatus, readStat, readStatus } from '../../src/kernel/procfs/stat.ts';
import { createFakeProc } from './fake-proc.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringtail-procfs-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const valueOf = <T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string }): T => {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
};

describe('stat', () => {
  const fields = (comm: string): string => `42 (${comm}) S 7 42 40 0 -1 4194304 ${'0 '.repeat(12)}123 ${'0 '.repeat(30)}`;

  it.each(['sh', 'a b', ')', ') S 1', '(x', 'a\nb', ''])('reads a comm of %j', (comm) => {
    const stat = parseStat(fields(comm))!;
    expect(text(stat.comm)).toBe(comm);
    expect(stat).toMatchObject({ pid: 42, state: 'S', ppid: 7, sessionPid: 40, kernelThread: false, startNs: 1_230_000_000n, layout: '' });
  });

  it.each(['', '42', '42 (x', '42 (x) S', '42 (x) S 1 2 3'])('refuses %j', (line) => {
    expect(parseStat(line)).toBeUndefined();
  });

  it('reads the bytes of a comm that is no text', () => {
    expect(parseStat(fields('\xff\xfe'))!.comm).toEqual(Uint8Array.of(0xff, 0xfe));
  });

  it('reads users and pids of status, and is not fooled by the name', () => {
    const status = 'Name:\tUid:\\t1\nTgid:\t9\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\nNStgid:\t9\t1\n';
    expect(parseStatus(status)).toEqual({ uid: 1000, euid: 0, namespacePids: [9, 1] });
    expect(parseStatus('Tgid:\t9\nUid:\t1\t2\t3\t4\n')).toEqual({ uid: 1, euid: 2, namespacePids: [9] });
    expect(parseStatus('Tgid:\t9\nUid:\t1\t2\n')).toBeUndefined();
    expect(parseStatus('')).toBeUndefined();
  });
});

describe('parsers', () => {
  it.each([
    ['a\0b\0', false, ['a', 'b']],
    ['a\0\0', false, ['a', '']],
    ['', false, []],
    ['title without end', false, ['title without end']],
    ['a\0cu', true, ['a', 'cu']],
  ] as const)('splits the command line %j', (line, truncated, args) => {
    const parsed = parseCommandLine(Buffer.from(line), truncated);
    expect([parsed.args.map(text), parsed.truncated]).toEqual([args, truncated]);
  });

  it('tells v2 from v1 cgroups, and keeps colons of paths', () => {
    const parsed = parseCgroups('12:cpu,cpuacct:/a\n1:name=systemd:/b:c\n0::/d:e\n\nnonsense\n');
    expect(parsed.unified).toBe('/d:e');
    expect([...parsed.v1]).toEqual([['cpu,cpuacct', '/a'], ['name=systemd', '/b:c']]); // prettier-ignore
    expect(parseCgroups('4:memory:/x\n').unified).toBeUndefined();
  });

  it.each([
    ['cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n', '/sys/fs/cgroup'],
    ['cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncg2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n', '/sys/fs/cgroup/unified'],
    ['none /odd\\040place\\134x cgroup2 rw 0 0\n', '/odd place\\x'],
    ['cgroup2 /x tmpfs rw 0 0\n', undefined],
  ])('finds the v2 mount in %j', (mounts, expected) => {
    expect(findCgroupMounts(mounts).unified).toBe(expected);
  });

  it('reads users as libc does: the first line of a number, no comments, no nonsense', () => {
    const users = parsePasswd('#root:x:0:0\nroot:x:0:0:r:/root:/bin/sh\ntoor:x:0:0\nbad\n:x:5:5\nneg:x:-1:0\nbig:x:4294967295:0\n');
    expect([...users]).toEqual([[0, 'root'], [4294967295, 'big']]); // prettier-ignore
  });

  it('reads the uptime', () => {
    expect(parseUptimeNs('12.34 5.00\n')).toBe(12_340_000_000n);
    expect(parseUptimeNs('nothing')).toBeUndefined();
  });
});

describe('readers on a fake tree', () => {
  const proc = createFakeProc();
  afterAll(() => proc.dispose());

  it('bounds what it reads and says when it cut something', async () => {
    proc.write('file', 'x'.repeat(10_000));
    const exact = valueOf(await readBounded(`${proc.root}/file`, 10_000));
    const cut = valueOf(await readBounded(`${proc.root}/file`, 9_999));
    expect([exact.bytes.length, exact.truncated, cut.bytes.length, cut.truncated]).toEqual([10_000, false, 9_999, true]);
  });

  it('makes failures values', async () => {
    expect(await readBounded(`${proc.root}/none`, 1)).toEqual({ ok: false, reason: 'gone' });
    expect(await readBounded(proc.root, 1)).toEqual({ ok: false, reason: 'failed' });
    expect(await readStat(proc.root, 1)).toEqual({ ok: false, reason: 'gone' });
    proc.write('proc/3/stat', 'nonsense');
    proc.write('proc/3/status', 'nonsense');
    proc.write('proc/3/loginuid', 'nonsense');
    expect(await readStat(proc.root, 3)).toEqual({ ok: false, reason: 'failed' });
    expect(await readStatus(proc.root, 3)).toEqual({ ok: false, reason: 'failed' });
    expect(await readLoginUid(proc.root, 3)).toEqual({ ok: false, reason: 'failed' });
  });

  it('reads all of a process, and has no login user where there is no audit', async () => {
    proc.set({ pid: 5, exe: '/bin/sh', args: ['sh', ''], uids: [1, 2], namespacePids: [5, 1], cgroup: '/a', loginUid: 1000 });
    const facts = valueOf(await readProcess(proc.root, 5));
    expect(facts).toMatchObject({ status: { uid: 1, euid: 2, namespacePids: [5, 1] }, cgroups: { unified: '/a' }, loginUid: 1000 });
    expect([text(facts.executable!.path), text(facts.workingDirectory!), facts.commandLine!.args.map(text)]).toEqual([
      '/bin/sh',
      '/work',
      ['sh', ''],
    ]);
    proc.remove(5);
    expect(await readLoginUid(proc.root, 5)).toEqual({ ok: true, value: 0xffff_ffff });
    expect(await readProcess(proc.root, 5)).toEqual({ ok: false, reason: 'gone' });
  });

  it('cuts a long command line', async () => {
    proc.set({ pid: 6, args: ['a', 'bcdef'] });
    const line = valueOf(await readCommandLine(proc.root, 6, 4));
    expect([line.args.map(text), line.truncated]).toEqual([['a', 'bc'], true]);
  });

  it.each([
    ['/bin/x (deleted)', '/bin/x', pathFlag.deleted],
    ['/memfd:x (deleted)', '/memfd:x', pathFlag.deleted | pathFlag.pseudo],
    ['/bin/x', '/bin/x', 0],
    ['/memfd:x', '/memfd:x', 0],
  ])('reads the link %j', async (exe, path, flags) => {
    proc.set({ pid: 7, exe });
    const link = valueOf(await readExecutable(proc.root, 7));
    expect([text(link.path), link.pathFlags]).toEqual([path, flags]);
  });

  it('finds the mount, and the clock', async () => {
    expect(await cgroup2Mount(proc.root)).toBeUndefined();
    proc.write('proc/mounts', 'c /cg cgroup2 rw 0 0\n');
    expect(await cgroup2Mount(proc.root)).toBe('/cg');
    expect(await readBootClock(proc.root, () => 2_000_000)).toEqual({ bootNs: 1_000_500_000_000n, wallOffsetNs: 999_500_000_000n });
    expect([await cgroup2Mount(join(proc.root, 'none')), await readBootClock(join(proc.root, 'none'), () => 1)]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('reads no users through a link or from something that is no file', async () => {
    proc.write('good/etc/passwd', 'a:x:1:1\n');
    expect([...valueOf(await readPasswd(`${proc.root}/good`))]).toEqual([[1, 'a']]);
    proc.mkdir('link/etc');
    symlinkSync(`${proc.root}/good/etc/passwd`, `${proc.root}/link/etc/passwd`);
    proc.mkdir('linked');
    symlinkSync(`${proc.root}/good/etc`, `${proc.root}/linked/etc`);
    proc.mkdir('folder/etc/passwd');
    for (const root of ['link', 'linked', 'folder', 'none']) expect((await readPasswd(`${proc.root}/${root}`)).ok).toBe(false);
  });

  it('answers for the program that is asked for, or not at all', async () => {
    proc.set({ pid: 8, comm: 'x', startTicks: 50, exe: '/bin/x' });
    const comm = Buffer.from('x');
    const ask = (question: object) => readProgram(proc.root, { pid: 8, startNs: 500_000_123n, ...question });
    expect(await ask({ comm })).toMatchObject({ ok: true });
    expect(await ask({})).toMatchObject({ ok: true });
    expect(await ask({ comm: Buffer.from('y') })).toEqual({ ok: false, reason: 'other' });
    expect(await ask({ startNs: 510_000_000n })).toEqual({ ok: false, reason: 'other' });
    expect(await ask({ startNs: 499_999_999n })).toEqual({ ok: false, reason: 'other' });
    expect(await ask({ pid: 99 })).toEqual({ ok: false, reason: 'gone' });
    proc.set({ pid: 8, startTicks: 50 });
    expect(await ask({})).toEqual({ ok: false, reason: 'gone' });
    proc.set({ pid: 8, startTicks: 50, kernelThread: true });
    expect(await ask({})).toMatchObject({ ok: true, executable: { path: new Uint8Array(0) } });
  });
});

describe('readers on the live /proc', () => {
  let child: ChildProcess | undefined;
  const sleepAs = async (name: string): Promise<{ pid: number; file: string }> => {
    const file = join(folder, name);
    copyFileSync(realpathSync('/bin/sleep'), file);
    child = spawn(file, ['60']);
    await once(child, 'spawn');
    const pid = child.pid!;
    // The event comes from the pipe that exec closes; the link tells when the program is there.
    await vi.waitFor(async () => expect(text(valueOf(await readExecutable('', pid)).path)).toContain(folder));
    return { pid, file };
  };
  afterEach(async () => {
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    child = undefined;
  });

  it('reads this process', async () => {
    const facts = valueOf(await readProcess('', process.pid));
    expect(facts.stat).toMatchObject({ pid: process.pid, ppid: process.ppid, kernelThread: false });
    expect(facts.status).toMatchObject({ uid: process.getuid!(), euid: process.geteuid!() });
    expect(text(facts.executable!.path)).toBe(realpathSync(process.execPath));
    expect(text(facts.workingDirectory!)).toBe(process.cwd());
    expect(facts.commandLine!.args.map(text).join('\0')).toBe(readFileSync('/proc/self/cmdline', 'latin1').replace(/\0$/, ''));
    expect(facts.stat.layout).not.toBe('');
    expect(await readProgram('', { pid: process.pid, startNs: facts.stat.startNs, comm: facts.stat.comm })).toMatchObject({ ok: true });
  });

  it('reads a hostile name', async () => {
    const { pid } = await sleepAs(') (\nx');
    expect(text(valueOf(await readStat('', pid)).comm)).toBe(') (\nx');
  });

  it('tells a deleted executable from one that is called so', async () => {
    const { pid, file } = await sleepAs('odd (deleted)');
    expect(text(valueOf(await readExecutable('', pid)).path)).toBe(file);
    unlinkSync(file);
    const gone = valueOf(await readExecutable('', pid));
    expect([text(gone.path), gone.pathFlags]).toEqual([file, pathFlag.deleted]);
  });
});

describe('mapBounded', () => {
  it('keeps the order and no more than the limit under way', async () => {
    let underWay = 0;
    let most = 0;
    const results = await mapBounded([5, 1, 3, 2, 4], 2, async (item) => {
      most = Math.max(most, ++underWay);
      for (let turn = 0; turn < item; turn++) await Promise.resolve();
      underWay--;
      return item * 10;
    });
    expect([results, most]).toEqual([[50, 10, 30, 20, 40], 2]);
    expect(await mapBounded([], 4, async () => 1)).toEqual([]);
  });
});
