/**
 * A capture played back: its frames through a process table and a hub of their own, with the names that it brings. It needs no privilege,
 * and asks this machine nothing.
 */
import { createCounters } from '../../core/counters.ts';
import { createFrameBuilder } from '../../core/frame-builder.ts';
import type { Logger } from '../../core/logger.ts';
import type { Addon, NativeError, NativeSession } from '../addon.ts';
import { decodeFrame } from '../decode.ts';
import type { KernelFrame } from '../frames.ts';
import { createContainers } from '../containers/containers.ts';
import { createHub, type Hub } from '../hub.ts';
import { actorLayout, eventLayouts } from '../layouts.gen.ts';
import { createProcessTable, DEFAULT_PROCESS_CAPACITY } from '../lifecycle/process-table.ts';
import { bindLookups, type KernelLookups } from '../service-types.ts';
import { aboutSchema, againSchema, endSchema, gapSchema, lossSchema, programSchema, readFacts, type About, type End } from './facts.ts';
import { CaptureError, chunkType, decodeFrameChunk, decodeNames, MAX_CHUNK_BYTES } from './format.ts';
import { createRecordedNames } from './recorded-names.ts';
import type { Chunk } from './reader.ts';

/** As the frames of the ring are, so that what filled one there fills one here. */
const FRAME_BYTES = 4 << 20;
/** The largest that a configuration can ask for; see kernel.flush_rows. */
const MAX_ROWS = 65_536;

export type Replay = {
  readonly hub: Hub;
  readonly lookups: KernelLookups;
  /** Plays one chunk. Throws a CaptureError when it makes no sense. */
  play(chunk: Chunk): void;
  /** Unix time, ms, at which the frame of this chunk was seen; undefined for other chunks. */
  timeOf(chunk: Chunk): number | undefined;
  about(): About | undefined;
  /** Totals, once the chunk that has them was played. */
  end(): End | undefined;
  /** Rows that went to the hub. */
  readonly records: number;
  close(): void;
};

const noGate: KernelLookups['gate'] = {
  require: () => () => {},
  requires: () => false,
  start: async () => {},
  forget() {},
  admit: () => undefined,
  abandon() {},
};

export type ReplayOptions = {
  readonly addon: Addon;
  readonly logger: Logger;
  /** For tests that make thousands of them. */
  readonly maxRows?: number;
  readonly maxProcesses?: number;
};

export const createReplay = ({ addon, logger, maxRows = MAX_ROWS, maxProcesses = DEFAULT_PROCESS_CAPACITY }: ReplayOptions): Replay => {
  const hub = createHub({ gate: noGate, logger });
  const names = createRecordedNames();
  let nowMs = 0;
  const processes = createProcessTable({ nowMs: () => nowMs, capacity: maxProcesses });
  // nobody claims them, so that nothing is read from disk
  const containers = createContainers({ cgroups: names.cgroups, counters: createCounters() });
  const lookups: KernelLookups = { processes, users: names.users, cgroups: names.cgroups, containers, gate: noGate };
  const session: NativeSession = new addon.Session(
    {
      ringBytes: 2 * MAX_CHUNK_BYTES,
      frameBytes: FRAME_BYTES,
      frames: 1,
      flushMs: 1,
      maxRows,
      memory: true,
      layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
    },
    () => {},
  );
  const arenas = session.arenas();
  let about: About | undefined;
  let end: End | undefined;
  let records = 0;
  let open = true;
  let current: { readonly frame: KernelFrame; readonly index: number; readonly rows: number } | undefined;

  const dropCurrent = (): void => {
    if (current !== undefined) session.release(current.index);
    current = undefined;
  };

  const takeFrame = (payload: Buffer): void => {
    dropCurrent(); // its end was not captured
    const { sequence, wallOffsetNs, atMs, rows, records: bytes } = decodeFrameChunk(payload);
    let index: number;
    try {
      index = session.fill(bytes, sequence, wallOffsetNs);
    } catch (error) {
      throw new CaptureError('the records of a frame are damaged', { cause: (error as NativeError).message });
    }
    const frame: KernelFrame = decodeFrame(arenas[index]!);
    bindLookups(frame, lookups);
    const filled = frame.batches.reduce((sum, batch) => sum + batch.rows, 0);
    current = { frame, index, rows: filled };
    if (filled !== rows) throw new CaptureError('a frame has more or fewer records than it says');
    nowMs = atMs;
    names.cgroups.absorb(frame);
    processes.absorb(frame);
  };

  const takeProgram = (payload: Buffer): void => {
    const { atMs, wallOffsetNs, actor, path, pathFlags } = readFacts(programSchema, payload, 'a program');
    const builder = createFrameBuilder({ wallOffsetNs });
    builder.addActor(actor);
    nowMs = atMs;
    processes.insert(builder.build(), 0, { path, pathFlags });
  };

  const dispatch = (payload: Buffer): void => {
    if (current === undefined) throw new CaptureError('there are names and no frame that they belong to');
    const { frame, index, rows } = current;
    names.bind(frame, decodeNames(payload));
    current = undefined;
    records += rows;
    hub.deliver(frame, () => session.release(index));
  };

  return {
    hub,
    lookups,
    play({ type, payload }) {
      switch (type) {
        case chunkType.about:
          about = readFacts(aboutSchema, payload, 'what the capture is about');
          return;
        case chunkType.frame:
          return takeFrame(payload);
        case chunkType.again:
          if (current === undefined) throw new CaptureError('a frame is to be taken in again and there is none');
          nowMs = readFacts(againSchema, payload, 'a time').atMs;
          return processes.absorb(current.frame);
        case chunkType.program:
          return takeProgram(payload);
        case chunkType.names:
          return dispatch(payload);
        case chunkType.loss:
          return hub.tellLoss(readFacts(lossSchema, payload, 'a loss'));
        case chunkType.gap: {
          const { recordsByKind: lostByKind, startMs, endMs } = readFacts(gapSchema, payload, 'a gap');
          return hub.tellLoss({ reason: 'not_captured', lostByKind, startMs, endMs });
        }
        case chunkType.end:
          end = readFacts(endSchema, payload, 'the totals');
      }
    },
    timeOf: ({ type, payload }) => (type === chunkType.frame ? decodeFrameChunk(payload).atMs : undefined),
    about: () => about,
    end: () => end,
    get records() {
      return records;
    },
    close() {
      if (!open) return;
      open = false;
      dropCurrent();
      session.close();
    },
  };
};
