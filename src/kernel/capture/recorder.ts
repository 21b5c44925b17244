/**
 * Writes down what a run sees, in the order in which it mattered: a frame when the process table takes it in, each program that procfs told,
 * and the names of the actors when the frame goes on. A replay that does the same in the same order comes to the same records.
 */
import { type AttributeSource, type Frame } from '../../core/batch.ts';
import { actorIdentity } from '../actor-identity.ts';
import type { KernelFrame } from '../frames.ts';
import type { HubObserver, LossByKind } from '../hub.ts';
import type { ProcessTable } from '../lifecycle/process-table.ts';
import type { ProcessNeeds } from '../process-programs.ts';
import type { KernelLookups } from '../service-types.ts';
import { programJson, type About, type End } from './facts.ts';
import { chunkType, encodeFrame, encodeJson, encodeNames, MAX_JSON_BYTES, MAX_TEXT_LENGTH } from './format.ts';
import type { CaptureWriter } from './writer.ts';

export type Recorder = {
  /** What a recording asks of the programs: all that any configuration could want later. */
  readonly needs: ProcessNeeds;
  /** The records of a frame as they were in the ring; told before the frame is delivered. */
  keep(frame: KernelFrame, raw: Uint8Array | undefined): void;
  /** The clock of the process table: it stands still while a chunk is made, so that the chunk has the same time. */
  clock(): number;
  /** A table that tells what is put into it. */
  watch(table: ProcessTable): ProcessTable;
  observer(lookups: Pick<KernelLookups, 'users' | 'cgroups'>): HubObserver;
  /** The first chunk; what comes before it is counted as skipped. */
  begin(about: About): void;
  /** The last chunk. */
  finish(reason: string): End;
};

/** What a record of arguments can hold at the most: ARGS_LIMIT in bpf/process.bpf.c. */
const ARGS_LIMIT_BYTES = 65_536;

type Gap = { frames: number; readonly startMs: number; endMs: number; readonly recordsByKind: Map<number, number> };

const rowsOf = ({ batches }: KernelFrame): number => batches.reduce((sum, { rows }) => sum + rows, 0);

export const createRecorder = (writer: CaptureWriter): Recorder => {
  const rawOf = new WeakMap<Frame, Uint8Array>();
  let frozenMs: number | undefined;
  let begun = false;
  let frames = 0;
  let records = 0;
  let skipped = 0;
  let lost = 0;
  let gap: Gap | undefined;
  /** The frame that was taken in last, when it is in the file. */
  let captured: KernelFrame | undefined;

  const gapChunk = ({ recordsByKind, ...rest }: Gap) => encodeJson(chunkType.gap, { ...rest, recordsByKind: [...recordsByKind] });

  /** What was left out before is told with the next chunk that finds room. */
  const put = (chunk: readonly Uint8Array[]): boolean => {
    if (!begun || !writer.put(gap === undefined ? chunk : [...gapChunk(gap), ...chunk])) return false;
    gap = undefined;
    return true;
  };

  const skip = (frame: KernelFrame): void => {
    const now = Date.now();
    gap ??= { frames: 0, startMs: now, endMs: now, recordsByKind: new Map() };
    gap.frames++;
    gap.endMs = now;
    for (const { kind, rows } of frame.batches) gap.recordsByKind.set(kind, (gap.recordsByKind.get(kind) ?? 0) + rows);
    skipped += rowsOf(frame);
  };

  /** Runs `act` at a time that stands still. */
  const atOneTime = <T>(act: (atMs: number) => T): T => {
    frozenMs = Date.now();
    try {
      return act(frozenMs);
    } finally {
      frozenMs = undefined;
    }
  };

  /** The first time that a frame is taken in it is written whole, the second time only that it was. */
  const takeIn = (frame: KernelFrame, atMs: number): void => {
    if (captured === frame) {
      put(encodeJson(chunkType.again, { atMs }));
      return;
    }
    const raw = rawOf.get(frame);
    if (raw === undefined) return; // told at its dispatch
    rawOf.delete(frame);
    const { sequence, wallOffsetNs } = frame;
    if (put(encodeFrame({ sequence, wallOffsetNs, atMs, rows: rowsOf(frame), records: raw }))) captured = frame;
  };

  const insert = (frame: Frame, actor: number, facts: { readonly path: Uint8Array; readonly pathFlags: number }, atMs: number): void => {
    const program = { atMs, wallOffsetNs: frame.wallOffsetNs, actor: actorIdentity(frame, actor), ...facts };
    put(encodeJson(chunkType.program, programJson(program)));
  };

  const dispatch = (frame: KernelFrame, { users, cgroups }: Pick<KernelLookups, 'users' | 'cgroups'>): void => {
    if (captured !== frame) return skip(frame);
    captured = undefined;
    const texts: string[] = [];
    let textBytes = 0;
    const placeOfText = new Map<string, number>();
    const placesOf = (source: AttributeSource, ids: Uint32Array): Uint32Array => {
      const placeOfId = new Map<number, number>([[0, 0]]);
      return ids.map((id) => {
        let place = placeOfId.get(id);
        if (place === undefined) {
          const value = source.entries(id)[0]?.[1];
          place = 0;
          if (typeof value === 'string' && value.length <= MAX_TEXT_LENGTH) {
            // in JSON a character takes six bytes at the most
            textBytes += 6 * value.length + 3;
            place = placeOfText.get(value) ?? texts.push(value);
            placeOfText.set(value, place);
          }
          placeOfId.set(id, place);
        }
        return place;
      });
    };
    const { owners, logins } = users.resolve(frame);
    const names = {
      texts,
      owners: placesOf(users.ownerSource, owners),
      logins: placesOf(users.loginSource, logins),
      cgroups: placesOf(cgroups.source, cgroups.resolve(frame).paths),
    };
    if (textBytes > MAX_JSON_BYTES || !put(encodeNames(names))) return skip(frame);
    frames++;
    records += rowsOf(frame);
  };

  const tellLoss = ({ lostByKind, reason, startMs, endMs }: LossByKind): void => {
    for (const count of lostByKind.values()) lost += count;
    put(encodeJson(chunkType.loss, { reason, startMs, endMs, lostByKind: [...lostByKind] }));
  };

  return {
    needs: { argsMaxBytes: ARGS_LIMIT_BYTES, threads: true, failedExecs: true },
    keep(frame, raw) {
      if (raw !== undefined) rawOf.set(frame, raw);
    },
    clock: () => frozenMs ?? Date.now(),
    watch: (table) =>
      // what is read of the table goes through to it
      Object.create(table, {
        absorb: {
          value: (frame: KernelFrame) =>
            atOneTime((atMs) => {
              takeIn(frame, atMs);
              table.absorb(frame);
            }),
        },
        insert: {
          value: (frame: Frame, actor: number, facts: { readonly path: Uint8Array; readonly pathFlags: number }) =>
            atOneTime((atMs) => {
              insert(frame, actor, facts, atMs);
              return table.insert(frame, actor, facts);
            }),
        },
      }) as ProcessTable,
    observer: (lookups) => ({ onDispatch: (frame) => dispatch(frame, lookups), onLoss: tellLoss }),
    begin(about) {
      begun = true;
      writer.put(encodeJson(chunkType.about, about), true);
    },
    finish(reason) {
      if (gap !== undefined) writer.put(gapChunk(gap), true);
      gap = undefined;
      const end = { reason, frames, records, skipped, lost };
      writer.put(encodeJson(chunkType.end, end), true);
      return end;
    },
  };
};
