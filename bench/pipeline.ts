/**
 * CPU of a record from the ring to OTLP bytes (drain thread, gate, process table, receiver, processors, writer), as a multiple of the
 * bare writer on the same rows and of @opentelemetry/otlp-transformer on the same records, in interleaved rounds of one run.
 *
 * Records are injected at the addon's door; see door.ts.
 *
 * Garbage is collected before each part is measured, so that none pays for what another left; what a part makes while it runs it pays for.
 *
 * usage: node bench/pipeline.ts [rounds]
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { actorsOf, type Batch } from '../src/core/batch.ts';
import { createLogWriter, DEFAULT_MAX_REQUEST_BYTES } from '../src/otlp/log-writer.ts';
import { createRequestMemory } from '../src/otlp/request-memory.ts';
import { openDoor, openPipeline } from './door.ts';
import { readableRecords } from './encode-workloads.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';
import { execs, RECORDS, type RingWorkload, small } from './ring-workloads.ts';

const rounds = Number(process.argv[2] ?? 30);
/** The slow serializer gets fewer, so that a round takes about as long. */
const PEER_RECORDS = 2048;
/** Until the compiler is through with everything that is measured: its threads count too. */
const WARM_UP_ROUNDS = 20;
const GOAL_BARE = 1.4;
const GOAL_PEER = 0.1;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
/** The young generation only: a full collection throws away hidden classes that nothing lives of, and with them the peer's compiled code. */
const collectGarbage = (): void => gc({ type: 'minor' });

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
const keepRows = async (workload: RingWorkload): Promise<readonly Batch[]> => {
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
const memory = createRequestMemory(DEFAULT_MAX_REQUEST_BYTES);
const writer = createLogWriter({
  resource: [['service.name', 'ringtail']],
  version: '0.0.0',
  memory,
  onRequest: ({ bytes }) => memory.give(bytes.buffer),
});

const measure = async (workload: RingWorkload): Promise<void> => {
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
