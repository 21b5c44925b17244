/** The processor in its pipeline: who is dropped by the default rules, what is counted, and what never goes. */
import { of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { NO_ACTOR, rowsOf, type Batch, type BatchResource } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { MetricBatch } from '../../../src/core/metric-batch.ts';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import { callId, eventKind, headFlag } from '../../../src/kernel/layouts.gen.ts';
import { lossBatch } from '../../../src/otlp/loss.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { attributeName, eventName } from '../../../src/otlp/names.ts';
import { filterConfig } from '../../../src/processors/filter/config.ts';
import { filterProcessor } from '../../../src/processors/filter/index.ts';
import { callSchemas } from '../../../src/receivers/shared/call-schemas.ts';
import { execSchema, exitSchema, forkSchema } from '../../../src/receivers/shared/process-schemas.ts';
import { createLookups, settingsOf } from '../harness.ts';

const schemas = new Map([
  ...callSchemas('x86_64'),
  [eventKind.exec, execSchema(true)],
  [eventKind.fork, forkSchema(false)],
  [eventKind.exit, exitSchema],
] as const);

type Program = { readonly comm: string; readonly executable?: string; readonly uid?: number; readonly flags?: number };
type Made = { readonly by: number; readonly kind: number; readonly columns?: Readonly<Record<string, number | string | Uint8Array>> };

/** Frames of records as the kernel side gives them; the process table is told what each runs. */
const worldOf = async (programs: readonly Program[]) => {
  const lookups = createLookups({ users: { lookupUsers: async (uids) => uids.map((uid) => ({ 0: 'root', 33: 'www-data' })[uid]) } });
  await lookups.users.fetch([{ uid: 0 }, { uid: 33 }]);
  const actorsIn = (builder: ReturnType<typeof createKernelFrameBuilder>) =>
    programs.map(({ comm, uid = 1000, flags = 0 }, index) =>
      builder.addActor({ pid: 100 + index, ppid: 1, startNs: BigInt(index + 1), execId: 1, euid: uid, uid, comm, flags }),
    );
  const tasks = createKernelFrameBuilder({ wallOffsetNs: 0n });
  actorsIn(tasks).forEach((actor, index) => {
    const { executable } = programs[index]!;
    if (executable !== undefined) tasks.addRow(eventKind.task, { bootNs: 1n, actor, columns: { path: executable } });
  });
  lookups.processes.absorb(tasks.build());
  const batches = (made: readonly Made[]): readonly Batch[] => {
    const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
    const actors = actorsIn(builder);
    for (const { by, kind, columns } of made) builder.addRow(kind, { bootNs: 1n, actor: actors[by]!, ...(columns && { columns }) });
    const frame = builder.build();
    return frame.batches.map((built) => ({
      ...built,
      kind: schemas.get(built.kind)!,
      receiver: 'syscalls',
      frame,
      selection: undefined,
      actorAttributes: [],
      rowAttributes: [],
      resource: undefined,
      omitted: undefined,
    }));
  };
  return { lookups, batches };
};

const filterOf = (yaml: string, lookups = createLookups()) => {
  const counters = createCounters();
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => void lines.push(message) };
  const settings = { ...settingsOf(lookups, 'filter/a'), counters, logger, resource: [['host.name', 'here']] as const };
  const processor = filterProcessor.create(settings as never, filterConfig.parse(parse(yaml)) as never);
  const matches = () =>
    counters
      .samples()
      .filter(({ name }) => name === 'ringtail_rule_matches' || name === 'ringtail_condition_failures')
      .map(({ labels, value }) => `${labels['rule'] ?? labels['condition']} ${value}`);
  const through = (batches: readonly Batch[]) => {
    const source$ = new Subject<Batch>();
    const out: Batch[] = [];
    processor.logs!(source$).subscribe((batch) => out.push(batch));
    for (const batch of batches) source$.next(batch);
    return out;
  };
  return { processor, matches, through, lines };
};

const rowsIn = (batches: readonly Batch[]) =>
  batches.flatMap((batch) => Array.from({ length: rowsOf(batch) }, (_, i) => ({ batch, row: batch.selection?.[i] ?? i })));
const pids = (batches: readonly Batch[]) => rowsIn(batches).map(({ batch, row }) => batch.frame.actors.pid[batch.actor[row]!]);
const paths = (batches: readonly Batch[]) =>
  rowsIn(batches).map(({ batch, row }) => new Map(attributesOf(batch, row)).get(attributeName.filePath));

const open = (by: number, path: string, columns: Made['columns'] = {}): Made => ({
  by,
  kind: eventKind.open,
  columns: { path, call: callId.openat, ret: 3, ...columns },
});

describe('the default rules', () => {
  const kernel = headFlag.kernelThread;
  const programs: readonly (Program & { readonly stays: boolean })[] = [
    { comm: 'systemd', executable: '/usr/lib/systemd/systemd', uid: 0, stays: false },
    { comm: 'any name', executable: '/lib/systemd/systemd-journald', uid: 0, stays: false },
    { comm: 'kworker/0:1', flags: kernel, uid: 0, stays: false },
    { comm: 'snapd', executable: '/usr/lib/snapd/snapd', uid: 0, stays: false },
    { comm: 'snapd', executable: '/snap/snapd/24792/usr/lib/snapd/snapd', uid: 0, stays: false },
    { comm: 'node_exporter', executable: '/usr/bin/node_exporter', uid: 0, stays: false },
    // names that programs gave themselves
    { comm: 'kworker/u8:1', executable: '/tmp/evil', stays: true },
    { comm: 'kworker/u8:1', executable: '/tmp/evil', uid: 0, stays: true },
    { comm: 'systemd-x', executable: '/tmp/evil', uid: 0, stays: true },
    { comm: 'ringtail', executable: '/tmp/evil', uid: 0, stays: true },
    { comm: 'node_exporter', executable: '/home/a/node_exporter', uid: 0, stays: true },
    // of which not all is so
    { comm: 'kthreadd', flags: kernel, uid: 0, stays: true },
    { comm: 'systemd', executable: '/usr/lib/systemd/systemd', stays: true },
    { comm: 'systemd', executable: '/usr/lib/systemd/systemd', uid: 0, flags: headFlag.nestedPidNs, stays: true },
    { comm: 'snapd', executable: '/snap/other/1/usr/lib/snapd/snapd', uid: 0, stays: true },
    { comm: 'systemd', uid: 0, stays: true },
  ];
  const expected = programs.flatMap(({ stays }, index) => (stays ? [100 + index] : []));

  it('go by what processes are and not by what they are called', async () => {
    const world = await worldOf(programs);
    const { through } = filterOf('{}', world.lookups);
    const out = through(world.batches(programs.map((_, by) => open(by, '/srv/data'))));
    expect(pids(out)).toEqual(expected);
  });

  it('never drop a program that was started', async () => {
    const world = await worldOf(programs);
    const { through, matches } = filterOf('{}', world.lookups);
    const kinds = [eventKind.exec, eventKind.fork, eventKind.exit];
    const out = through(world.batches(programs.flatMap((_, by) => kinds.map((kind) => ({ by, kind })))));
    expect(out.map(({ kind }) => kind.eventName)).toEqual([eventName.processFork, eventName.processExec, eventName.processExit]);
    expect(out.map((batch) => pids([batch]).length)).toEqual([expected.length, programs.length, expected.length]);
    expect(matches()).toContain('filter/a process.drop[0] 4');
  });

  it('drop files that are noise, as files only, and by paths that are certain', async () => {
    const world = await worldOf([{ comm: 'a', executable: '/bin/a' }]);
    const { through, matches } = filterOf('{}', world.lookups);
    const read = (path: string) => ({ by: 0, kind: eventKind.read, columns: { path, ret: 1 } });
    const batches = world.batches([
      ...['/usr/lib/a.so', '/lib64/a', '/sys/a', '/proc/1/maps', '/run/a', '/dev/null', '/dev/pts/3'].map((path) => open(0, path)),
      open(0, '/usr/lib/none', { ret: -2 }),
      read('/dev/zero'),
      // and these stay
      ...['/usr/local/lib/a', '/dev/nullx', '/dev/sda', '/etc/shadow', '/procs'].map((path) => open(0, path)),
      open(0, '/usr/lib/none', { ret: -13 }),
      open(0, '/usr/lib/../../etc/shadow', { ret: -2 }),
      open(0, '/usr/lib/a', { callFlags: 4 }),
      open(0, '/usr/lib/a', { pathFlags: 8 }),
      open(0, ''),
      { by: 0, kind: eventKind.unlink, columns: { path: '/run/gone', ret: 0 } },
      { by: 0, kind: eventKind.connect, columns: { path: '/run/socket', ret: 0 } },
      read('/etc/shadow'),
    ]);
    const out = through(batches);
    expect(paths(out)).toEqual([
      '/usr/local/lib/a', '/dev/nullx', '/dev/sda', '/etc/shadow', '/procs', '/usr/lib/none', '/usr/lib/../../etc/shadow', '/usr/lib/a', '/usr/lib/a', undefined,
      '/etc/shadow', '/run/gone', undefined,
    ]); // prettier-ignore
    expect(matches()).toEqual(['filter/a context.drop[0] 9']);
    // the batch itself is not touched
    expect(batches.every(({ selection }) => selection === undefined)).toBe(true);
  });
});

describe('a filter', () => {
  it('gives a batch back of which it drops nothing, and none of which it drops all', async () => {
    const world = await worldOf([{ comm: 'a' }, { comm: 'b' }]);
    const { through } = filterOf('{process: {drop: [{comm: a}]}}', world.lookups);
    const [both] = world.batches([open(0, '/x'), open(1, '/y'), open(0, '/z'), open(1, '/z')]);
    const [none] = world.batches([open(1, '/x')]);
    const [all] = world.batches([open(0, '/x'), open(0, '/y')]);
    const out = through([both!, none!, all!, { ...both!, selection: Uint32Array.of(3, 0) }]);
    expect(out.length).toBe(3);
    expect([...out[0]!.selection!]).toEqual([1, 3]);
    expect(out[1]).toBe(none);
    expect([...out[2]!.selection!]).toEqual([3]);
  });

  it('counts the first rule that matches, and conditions after rules', async () => {
    const world = await worldOf([{ comm: 'a', uid: 33 }, { comm: 'b' }]);
    const { through, matches } = filterOf(
      `
process: {drop: [{user: nobody}, {user: www-data}, {comm: a}]}
context: {drop: [{path: /a*}, {path: /ab*}, {path: /b, comm: b}], keep: [{path: /abc}]}
log_conditions: ['log.attributes["file.path"] == "/c"', 'resource.attributes["host.name"] == "here" and log.attributes["file.path"] == "/d"']
`,
      world.lookups,
    );
    const out = through(world.batches([open(0, '/a'), ...['/ab', '/abc', '/abd', '/b', '/c', '/d', '/e'].map((path) => open(1, path))]));
    expect(paths(out)).toEqual(['/abc', '/e']);
    expect(matches()).toEqual([
      'filter/a process.drop[1] 1',
      'filter/a context.drop[0] 2',
      'filter/a context.drop[2] 1',
      'filter/a log_conditions[0] 1',
      'filter/a log_conditions[1] 1',
    ]);
  });

  it('never drops what never_drop names, by conditions neither', async () => {
    const world = await worldOf([{ comm: 'a' }]);
    const batches = [
      ...world.batches([{ by: 0, kind: eventKind.exec }, { by: 0, kind: eventKind.exit }, open(0, '/a')]),
      lossBatch('a', { reason: 'ring_full', lost: 1, startMs: 0, endMs: 1 }),
    ];
    const names = (yaml: string) =>
      filterOf(yaml, world.lookups)
        .through(batches)
        .map(({ kind }) => kind.eventName);
    expect(names('{log_conditions: ["true"]}')).toEqual([eventName.processExec, eventName.loss]);
    expect(names('{context: {drop: [{event: ringtail.*}]}}')).toEqual([eventName.processExec, eventName.loss]);
    expect(names('{never_drop: ["*.exit"], context: {drop: [{event: "*"}]}}')).toEqual([eventName.processExit]);
    expect(names('{never_drop: [], log_conditions: ["true"]}')).toEqual([]);
    // nobody did it: no rule about processes
    expect(names('{never_drop: [], process: {drop: [{comm: "*"}]}}')).toEqual([eventName.loss]);
  });

  it('asks the gate for what its rules need, and takes that back', async () => {
    const asked: string[] = [];
    const kernel = createLookups();
    const gate = { ...kernel.gate, require: (need: string) => (asked.push(need), () => void asked.push(`no ${need}`)) };
    const { processor } = filterOf('{process: {drop: [{executable: /a}, {user: a}, {container: a}]}}', { ...kernel, gate } as never);
    await processor.start();
    await processor.stop(0);
    expect(asked).toEqual(['process', 'user', 'cgroup', 'no process', 'no user', 'no cgroup']);
    const other = filterOf('{process: {drop: [{comm: a}]}}', { ...kernel, gate } as never);
    await other.processor.start();
    expect(asked.length).toBe(6);
  });
});

describe('a condition that cannot be evaluated', () => {
  const condition = `'HasPrefix(log.attributes["file.path"], "/a")'`;
  const sent = async (mode: string) => {
    const world = await worldOf([{ comm: 'a' }]);
    const filter = filterOf(`{error_mode: ${mode}, log_conditions: [${condition}]}`, world.lookups);
    const batches = world.batches([open(0, '/a'), open(0, ''), { by: 0, kind: eventKind.exit }]);
    return { ...filter, send: () => filter.through(batches) };
  };

  it.each([['ignore', 1], ['silent', 0]] as const)('%s: the record stays', async (mode, told) => {
    const { send, matches, lines } = await sent(mode);
    expect(rowsIn(send()).length).toBe(2);
    expect(matches().toSorted()).toEqual(['filter/a log_conditions[0] 1', 'filter/a log_conditions[0] 2']);
    expect(lines.length).toBe(told);
  }); // prettier-ignore

  it('propagate: the batch is refused', async () => {
    const { processor } = await sent('propagate');
    const world = await worldOf([{ comm: 'a' }]);
    const source$ = new Subject<Batch>();
    const errors: unknown[] = [];
    processor.logs!(source$).subscribe({ error: (error) => errors.push(error) });
    source$.next(world.batches([open(0, '')])[0]!);
    expect(String(errors[0])).toContain('filter/a log_conditions[0] cannot be evaluated for a record: HasPrefix(');
  });
});

it('points of metrics are dropped by conditions, and metrics without points', () => {
  const { processor, matches } = filterOf(
    `{metric_conditions: ['metric.name == "a" and datapoint.attributes["error.type"] != nil', 'metric.unit == "By" and resource.attributes["host.name"] == "here"']}`,
  );
  const point = (error?: string) => ({
    attributes: error === undefined ? [] : ([['error.type', error]] as const),
    startUnixNs: 0n,
    timeUnixNs: 1n,
    value: 1n,
  });
  const sum = (name: string, unit: string, ...errors: readonly (string | undefined)[]) => ({
    name, unit, description: '', type: 'sum' as const, monotonic: true, temporality: 'delta' as const, points: errors.map(point),
  }); // prettier-ignore
  const batch = (...metrics: MetricBatch['metrics']): MetricBatch => ({ receiver: 'r', resource: undefined, metrics });
  const source$ = new Subject<MetricBatch>();
  const out: MetricBatch[] = [];
  processor.metrics!(source$).subscribe((one) => out.push(one));
  const untouched = batch(sum('a', '{call}', undefined));
  source$.next(untouched);
  source$.next(batch(sum('a', '{call}', 'ENOENT', undefined), sum('b', '{call}', 'ENOENT'), sum('c', 'By', undefined)));
  source$.next(batch(sum('c', 'By', undefined)));
  source$.next({ ...batch(sum('c', 'By', undefined)), resource: { attributes: [['host.name', 'there']] } });
  expect(out[0]).toBe(untouched);
  expect(out.map(({ metrics }) => metrics.map(({ name, points }) => `${name} ${points.length}`))).toEqual([
    ['a 1'],
    ['a 1', 'b 1'],
    ['c 1'],
  ]);
  expect(matches()).toEqual(['filter/a metric_conditions[0] 1', 'filter/a metric_conditions[1] 2']);
});

it('conditions see what a row, or a point, belongs to', async () => {
  const world = await worldOf([{ comm: 'a' }]);
  const condition = (name: string) => `resource.attributes["container.id"] == "${name}"`;
  const { processor, through, matches } = filterOf(
    `{log_conditions: ['${condition('abc')}', 'resource.attributes["host.name"] == "there"'], metric_conditions: ['${condition('abc')}']}`,
    world.lookups,
  );
  const container: BatchResource = { attributes: [['container.id', 'abc']] };
  const other: BatchResource = { attributes: [['container.id', 'def']] };
  const [batch] = world.batches(['/a', '/b', '/c', '/d', '/e'].map((path) => open(0, path)));
  const rowResources = { ids: Uint32Array.of(0, 1, 2, 1, 0), list: [undefined, container, other] };
  const left = through([
    { ...batch!, rowResources },
    { ...batch!, rowResources, selection: Uint32Array.of(1, 2) },
    { ...batch!, rowResources, resource: { attributes: [['host.name', 'there']] } },
  ]);
  expect(left.map(({ selection }) => [...selection!])).toEqual([[0, 2, 4], [2], [2]]);
  expect(left.every((one) => one.rowResources === rowResources)).toBe(true);

  const point = { attributes: [], startUnixNs: 0n, timeUnixNs: 1n };
  const points = [
    { ...point, value: 1n },
    { ...point, value: 2n, resource: container },
    { ...point, value: 3n, resource: other },
  ];
  const out: MetricBatch[] = [];
  const metric = { name: 'a', unit: '', description: '', type: 'gauge' as const, points };
  processor.metrics!(of({ receiver: 'r', resource: container, metrics: [metric] })).subscribe((one) => out.push(one));
  processor.metrics!(of({ receiver: 'r', resource: undefined, metrics: [metric] })).subscribe((one) => out.push(one));
  expect(out.map(({ metrics }) => metrics[0]!.points)).toEqual([[points[2]], [points[0], points[2]]]);
  expect(matches()).toEqual(['filter/a log_conditions[0] 5', 'filter/a log_conditions[1] 2', 'filter/a metric_conditions[0] 3']);
});

it('conditions see the severity of records that have another one', async () => {
  const world = await worldOf([{ comm: 'a' }]);
  const { through } = filterOf(`{log_conditions: ['log.severity_number < SEVERITY_NUMBER_WARN']}`, world.lookups);
  const [batch] = world.batches(['/a', '/b', '/c'].map((path) => open(0, path)));
  const [left, ...none] = through([{ ...batch!, severities: Uint32Array.of(9, 17, 1) }, batch!]);
  expect([...left!.selection!]).toEqual([1]);
  expect(none).toEqual([]);
});

it('records whose process stands in attributes are judged by those', () => {
  const { through, matches } = filterOf(
    '{process: {drop: [{executable: /bin/a, uid: 0}]}, context: {drop: [{path: /x*, result: ENOENT}, {address: 10.0.0.0/8, port: 53, size: ">10"}]}}',
  );
  const sets = [
    [['process.pid', 1], ['process.executable.path', '/bin/a'], ['process.user.id', 0]],
    [['process.pid', 1], ['process.executable.path', '/bin/a'], ['process.user.id', 1]],
    [['file.path', '/x/y'], ['ringtail.syscall.return', -2]],
    [['file.path', '/x/y'], ['ringtail.syscall.return', -2], ['ringtail.unverified', true]],
    [['file.path', '/x/../y'], ['ringtail.syscall.return', -2]],
    [['file.path', '/x/y'], ['ringtail.syscall.return', -2], ['ringtail.path.truncated', true]],
    [['file.path', 5], ['ringtail.syscall.return', -2n]],
  ] as const; // prettier-ignore
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  sets.forEach(() => builder.addRow(eventKind.open, { bootNs: 1n, actor: NO_ACTOR }));
  const frame = builder.build();
  const source = { size: () => 0, write: (_id: number, _out: Uint8Array, at: number) => at, entries: (id: number) => sets[id - 1] ?? [] };
  const batch: Batch = {
    ...frame.batches[0]!,
    columns: {},
    kind: { eventName: eventName.fileOpen, fields: [] },
    receiver: 'replay',
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [{ source: source as never, ids: Uint32Array.from(sets, (_, index) => index + 1) }],
    resource: undefined,
    omitted: undefined,
  };
  expect([...through([batch])[0]!.selection!]).toEqual([1, 4, 5, 6]);
  const sends = [
    [['network.peer.address', '10.1.1.1'], ['network.peer.port', 53], ['ringtail.io.transferred', 11]],
    [['network.peer.address', '10.1.1.1'], ['network.peer.port', 53], ['ringtail.io.transferred', 10]],
    [['network.peer.address', '11.1.1.1'], ['network.peer.port', 53], ['ringtail.io.transferred', 11]],
  ] as const; // prettier-ignore
  const sent = { ...source, entries: (id: number) => sends[id - 1] ?? [] };
  const [left] = through([
    {
      ...batch,
      rows: 3,
      kind: { eventName: eventName.networkSend, fields: [] },
      rowAttributes: [{ source: sent as never, ids: Uint32Array.of(1, 2, 3) }],
    },
  ]);
  expect([...left!.selection!]).toEqual([1, 2]);
  expect(matches()).toEqual(['filter/a process.drop[0] 1', 'filter/a context.drop[0] 2', 'filter/a context.drop[1] 1']);
});

it('sessions that stand in attributes are judged by both ends and by how they ended', () => {
  const { through } = filterOf(
    '{context: {drop: [{local_address: "::", local_port: 1-100}, {address: 0.0.0.0/0}, {local_address: fe80::/10}, {result: [success, ECONNRESET]}], keep: [{port: 443}]}}',
  );
  const ends = [
    [['network.local.address', '*'], ['network.local.port', 22], ['network.peer.port', 9], ['error.type', 'EPIPE']],
    [['network.local.address', '::'], ['network.local.port', 101], ['error.type', 'EPIPE']],
    [['network.peer.address', '0.0.0.0'], ['error.type', 'EPIPE']],
    [['network.peer.address', '10.0.0.1'], ['error.type', 'EPIPE']],
    [['network.peer.address', '::ffff:10.0.0.1'], ['network.peer.port', 443], ['error.type', 'EPIPE']],
    [['network.local.address', 'fe80::1%eth0'], ['error.type', 'EPIPE']],
    [['error.type', 'ECONNRESET']],
    [['error.type', 'ESOMETHING']],
    [],
  ] as const; // prettier-ignore
  const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
  ends.forEach(() => builder.addRow(eventKind.sessionEnd, { bootNs: 1n, actor: NO_ACTOR }));
  const frame = builder.build();
  const entries = (id: number) => ends[id - 1] ?? [];
  const source = { size: () => 0, write: (_id: number, _out: Uint8Array, at: number) => at, entries };
  const ids = Uint32Array.from(ends, (_, index) => index + 1);
  const batch: Batch = {
    ...frame.batches[0]!,
    columns: {},
    kind: { eventName: eventName.sessionEnd, fields: [] },
    receiver: 'replay',
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [{ source: source as never, ids }],
    resource: undefined,
    omitted: undefined,
  };
  expect([...through([batch])[0]!.selection!]).toEqual([1, 2, 4, 7]);
});
