/**
 * CPU of a record from the ring to OTLP bytes (drain thread, gate, process table, receiver, processors, writer), as a multiple of the
 * bare writer on the same rows and of @opentelemetry/otlp-transformer on the same records, in interleaved rounds of one run.
 *
 * Records are injected at the addon's door: a ring in memory that is laid out like the kernel's. It is filled while the thread is held up, so
 * that filling is not measured.
 *
 * Garbage is collected before each part is measured, so that none pays for what another left; what a part makes while it runs it pays for.
 *
 * usage: node bench/pipeline.ts [rounds]
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { Subject, type Observable } from 'rxjs';
import { actorsOf, type Batch, type EventSchema } from '../src/core/batch.ts';
import type { Processor } from '../src/core/component.ts';
import { createCounters } from '../src/core/counters.ts';
import { silentLogger } from '../src/core/logger.ts';
import { loadAddon, type NativeSession } from '../src/kernel/addon.ts';
import { decodeFrame } from '../src/kernel/decode.ts';
import { createHub, type Hub } from '../src/kernel/hub.ts';
import { actorLayout, eventKind, eventLayouts } from '../src/kernel/layouts.gen.ts';
import { createLookups } from '../src/kernel/lookups.ts';
import { createLogWriter } from '../src/otlp/log-writer.ts';
import { resolveProcessProcessor } from '../src/processors/resolve-process/index.ts';
import { resolveUserProcessor } from '../src/processors/resolve-user/index.ts';
import { processReceiver } from '../src/receivers/process/index.ts';
import { readableRecords } from './encode-workloads.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';
import { offsets, recordOf } from './records.ts';

const rounds = Number(process.argv[2] ?? 30);
const RING_BYTES = 64 << 20;
const FRAME_BYTES = 4 << 20;
/** Three frames of 8,192 rows: less than the process table holds, several times what fits the caches. */
const RECORDS = 24_576;
/** The slow serializer gets fewer, so that a round takes about as long. */
const PEER_RECORDS = 2048;
/** Until the compiler is through with everything that is measured: its threads count too. */
const WARM_UP_ROUNDS = 20;
const GOAL_BARE = 1.4;
const GOAL_PEER = 0.1;
/** The thread brings its figure up to date before it sleeps. */
const IDLE_MS = 5;
const BOOT_NS = 900_000_000_000n;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
/** The young generation only: a full collection throws away hidden classes that nothing lives of, and with them the peer's compiled code. */
const collectGarbage = (): void => gc({ type: 'minor' });

type Workload = {
  readonly name: string;
  /** RECORDS records one behind the other: the garbage collector has one object to look at, and filling makes none. */
  readonly records: Buffer;
  /** Makes new processes of them, so that nothing is known from the round before. */
  renew(round: number): void;
  /** Turns the kind into events when it is not the process receiver's. */
  readonly schema?: EventSchema;
};

const joined = (make: (index: number) => Buffer): { readonly records: Buffer; readonly starts: Uint32Array } => {
  const single = Array.from({ length: RECORDS }, (_, index) => make(index));
  const starts = new Uint32Array(RECORDS);
  for (let i = 1; i < RECORDS; i++) starts[i] = starts[i - 1]! + single[i - 1]!.length;
  return { records: Buffer.concat(single), starts };
};

const execs = (): Workload => {
  const { records, starts } = joined((i) =>
    recordOf(eventLayouts.exec, {
      bootNs: BOOT_NS + BigInt(i) * 1000n,
      actor: {
        tid: 10_000 + i,
        ppid: 4711,
        execId: 3,
        startNs: 0n,
        parentStartNs: 77n,
        cgroupId: 4242n,
        uid: 0,
        euid: 0,
        loginUid: 0xffff_ffff,
        comm: `tool-${i % 40}`,
      },
      fields: {
        inode: 1234n,
        sessionLeaderPid: 999,
        argc: 4,
        argsTotal: 60,
        syscallNr: 59,
        path: `/usr/lib/some/where/bin/tool-${i % 40}`,
        cwd: '/home/builder/src/project',
        file: `/usr/lib/some/where/bin/tool-${i % 40}`,
        args: ['tool', '--verbose', `--unique=${i}`, '/var/tmp/input.txt'],
      },
    }),
  );
  const renew = (round: number): void =>
    starts.forEach((start, i) => {
      records.writeUInt32LE(10_000 + i, start + offsets.pid);
      records.writeBigUInt64LE(BigInt(round * RECORDS + i) * 1000n + 1n, start + offsets.startNs);
    });
  return { name: 'exec records, every one of a new process', records, renew };
};

const small = (): Workload => {
  const { records } = joined((i) =>
    recordOf(eventLayouts.sample, {
      bootNs: BOOT_NS + BigInt(i) * 1000n,
      actor: {
        pid: 1,
        tid: 1,
        ppid: 0,
        execId: i % 32,
        startNs: 1n,
        cgroupId: 4242n,
        uid: 0,
        euid: 0,
        loginUid: 0xffff_ffff,
        comm: `worker-${i % 32}`,
      },
      fields: { bytes: 65_536n, ret: 4096, fd: i % 200, flags: 1, name: `segment-${i % 100}.log` },
    }),
  );
  return {
    name: 'small records of 32 processes: a common head and five attributes',
    records,
    renew: () => {},
    schema: {
      eventName: 'bench.sample',
      fields: [
        { name: 'bench.bytes', type: 'u64', column: 'bytes' },
        { name: 'bench.return', type: 'i32', column: 'ret' },
        { name: 'bench.fd', type: 'u32', column: 'fd' },
        { name: 'bench.flags', type: 'u32', column: 'flags' },
        { name: 'bench.name', type: 'string', column: 'name' },
      ],
    },
  };
};

type Door = {
  readonly session: NativeSession;
  fill(workload: Workload): void;
  /** Until every record came through. */
  run(): Promise<void>;
  /** Until the thread has said what it used. */
  idle(): Promise<void>;
};

const openDoor = (hub: Hub): Door => {
  const addon = loadAddon();
  let arenas: readonly ArrayBuffer[] = [];
  let rows = 0;
  let wanted = 0;
  let done = (): void => {};
  const session = new addon.Session(
    {
      ringBytes: RING_BYTES,
      frameBytes: FRAME_BYTES,
      frames: 4,
      flushMs: 1,
      maxRows: 8192,
      memory: true,
      layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
    },
    (index) => {
      const frame = decodeFrame(arenas[index]!);
      const inFrame = frame.batches.reduce((sum, batch) => sum + batch.rows, 0);
      hub.deliver(frame, () => {
        session.release(index);
        rows += inFrame;
        if (rows >= wanted) done();
      });
    },
  );
  arenas = session.arenas();
  session.start();
  return {
    session,
    fill({ records }) {
      session.pause(true);
      const accepted = session.inject(records);
      if (accepted !== RECORDS) throw new Error(`the ring took ${accepted} of ${RECORDS} records`);
      rows = 0;
      wanted = accepted;
    },
    run: () =>
      new Promise((resolve) => {
        done = resolve;
        session.pause(false);
      }),
    idle: () => new Promise((resolve) => setTimeout(resolve, IDLE_MS)),
  };
};

type Pipeline = { readonly hub: Hub; onBatch: (batch: Batch) => void };

/** The product's own parts from the gate to the exporter's door. */
const openPipeline = (workload: Workload): Pipeline => {
  const counters = createCounters();
  const lookups = createLookups({ root: '', counters });
  const hub = createHub({ gate: lookups.gate, logger: silentLogger });
  const pipeline: Pipeline = { hub, onBatch: () => {} };
  const kernel = { ...lookups, hub, needProcesses: () => {}, status: () => ({ rung: 'tp_btf', notes: [] }), quiesce: async () => {} };
  const settings = { id: 'bench', logger: silentLogger, counters, version: '0.0.0', resource: [], kernel } as never;
  const processors: Processor[] = [
    resolveProcessProcessor.create(settings, resolveProcessProcessor.config.parse({}) as never),
    resolveUserProcessor.create(settings, resolveUserProcessor.config.parse({}) as never),
  ];
  const receiver = processReceiver.create(settings, processReceiver.config.parse({}) as never);
  const through = (source$: Observable<Batch>) => processors.reduce((stream$, processor) => processor.logs!(stream$), source$);
  through(receiver.logs$!).subscribe((batch) => pipeline.onBatch(batch));
  if (workload.schema !== undefined) {
    const kind = workload.schema;
    const emit = passBatches(through, pipeline);
    hub.subscribe({
      kinds: [eventKind.sample],
      onLoss: () => {},
      onBatch: ({ rows, bootNsLo, bootNsHi, actor, columns }, frame) =>
        emit({
          kind,
          receiver: 'bench',
          frame,
          rows,
          bootNsLo,
          bootNsHi,
          actor,
          columns,
          selection: undefined,
          actorAttributes: [],
          rowAttributes: [],
          resource: undefined,
          omitted: undefined,
        }),
    });
  }
  return pipeline;
};

const passBatches = (through: (source$: Observable<Batch>) => Observable<Batch>, pipeline: Pipeline): ((batch: Batch) => void) => {
  const source$ = new Subject<Batch>();
  through(source$).subscribe((batch) => pipeline.onBatch(batch));
  return (batch) => source$.next(batch);
};

/** A batch that outlives its frame: the same rows and added columns over memory of their own. */
const keepBatch = (batch: Batch): Batch => {
  const own = <T extends Readonly<Record<string, Uint32Array>>>(columns: T): T =>
    Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.slice()])) as unknown as T;
  const { strings, actors, ...frame } = batch.frame;
  const attributes = (columns: Batch['actorAttributes']) => columns.map(({ source, ids }) => ({ source, ids: ids.slice() }));
  return {
    ...batch,
    frame: {
      ...frame,
      strings: { count: strings.count, bytes: strings.bytes.slice(), offsets: strings.offsets.slice(), lengths: strings.lengths.slice() },
      actors: actorsOf(actors.count, (name) => actors[name].slice()),
    },
    bootNsLo: batch.bootNsLo.slice(),
    bootNsHi: batch.bootNsHi.slice(),
    actor: batch.actor.slice(),
    columns: own(batch.columns),
    actorAttributes: attributes(batch.actorAttributes),
    rowAttributes: attributes(batch.rowAttributes),
    resource: undefined,
    omitted: undefined,
  };
};

/** The rows of one injection, kept for the writer and the serializer; a process table of their own keeps what they refer to. */
const keepRows = async (workload: Workload): Promise<readonly Batch[]> => {
  const pipeline = openPipeline(workload);
  const door = openDoor(pipeline.hub);
  const kept: Batch[] = [];
  pipeline.onBatch = (batch) => kept.push(keepBatch(batch));
  workload.renew(0);
  door.fill(workload);
  await door.run();
  door.session.close();
  return kept;
};

/** One for all workloads, as an exporter has one for all kinds; a request is given back as after it was sent. */
const writer = createLogWriter({
  resource: [['service.name', 'ringtail']],
  version: '0.0.0',
  onRequest: ({ bytes }) => writer.recycle(bytes),
});

const measure = async (workload: Workload): Promise<void> => {
  const kept = await keepRows(workload);
  const sample = readableRecords(kept[0]!).slice(0, PEER_RECORDS);
  const pipeline = openPipeline(workload);
  const door = openDoor(pipeline.hub);
  pipeline.onBatch = (batch) => writer.append(batch);
  const encode = () => {
    collectGarbage();
    return cpuNs(() => {
      for (const batch of kept) writer.append(batch);
      writer.flush();
    });
  };
  const through: number[] = [];
  const bare: number[] = [];
  const peer: number[] = [];
  const baseline: number[] = [];
  const drain: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    workload.renew(round + WARM_UP_ROUNDS + 1);
    door.fill(workload);
    collectGarbage();
    const drainedBefore = door.session.stats().cpuNs;
    const whole = await cpuNs(async () => {
      await door.run();
      writer.flush();
    });
    await door.idle();
    const drained = door.session.stats().cpuNs - drainedBefore;
    const first = await encode();
    const second = await encode();
    const serialized = await cpuNs(() => void ProtobufLogsSerializer.serializeRequest(sample));
    if (round < 0) continue;
    through.push(whole / RECORDS);
    drain.push(drained / RECORDS);
    bare.push(first / RECORDS);
    baseline.push(second / first);
    peer.push(serialized / sample.length);
  }
  door.session.close();

  const overBare = ratios(through, bare);
  const overPeer = ratios(through, peer);
  const noise = quartiles(baseline);
  console.log(`${workload.name}; ${rounds} rounds of ${RECORDS}, median [quartiles]`);
  console.log(
    `  ring to OTLP bytes  ${show(quartiles(through)).padStart(18)} ns a record, of these ${show(quartiles(drain))} on the drain thread`,
  );
  console.log(`  bare writer         ${show(quartiles(bare)).padStart(18)} ns a record   (again over first: ${show(noise, 2)})`);
  console.log(`  otlp-transformer    ${show(quartiles(peer)).padStart(18)} ns a record`);
  console.log(
    `  over the bare writer ${show(overBare, 2)}, goal at most ${GOAL_BARE}: ${overBare.median <= GOAL_BARE ? 'reached' : 'missed'}`,
  );
  console.log(
    `  over otlp-transformer ${show(overPeer, 3)}, goal at most ${GOAL_PEER}: ${overPeer.median <= GOAL_PEER ? 'reached' : 'missed'}`,
  );
  if (noise.high - noise.low > 0.1) console.log('  inconclusive: the baseline against itself spreads by more than 10 %');
};

for (const workload of [execs(), small()]) await measure(workload);
