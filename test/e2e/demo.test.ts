/** The traffic generator tells the truth, and leaves nothing behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Truth } from '../../scripts/demo/truth.ts';
import { v2Mount } from './support/cgroups.ts';
import type { LogRecord } from './support/otlp-file.ts';
import { projectRoot, temporaryFolder } from './support/places.ts';
import { childrenOf, run, start, until } from './support/processes.ts';
import { startWatching } from './support/watching.ts';

const script = join(projectRoot, 'scripts/demo/traffic.ts');
const demo = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  start(process.execPath, [script, ...words], { env: { ...process.env, ...env } });

type Made = { readonly cgroups: readonly string[]; readonly files: readonly string[]; readonly links: readonly string[] };

/** What there is of a run and of its processes: folders in the v2 hierarchy and for files, interfaces. Others may run beside it. */
const madeBy = (pid: number, workers: readonly number[], folder: string): Made => ({
  cgroups: readdirSync(v2Mount()).filter((name) => name.startsWith(`ringtail-demo-${pid}-`)),
  files: readdirSync(folder).filter((name) => name.startsWith(`ringtail-demo-${pid}-`)),
  links: Object.keys(networkInterfaces()).filter((name) => workers.some((worker) => name === `demo${worker}`)),
});
const nothing: Made = { cgroups: [], files: [], links: [] };

const numberOf = (record: LogRecord, name: string): number => Number(record.attributes.get(name) ?? 0);
const sum = (records: readonly LogRecord[], name: string): number => records.reduce((all, record) => all + numberOf(record, name), 0);

/** What Ringtail saw of one process of the generator, in the words of its truth. */
const seenOf = (records: readonly LogRecord[], { pid, cgroupId }: Truth['actors'][number]) => {
  const own = records.filter((record) => numberOf(record, 'process.pid') === pid);
  const ends = (transport: string) =>
    own.filter(({ eventName, attributes }) => eventName === 'ringtail.session.end' && attributes.get('network.transport') === transport);
  const sessions = (transport: string) => ({
    sessions: ends(transport).length,
    sessionsIpv6: ends(transport).filter(({ attributes }) => attributes.get('network.type') === 'ipv6').length,
    sentBytes: sum(ends(transport), 'ringtail.session.bytes_sent'),
    receivedBytes: sum(ends(transport), 'ringtail.session.bytes_received'),
  });
  const ofFiles = (event: string) =>
    own.filter(({ eventName, attributes }) => eventName === event && /\/note-\d+-\d+\.txt$/.test(String(attributes.get('file.path'))));
  const programs: Record<string, number> = {};
  for (const record of records) {
    if (record.eventName !== 'ringtail.process.exec' || numberOf(record, 'process.parent_pid') !== pid) continue;
    const path = String(record.attributes.get('process.executable.path'));
    programs[path] = (programs[path] ?? 0) + 1;
  }
  return {
    // who stays in the root of v2 is told by a group of v1
    cgroups: cgroupId === 0 ? [] : [...new Set(ends('tcp').map(({ attributes }) => attributes.get('process.linux.cgroup')))],
    http: sessions('tcp'),
    udp: sessions('udp'),
    files: ofFiles('ringtail.file.unlink').length,
    writtenBytes: sum(ofFiles('ringtail.file.write'), 'ringtail.io.transferred'),
    readBytes: sum(ofFiles('ringtail.file.read'), 'ringtail.io.transferred'),
    programs,
  };
};

const toldOf = ({ cgroup, cgroupId, types: { http, udp, files }, programs }: Truth['actors'][number]) => {
  const sessions = ({ sessions: count, sessionsIpv6, sentBytes, receivedBytes }: typeof http) => ({
    sessions: count,
    sessionsIpv6,
    sentBytes,
    receivedBytes,
  });
  return {
    cgroups: cgroupId === 0 ? [] : [cgroup],
    http: sessions(http),
    udp: sessions(udp),
    files: files.files,
    writtenBytes: files.writtenBytes,
    readBytes: files.readBytes,
    programs,
  };
};

describe('demo:traffic', () => {
  test('counts what Ringtail counts, by process, cgroup, family and program', async () => {
    const receivers = {
      process: { failed_execs: false },
      sockets: {},
      syscalls: { calls: ['unlink', 'read', 'write'], rate_limit: { enabled: false } },
    };
    const watching = await startWatching({ receivers, threads: ['*'] });
    const folder = temporaryFolder();
    const made = demo(['--auto', '--json', '--requests', '200', '--rate', '0'], { TMPDIR: folder });
    expect(await made.ended).toEqual({ code: 0, signal: null });
    const truth = JSON.parse(made.stdout()) as Truth;
    expect(truth).toMatchObject({ type: 'mixed', endedBy: 'requests', leftOut: [] });
    const { http, udp, files, exec } = truth.clients;
    expect([http, udp, files, exec].map(({ requests, failed }) => [requests, failed])).toEqual([
      [80, 0],
      [60, 0],
      [40, 0],
      [20, 0],
    ]);
    // a host, two cgroups that nest, a container and a network namespace, and the server
    expect(truth.actors).toHaveLength(6);
    expect(truth.byNetns).toHaveLength(2);
    expect(truth.byCgroup.map(({ cgroup }) => cgroup.replace(/ringtail-demo-\d+-\d+|[\da-f]{64}/g, '*')).toSorted()).toEqual(
      [truth.actors[1]!.cgroup, '/*/demo-a', '/*/demo-a/demo-b', '/*/docker/*'].toSorted(),
    );
    const records = await watching.finish();
    for (const actor of truth.actors) expect(seenOf(records, actor), `${actor.role} ${actor.pid}`).toEqual(toldOf(actor));
    const container = truth.actors.find(({ containerId }) => containerId !== undefined)!;
    const ofContainer = records.filter(({ resource }) => resource.get('container.id') === container.containerId);
    expect(new Set(ofContainer.map((record) => numberOf(record, 'process.pid')))).toContain(container.pid);
    const pids = truth.actors.map(({ pid }) => pid);
    expect(madeBy(made.pid, pids, folder)).toEqual(nothing);
  });

  test('ends at its time, and when it is stopped, with the truth; nothing stays', async () => {
    const folder = temporaryFolder();
    const late = demo(['--auto', '--json', '--duration', '300ms', '--rate', '40', '--type', 'udp'], { TMPDIR: folder });
    expect((await late.ended).code).toBe(0);
    expect((JSON.parse(late.stdout()) as Truth).endedBy).toBe('duration');
    const stopped = demo(['--auto', '--json', '--duration', '1h', '--rate', '20'], { TMPDIR: folder });
    await until(() => stopped.stderr().includes('begun'), 'traffic', { otherwise: stopped.stderr });
    const workers = childrenOf(stopped.pid);
    expect(madeBy(stopped.pid, workers, folder)).toMatchObject({ cgroups: { length: 1 }, files: { length: 1 }, links: { length: 1 } });
    stopped.child.kill('SIGINT');
    expect((await stopped.ended).code).toBe(0);
    const truth = JSON.parse(stopped.stdout()) as Truth;
    expect(truth.endedBy).toBe('signal');
    for (const [client, server] of [[truth.clients.http, truth.servers.http] as const, [truth.clients.udp, truth.servers.udp] as const]) {
      expect([client.sentBytes, client.receivedBytes]).toEqual([server.receivedBytes, server.sentBytes]);
      expect(client.sessions).toBe(server.sessions);
    }
    expect(madeBy(stopped.pid, workers, folder)).toEqual(nothing);
  });

  test('what a killed one leaves is removed by the next, and nobody else is touched', async () => {
    const folder = temporaryFolder();
    const other = demo(['--auto', '--duration', '1h', '--rate', '5', '--netns', '0', '--json'], { TMPDIR: folder });
    await until(() => other.stderr().includes('begun'), 'traffic', { otherwise: other.stderr });
    const killed = demo(['--auto', '--duration', '1h', '--rate', '5'], { TMPDIR: folder });
    await until(() => killed.stderr().includes('begun'), 'traffic', { otherwise: killed.stderr });
    const workers = childrenOf(killed.pid);
    expect(workers.length).toBeGreaterThan(4);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const left = (state: string): boolean => /^[ZX]/.test(state.slice(state.lastIndexOf(')') + 2));
    const isGone = (pid: number): boolean => {
      try {
        return left(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        return true;
      }
    };
    await until(
      () => workers.every(isGone) && madeBy(killed.pid, workers, folder).links.length === 0,
      'its processes and its interface to be gone',
    );
    expect(madeBy(killed.pid, workers, folder)).toMatchObject({ cgroups: { length: 1 }, files: { length: 1 } });
    mkdirSync(join(folder, 'ringtail-demo-of-mine'));
    const next = await run(process.execPath, [script, '--auto', '--requests', '5', '--rate', '0'], {
      env: { ...process.env, TMPDIR: folder },
    });
    expect(next).toMatchObject({ code: 0, stderr: expect.stringContaining('removed what an earlier run left: ') });
    expect(other.hasEnded()).toBe(false);
    expect(madeBy(killed.pid, workers, folder)).toEqual(nothing);
    expect(madeBy(other.pid, [], folder)).toMatchObject({ cgroups: { length: 1 }, files: { length: 1 } });
    other.child.kill('SIGTERM');
    expect((await other.ended).code).toBe(0);
    expect(madeBy(other.pid, [], folder)).toEqual(nothing);
    expect(readdirSync(folder)).toEqual(['ringtail-demo-of-mine']);
  });

  test('says what is left out without root, and does the rest', async () => {
    const folder = temporaryFolder();
    const mounted = temporaryFolder();
    mkdirSync(join(folder, 'tmp'), { mode: 0o777 });
    const words = [
      '--mount',
      'sh',
      '-c',
      'mount --bind "$0" "$1"; chmod 777 "$2"; export TMPDIR="$2"; shift 2; exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all -- "$@"',
    ];
    const as = await run('unshare', [
      ...words,
      projectRoot,
      mounted,
      join(folder, 'tmp'),
      process.execPath,
      join(mounted, 'scripts/demo/traffic.ts'),
      '--auto',
      '--requests',
      '10',
      '--rate',
      '0',
    ]);
    expect(as.stderr).toContain('left out: cgroups and containers: they need root\n');
    expect(as.stderr).toContain('left out: network namespaces: they need root\n');
    expect(as.stdout).toMatch(/^HTTP +4 /m);
    expect(as.code).toBe(0);
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  test.each([
    [['--type', 'ftp', '--auto'], /there is http, udp, files, exec or mixed/],
    [['--requests', '5'], /nobody can be asked; add --auto/],
  ])('%j: exit code 2', async (words, why) => {
    const { code, stderr } = await run(process.execPath, [script, ...words]);
    expect(stderr).toMatch(why);
    expect(code).toBe(2);
    expect(existsSync(script)).toBe(true);
  });
});
