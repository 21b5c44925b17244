/**
 * The product from the addon's door to the exporter's: a ring in memory that is laid out like the kernel's, the drain thread, the gate, the
 * process table, the receiver and the processors. The ring is filled while the thread is held up, so that filling is not measured.
 */
import { Subject, type Observable } from 'rxjs';
import type { Batch } from '../src/core/batch.ts';
import type { Processor } from '../src/core/component.ts';
import { createCounters } from '../src/core/counters.ts';
import { silentLogger } from '../src/core/logger.ts';
import { loadAddon, type NativeSession } from '../src/kernel/addon.ts';
import { decodeFrame } from '../src/kernel/decode.ts';
import { createHub, type Hub } from '../src/kernel/hub.ts';
import { actorLayout, eventKind, eventLayouts } from '../src/kernel/layouts.gen.ts';
import { createLookups } from '../src/kernel/lookups.ts';
import { resolveProcessProcessor } from '../src/processors/resolve-process/index.ts';
import { resolveUserProcessor } from '../src/processors/resolve-user/index.ts';
import { processReceiver } from '../src/receivers/process/index.ts';
import { RECORDS, type RingWorkload } from './ring-workloads.ts';

const RING_BYTES = 64 << 20;
const FRAME_BYTES = 4 << 20;
/** The thread brings its figure up to date before it sleeps. */
const IDLE_MS = 5;

export type Door = {
  readonly session: NativeSession;
  fill(workload: RingWorkload): void;
  /** Until every record came through. */
  run(): Promise<void>;
  /** Until the thread has said what it used. */
  idle(): Promise<void>;
};

export const openDoor = (hub: Hub): Door => {
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

export type Pipeline = { readonly hub: Hub; onBatch: (batch: Batch) => void };

/** The product's own parts from the gate to the exporter's door. */
export const openPipeline = (workload: RingWorkload): Pipeline => {
  const counters = createCounters();
  const lookups = createLookups({ root: '', counters });
  const hub = createHub({ gate: lookups.gate, logger: silentLogger });
  const pipeline: Pipeline = { hub, onBatch: () => {} };
  const kernel = { ...lookups, hub, needProcesses: () => () => {}, status: () => ({ rung: 'tp_btf', notes: [] }), quiesce: async () => {} };
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
