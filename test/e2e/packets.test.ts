/** Packets that a generator sent over veth pairs, counted in each mode beside whoever else is there, as a real Prometheus has them. */
import { execFileSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { findBpftool } from '../../scripts/lib/tools.mjs';
import { loadAddon, type NativeHook } from '../../src/kernel/addon.ts';
import { hasTcx } from '../../src/kernel/packets/facts.ts';
import { probeFacts } from '../../src/kernel/probe.ts';
import { type KernelObjects, kernelObjectsOf, leftOf, untilGone } from './support/kernel-objects.ts';
import { makePairs } from './support/pairs.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { until } from './support/processes.ts';
import { needPrometheus, startPrometheus, type Prometheus } from './support/prometheus.ts';
import { launchRingtail, type Ringtail, startRingtail, writeConfig } from './support/ringtail.ts';

type Receivers = Readonly<Record<string, { readonly interfaces: readonly string[]; readonly mode?: string }>>;
const METRICS = { collection_interval: '200ms' };

const configOf = (receivers: Receivers, port: number): string =>
  JSON.stringify({
    receivers: Object.fromEntries(Object.entries(receivers).map(([id, options]) => [id, { ...options, metrics: METRICS }])),
    exporters: { prometheus: { endpoint: `127.0.0.1:${port}` } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: Object.keys(receivers), exporters: ['prometheus'] } },
    },
  });

const tcx = hasTcx(probeFacts(loadAddon()));

/** Waits until the sums of both metrics over the series of an interface are these. */
const becomes = async (prometheus: Prometheus, name: string, wanted: { readonly packets: number; readonly bytes: number }, where = '') => {
  const selector = `{network_interface_name="${name}",network_transport="udp"${where}}`;
  let last: unknown;
  await until(
    async () => {
      const valueOf = async (metric: string) => (await prometheus.query(`sum(${metric}${selector})`))[0]?.value ?? 0;
      last = { packets: await valueOf('ringtail_packet_count_total'), bytes: await valueOf('ringtail_packet_io_bytes_total') };
      return JSON.stringify(last) === JSON.stringify(wanted);
    },
    `packets of ${name}: ${JSON.stringify(wanted)}`,
    { otherwise: () => JSON.stringify(last), deadlineMs: 15_000 },
  );
};

const interfacesOf = async (ringtail: Ringtail): Promise<Readonly<Record<string, string>>> => {
  await ringtail.log('ready');
  return Object.assign({}, ...ringtail.logs().map((line) => line['interfaces'] ?? {})) as Readonly<Record<string, string>>;
};
const notesOf = (ringtail: Ringtail): string => ringtail.logs().flatMap((line) => (line['notes'] as readonly string[] | undefined) ?? []).join('\n'); // prettier-ignore

/** Whether there is an XDP program on an interface, and how many filters. */
const xdpOf = (name: string): boolean => execFileSync('ip', ['link', 'show', 'dev', name], { encoding: 'utf8' }).includes('prog/xdp');
const filtersOf = (name: string): number => execFileSync('tc', ['filter', 'show', 'dev', name, 'ingress'], { encoding: 'utf8' }).split(' handle ').length - 1; // prettier-ignore
const namesOfPrograms = ({ prog }: KernelObjects): readonly string[] =>
  prog.map((id) => (JSON.parse(execFileSync(findBpftool(), ['-j', 'prog', 'show', 'id', String(id)], { encoding: 'utf8' })) as { name: string }).name); // prettier-ignore

/** Of a test that is somebody else: nothing of it is read from a ring. */
const SESSION = { ringBytes: 65_536, frameBytes: 2 << 20, frames: 0, flushMs: 50, maxRows: 1, layouts: { actor: [], events: [] } };

const twice = ({ packets, bytes }: { readonly packets: number; readonly bytes: number }) => ({ packets: 2 * packets, bytes: 2 * bytes });
const both = (a: { readonly packets: number; readonly bytes: number }, b: typeof a) => ({
  packets: a.packets + b.packets,
  bytes: a.bytes + b.bytes,
});

test('the figures are what was sent, in each mode, over a rename, a reload and the end of an interface', async (context) => {
  needPrometheus(context);
  const folder = temporaryFolder();
  const [port] = (await freePorts(1)) as [number];
  const modes = ['auto', ...(tcx ? ['tcx'] : []), 'clsact', 'xdp_generic', 'xdp'];
  const pairs = await makePairs(modes.length);
  const receivers: Receivers = Object.fromEntries(
    modes.map((mode, i) => [`packets/${mode}`, { interfaces: [`${pairs[i]!.name}*`], mode }]),
  );
  const ringtail = await startRingtail(writeConfig(folder, configOf(receivers, port)));
  const auto = tcx ? 'tcx' : 'clsact';
  expect(await interfacesOf(ringtail)).toEqual(Object.fromEntries(modes.map((mode, i) => [pairs[i]!.name, mode === 'auto' ? auto : mode])));
  expect(notesOf(ringtail)).toContain(`${pairs.at(-1)!.name}: native XDP on veth switches segmentation offload off`);
  const prometheus = await startPrometheus({ folder, targets: [`127.0.0.1:${port}`] });

  const sent = await Promise.all(pairs.map(async (pair) => [await pair.send(1000, 18), await pair.send(500, 1200, 6)] as const));
  for (const [i, [four, six]] of sent.entries()) {
    await becomes(prometheus, pairs[i]!.name, four, ',network_type="ipv4"');
    await becomes(prometheus, pairs[i]!.name, six, ',network_type="ipv6"');
  }

  const [first, second] = pairs;
  const before = { packets: 1500, bytes: 1000 * 60 + 500 * 1262 };
  const renamed = await first!.rename(`${first!.name}x`);
  const third = await renamed.send(300, 100);
  await becomes(prometheus, renamed.name, third);
  await becomes(prometheus, first!.name, before);

  // what the configuration names no more is counted no more; the others go on
  const dropped = `packets/${modes.at(-1)}`;
  const { [dropped]: _, ...rest } = receivers;
  writeConfig(folder, configOf(rest, port));
  ringtail.child.kill('SIGHUP');
  await ringtail.log('the configuration was reloaded');
  expect(xdpOf(pairs.at(-1)!.name)).toBe(false);
  const fourth = both(third, await renamed.send(100, 18));
  await becomes(prometheus, renamed.name, fourth);

  second!.remove();
  await becomes(prometheus, renamed.name, both(fourth, await renamed.send(100, 18)));
  await becomes(prometheus, second!.name, before);
  expect((await ringtail.stop()).code).toBe(0);
  await prometheus.stop();
});

test('alone it loads the programs that count, and nothing else', async () => {
  const folder = temporaryFolder();
  const [port] = (await freePorts(1)) as [number];
  const [pair] = await makePairs(1);
  const ringtail = await startRingtail(writeConfig(folder, configOf({ packets: { interfaces: [pair!.name] } }, port)));
  const objects = kernelObjectsOf(ringtail.pid);
  const names = namesOfPrograms(objects);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !/^on_(xdp|tcx|clsact)/.test(name))).toEqual([]);
  expect(objects.link).toHaveLength(tcx ? 1 : 0);
  expect((await ringtail.stop()).code).toBe(0);
  await untilGone(objects);
});

/** Somebody else's programs at an interface, in the modes that are told; they go when the test ends. */
const attachForeign = async (hooks: readonly NativeHook[]) => {
  const session = new (loadAddon().Session)(SESSION, () => {});
  onTestFinished(() => void session.close());
  return await Promise.all(
    hooks.map(async (hook) => {
      const program = hook.kind.startsWith('xdp') ? 'foreign_xdp' : 'foreign_tc';
      const object = session.load({ path: workload('foreign-hooks.bpf.o'), programs: [program], options: {}, mapEntries: {} });
      await session.attachHook(object, program, hook);
      return { seen: async () => (await session.readSums(object, 'foreign_seen')).sums[0] ?? 0 };
    }),
  );
};

test('others at an interface are left alone, and it is told who is in the way', async (context) => {
  needPrometheus(context);
  const folder = temporaryFolder();
  const [port, secondPort] = (await freePorts(2)) as [number, number];
  const cases = [
    { foreign: 'xdp_generic', mode: 'auto' },
    { foreign: 'xdp', mode: 'auto' },
    { foreign: 'xdp_generic', mode: 'xdp_generic', note: /the generic XDP program foreign_xdp \(id \d+\) is attached and stays/ },
    { foreign: 'xdp_generic', mode: 'xdp', note: /the generic XDP program foreign_xdp \(id \d+\) is attached and stays/ },
    { foreign: 'xdp', mode: 'xdp', note: /the native XDP program foreign_xdp \(id \d+\) is attached and stays/ },
    ...(tcx ? [{ foreign: 'tcx', mode: 'tcx' } as const] : []),
    { foreign: 'clsact', mode: 'clsact' },
  ] as readonly { readonly foreign: NativeHook['kind']; readonly mode: string; readonly note?: RegExp }[];
  const pairs = await makePairs(cases.length);
  const foreign = await attachForeign(
    cases.map(({ foreign: kind }, i) => ({ kind, ifindex: pairs[i]!.index(), ...(kind === 'clsact' ? { handle: 1, priority: 10 } : {}) })),
  );
  const receivers = Object.fromEntries(cases.map(({ mode }, i) => [`packets/${i}`, { interfaces: [pairs[i]!.name], mode }]));
  const first = await startRingtail(writeConfig(folder, configOf(receivers, port), 'first.yaml'));
  const notes = notesOf(first).split('\n');
  const refused = cases.flatMap(({ note }, i) => (note === undefined ? [] : [{ name: pairs[i]!.name, note }]));
  for (const { name, note } of refused) expect(notes.find((line) => line.startsWith(`${name}: not counted; `))).toMatch(note);
  // a second one: at traffic control both count
  const second = await startRingtail(writeConfig(folder, configOf(receivers, secondPort), 'second.yaml'));
  const prometheus = await startPrometheus({ folder, targets: [`127.0.0.1:${port}`, `127.0.0.1:${secondPort}`], honorLabels: false });
  const sent = await Promise.all(pairs.map((pair) => pair.send(200, 18)));
  for (const [i, { note }] of cases.entries()) {
    if (note === undefined)
      for (const one of [port, secondPort]) await becomes(prometheus, pairs[i]!.name, sent[i]!, `,instance="127.0.0.1:${one}"`);
    expect(await foreign[i]!.seen()).toBeGreaterThanOrEqual(200);
  }
  expect((await first.stop()).code).toBe(0);
  const last = pairs.length - 1;
  const seen = await foreign[last]!.seen();
  await becomes(prometheus, pairs[last]!.name, twice(await pairs[last]!.send(200, 18)), `,instance="127.0.0.1:${secondPort}"`);
  expect((await second.stop()).code).toBe(0);
  expect(await foreign[last]!.seen()).toBeGreaterThanOrEqual(seen + 200);
  await prometheus.stop();
});

test('the place for XDP is of the Ringtail that was first', async () => {
  const folder = temporaryFolder();
  const ports = (await freePorts(2)) as [number, number];
  const [pair] = await makePairs(1);
  const receivers = { packets: { interfaces: [pair!.name], mode: 'xdp_generic' } };
  const [first, second] = [
    await startRingtail(writeConfig(folder, configOf(receivers, ports[0]), 'first.yaml')),
    await startRingtail(writeConfig(folder, configOf(receivers, ports[1]), 'second.yaml')),
  ];
  expect(notesOf(first)).toBe('');
  expect(notesOf(second)).toMatch(/not counted; the generic XDP program on_xdp\S* \(id \d+\) is attached and stays/);
  expect(second.logs().find(({ msg }) => msg === 'not every interface can be counted')).toBeDefined();
  for (const one of [first, second]) expect((await one.stop()).code).toBe(0);
});

test('a Ringtail that is killed leaves nothing that counts, but a filter that the next one takes away', async () => {
  const folder = temporaryFolder();
  const [port] = (await freePorts(1)) as [number];
  const modes = [...(tcx ? ['tcx'] : []), 'xdp_generic', 'xdp', 'clsact'];
  const pairs = await makePairs(modes.length);
  const receivers = Object.fromEntries(modes.map((mode, i) => [`packets/${mode}`, { interfaces: [pairs[i]!.name], mode }]));
  const config = writeConfig(folder, configOf(receivers, port));
  const ringtail = await startRingtail(config);
  const objects = kernelObjectsOf(ringtail.pid);
  ringtail.child.kill('SIGKILL');
  await ringtail.ended;
  const filter = { prog: 1, map: 5, link: 0 };
  const left = () => Map.groupBy(leftOf(objects), (text) => text.split(' ')[0]!);
  await until(
    () => Object.entries(filter).every(([kind, most]) => (left().get(kind)?.length ?? 0) <= most),
    'the kernel to free what was not the filter',
    { otherwise: () => JSON.stringify([...left()]) },
  );
  for (const pair of pairs) expect(xdpOf(pair.name)).toBe(false);
  expect(filtersOf(pairs.at(-1)!.name)).toBe(1);
  const next = await startRingtail(writeConfig(folder, configOf({ packets: { interfaces: [pairs[0]!.name] } }, port)));
  expect(next.logs().find(({ msg }) => msg === 'a filter of a Ringtail that is no more was removed from an interface')).toBeDefined();
  await untilGone(objects);
  expect(filtersOf(pairs.at(-1)!.name)).toBe(0);
  expect((await next.stop()).code).toBe(0);
});

test('without CAP_NET_ADMIN it is said, and nothing is broken', async () => {
  const folder = temporaryFolder();
  const [port] = (await freePorts(1)) as [number];
  const [pair] = await makePairs(1);
  const config = writeConfig(folder, configOf({ packets: { interfaces: [pair!.name] } }, port));
  const ringtail = launchRingtail(['run', '--config', config], {}, ['setpriv', '--bounding-set=-net_admin,-sys_admin', '--']);
  await ringtail.log('ready');
  expect(notesOf(ringtail)).toMatch(/CAP_NET_ADMIN/);
  expect(
    ringtail.logs().find(({ msg }) => msg === 'packets cannot be counted here' || msg === 'not every interface can be counted'),
  ).toBeDefined();
  expect((await ringtail.stop()).code).toBe(0);
});
