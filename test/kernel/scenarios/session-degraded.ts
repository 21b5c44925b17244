/** Hosts that lack something: each lack costs only what it must, and is said. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { exitCode } from '../../../src/core/errors.ts';
import { sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import type { SocketHook, SocketsStatus } from '../../../src/kernel/sockets/needs.ts';
import type { ProbeCheck } from '../../../src/kernel/probe.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import { bySession, sessionLine, type SessionRecord } from '../harness/session-records.ts';
import type { Context, Facts, Scenario } from '../harness/scenario.ts';

type Started = Pick<SocketsStatus, 'rung' | 'notes' | 'hooks'> & { readonly checks: readonly ProbeCheck[] };
type Refused = { readonly message: string; readonly advice: string; readonly exitCode: number };
/** As JSON has it: 64-bit numbers are texts. */
type Told = Omit<SessionRecord, 'netnsCookie'> & { readonly netnsCookie: string };

/** The same source as TypeScript or, in a guest, as JavaScript. */
const childScript = fileURLToPath(new URL(`../harness/session-child${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

/** A Ringtail that records sessions where something is missing, while programs beside it have everything. */
const startWithout = async ({ program }: Context, lacks: string, needs: object) => {
  const { child, ended, output } = startProgram(program('without'), [lacks, '--', process.execPath, childScript, JSON.stringify(needs)]);
  const lines: unknown[] = [];
  let read = 0;
  /** Each is read once: others of this machine may have many sessions meanwhile. */
  const linesOf = (): readonly unknown[] => {
    const text = output();
    for (let end = text.indexOf('\n', read); end >= 0; end = text.indexOf('\n', read)) {
      lines.push(JSON.parse(text.slice(read, end)));
      read = end + 1;
    }
    return lines;
  };
  await waitFor('it to be loaded', () => linesOf().length > 0 || child.exitCode !== null);
  await waitFor('it to start', () => linesOf().length > 1 || child.exitCode !== null);
  const records = (): readonly Told[] =>
    linesOf()
      .slice(2)
      .filter((line): line is Told => 'kind' in (line as object));
  return {
    first: linesOf()[1],
    records,
    async stop(): Promise<readonly Told[]> {
      child.stdin.end();
      await ended;
      assert.deepEqual(linesOf().at(-1), { done: true });
      return records();
    },
  };
};

/** A Ringtail takes half a minute to start under emulation, and these need one or two of their own. */
const notInGuest = ({ skip }: Context): void => {
  if (process.env['RINGTAIL_GUEST'] !== undefined) skip('it takes too long under emulation');
};

const linesOf = ({ lines }: Facts, word: string): readonly string[] =>
  lines.filter(([first]) => first === word).map(([, ...rest]) => rest.join(' '));

/** TCP is whole whatever else is missing. */
const requireTcp = (facts: Facts, all: readonly Told[]): void => {
  const [cookie = '0'] = linesOf(facts, 'network');
  const sessions = bySession(all.filter(({ netnsCookie }) => cookie === '0' || netnsCookie === cookie) as never);
  const lines = sessions.filter((session) => session.every(({ kind }) => kind !== 'listen')).map(sessionLine);
  assert.deepEqual(lines.toSorted(), linesOf(facts, 'session').toSorted());
};

const ofPid = (all: readonly Told[], { pid }: Facts, kind: Told['kind']) => all.filter((one) => one.kind === kind && one.pid === pid);

/** As the program says it: `client 127.0.0.1:1000 127.0.0.1:2000 1234 5500 550 -`. */
const talkOf = ({ role, local, peer, pid, sent, received, error }: Told): string =>
  `${role} ${local} ${peer} ${pid} ${sent} ${received} ${error}`;

const byHook = ({ hooks }: Started): ReadonlyMap<SocketHook['hook'], SocketHook> => new Map(hooks.map((one) => [one.hook, one]));

/** Each takes a second at the most. */
const MOST_ATTEMPTS = 10;

const cgroupHooks = ['peer', 'release', 'create', 'connect_failed'] as const;

/** `why` stands in the note of each hook of a cgroup; `walks`: iterators work. */
const withoutHooks = async (context: Context, lacks: string, why: RegExp, walks: boolean): Promise<void> => {
  const { run } = context;
  const ringtail = await startWithout(context, lacks, {});
  const started = ringtail.first as Started;
  assert.equal(started.rung, 'ebpf', JSON.stringify(started));
  const hooks = byHook(started);
  for (const hook of ['tcp', 'accept'] as const) assert.deepEqual(hooks.get(hook), { hook, rung: 'tp_btf', note: '' });
  const udp = hooks.get('udp')!;
  assert(udp.rung === 'length' ? udp.note === '' : udp.rung === 'none' && why.test(udp.note), JSON.stringify(udp));
  for (const hook of cgroupHooks) {
    const { rung, note } = hooks.get(hook)!;
    assert.equal(rung, 'none');
    assert.match(note, why);
  }
  const existing = hooks.get('existing')!;
  assert.equal(existing.rung, walks ? 'iterator' : 'none');
  assert.match(existing.note, walks ? /^$/ : /known only when/);
  assert.equal(
    started.notes.some((note) => note.startsWith('sessions do not end by idle time')),
    !walks,
  );

  const tcp = await run('sessions', ['plain4']);
  const unreachable = await run('sessions', ['unreachable']);
  const apart = await run('datagrams', ['peers']);
  const hasUdp = udp.rung !== 'none';
  if (hasUdp && walks) {
    // what is new is known for new some time after what was there before was entered
    let connected: Facts;
    let attempts = 0;
    do {
      assert(attempts++ < MOST_ATTEMPTS, JSON.stringify(ringtail.records().slice(-4)));
      connected = await run('datagrams', ['connected']);
      await waitFor('the end of a datagram socket without its hook', () => ofPid(ringtail.records(), connected, 'end').length > 0);
    } while (ofPid(ringtail.records(), connected, 'start').every(({ role }) => role !== 'client'));
    await waitFor('both ends', () => ofPid(ringtail.records(), connected, 'end').length === 2);
    const told = ofPid(ringtail.records(), connected, 'end').map(talkOf);
    const client = linesOf(connected, 'session').find((line) => line.startsWith('client '));
    assert(told.includes(client!), `${client} is not in ${told.join(', ')}`);
    await waitFor('the ends of sockets with several peers', () => ofPid(ringtail.records(), apart, 'end').length === 4);
  }
  const all = await ringtail.stop();
  requireTcp(tcp, all);
  assert.deepEqual(ofPid(all, unreachable, 'end'), []);
  if (!hasUdp) {
    assert.deepEqual(ofPid(all, apart, 'start'), []);
    return;
  }
  // one session a socket, whose peers are not told
  const starts = ofPid(all, apart, 'start');
  assert.equal(starts.length, 4);
  for (const { peer, flags } of starts) assert.deepEqual([peer, flags & sessionFlag.manyPeers], ['-', sessionFlag.manyPeers]);
  const sums = ofPid(all, apart, 'end').map(({ sent, received }) => `${sent} ${received}`);
  if (walks) assert.deepEqual(sums.toSorted(), ['100 10', '101 11', '102 12', '33 303']);
};

/** `CAP_SYS_ADMIN` stands for it too: both are taken away, what is left is `CAP_BPF` and `CAP_PERFMON`. */
const noNetAdmin: Scenario = {
  name: 'sessions without CAP_NET_ADMIN: TCP is whole, datagrams lack peers',
  run: (context) => withoutHooks(context, 'net_admin', /Operation not permitted/, true),
};

const noCgroup: Scenario = {
  name: 'sessions without cgroup v2: TCP is whole, datagrams lack peers',
  async run(context) {
    notInGuest(context);
    await withoutHooks(context, 'cgroup2', /cgroup v2 is not mounted/, true);
  },
};

const noLinks: Scenario = {
  name: 'sessions where hooks of cgroups and iterators are refused: TCP is whole, what was open is not known',
  async run(context) {
    notInGuest(context);
    await withoutHooks(context, 'links', /cannot attach on_.*Invalid argument/, false);
  },
};

const noBpf: Scenario = {
  name: 'sessions where the kernel refuses bpf: /proc is read, and why; an error where it must not be',
  async run(context) {
    notInGuest(context);
    const ringtail = await startWithout(context, 'bpf', { procfsIntervalMs: 50, probe: true });
    const { rung, notes, hooks, checks } = ringtail.first as Started;
    assert.equal(rung, 'procfs');
    assert.match(notes.join('; '), /ring.*EPERM.*reads \/proc at an interval/);
    assert.deepEqual(hooks, []);
    for (const name of ['tp_btf/inet_sock_set_state', 'cgroup/sock_release', 'iter/udp', 'iter/bpf_map_elem'])
      assert.equal(checks.find((check) => check.name === name)?.ok, false, name);
    const server = createServer().listen(0, '127.0.0.1');
    try {
      await waitFor('the server to listen', () => server.listening);
      const { port } = server.address() as AddressInfo;
      await waitFor('the listener to be seen', () =>
        ringtail.records().some(({ kind, local }) => kind === 'listen' && local === `127.0.0.1:${port}`),
      );
      const listeners = (await ringtail.stop()).filter(({ kind, local }) => kind === 'listen' && local === `127.0.0.1:${port}`);
      assert.deepEqual(
        listeners.map(({ pid }) => pid),
        [process.pid],
      );
    } finally {
      server.close();
    }
    const refused = (await startWithout(context, 'bpf', { mode: 'ebpf' })).first as Refused;
    assert.equal(refused.exitCode, exitCode.kernel);
    assert.match(refused.message, /EPERM/);
    assert.match(refused.advice, /mode to auto/);
  },
};

export const sessionDegradedScenarios: readonly Scenario[] = [noNetAdmin, noCgroup, noLinks, noBpf];
