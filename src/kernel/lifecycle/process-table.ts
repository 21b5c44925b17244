/**
 * Who runs what: every program that a process ran, by (pid, start time, exec id), living and for a while dead. Fed by the lifecycle
 * records of each frame, asked for the actors of each frame.
 */
import type { Actors, AttributeSource, Frame } from '../../core/batch.ts';
import { attributeName, attributionSource, type AttributionSource } from '../../otlp/names.ts';
import { putBytes } from '../../otlp/wire.ts';
import { createFrameMemo } from '../frame-memo.ts';
import type { KernelFrame } from '../frames.ts';
import { TICK_NS } from '../procfs/stat.ts';
import { ATTRIBUTION, createAbsorber } from './absorb.ts';
import { createExecutables, type ExecutableFacts as KeptExecutable } from './executables.ts';
import { createDerivedSource, createProcessSource, createProgramSource } from './process-attributes.ts';
import { createSlotStore, isLater, SLOT_SHIFT, STATE, WORD } from './slots.ts';

/** 64 bytes each: as many programs as a large host runs, with room for the dead. */
export const DEFAULT_PROCESS_CAPACITY = 65_536;
/** Four frames of nothing but exits; the dead are needed by records that come behind the exit. */
export const DEFAULT_DEAD_CAPACITY = 32_768;
export const DEFAULT_DEAD_TTL_MS = 30_000;
/** About 20,000 executables with paths of usual length. */
export const DEFAULT_EXECUTABLE_BYTES = 16 * 2 ** 20;
/** Most ancestors that are followed. */
export const MAX_ANCESTORS = 16;

export type ProcessTableOptions = {
  readonly capacity?: number;
  readonly deadCapacity?: number;
  readonly deadTtlMs?: number;
  readonly maxExecutableBytes?: number;
  /** Unix time, ms. */
  readonly nowMs?: () => number;
  /** Keeps others from choosing collisions. */
  readonly seed?: number;
};

export type ProcessTableStats = {
  /** Running programs. */
  readonly alive: number;
  /** Programs that ended or gave way to another exec, still kept. */
  readonly dead: number;
  readonly inserts: number;
  /** Running programs given up because the table was full. */
  readonly evictedAlive: number;
  /** Dead programs given up before their time. */
  readonly evictedDead: number;
  /** Children that were not entered because their maker was not known. */
  readonly unknownMakers: number;
  readonly executables: number;
  readonly executableBytes: number;
};

/** What `insert` is told: raw path bytes and `path_flags`. */
export type ExecutableFacts = { readonly path: Uint8Array; readonly pathFlags: number };

export type ProcessTable = {
  /** Takes the lifecycle batches of a frame in. What it knows already stays, so it may be called again for the same frame. */
  absorb(frame: KernelFrame): void;
  /** The slot of each actor of the frame, 0 = not known. Valid until the table changes. */
  resolve(frame: Frame): Uint32Array;
  /** The slot of each actor's parent at the time of the record, 0 = not known. Valid until the table changes. */
  resolveParents(frame: Frame): Uint32Array;
  /** Enters an actor whose executable was read from procfs, or improves what is known with less certainty; returns its slot. */
  insert(frame: Frame, actor: number, facts: ExecutableFacts): number;
  /** Whether the process of an actor is known to have gone on to a later program: what runs there now is then not the actor's. */
  isPast(frame: Frame, actor: number): boolean;
  /** Whether a program is known to have ended, or to have given way to a later one of its process. `startNs` is boot time. */
  hasEnded(pid: number, startNs: bigint, execId: number): boolean;
  /**
   * The program that a living process runs now. `startNs`: boot time as procfs has it, rounded down; undefined: whoever has the number. It walks the whole
   * table.
   */
  identityOf(pid: number, startNs?: bigint): { readonly startNs: bigint; readonly execId: number } | undefined;
  /** The slot of the last program that a process is known to have run, living or dead; 0 = not known. `startNs` is boot time. */
  slotOf(pid: number, startNs: bigint): number;
  /** Executable, attribution and creation time by slot. */
  readonly source: AttributeSource;
  /** The same without the attribution: for records that say themselves where their process is known from. */
  readonly programSource: AttributeSource;
  /** `ringtail.process.caller.executable.path` by the slot of the program that was started. */
  readonly callerSource: AttributeSource;
  /** `ringtail.ancestors` by the slot of the parent, `depth` executables at most. */
  ancestorSource(depth: number): AttributeSource;
  attribution(slot: number): AttributionSource;
  isKernelThread(slot: number): boolean;
  /** Whether its executable is known. */
  isNamed(slot: number): boolean;
  /** undefined when not known, and for kernel threads. */
  executablePath(slot: number): string | undefined;
  /** Raw path and `path_flags`; undefined when not known, and for kernel threads. */
  executable(slot: number): KeptExecutable | undefined;
  /** Unix time in µs. */
  createdUs(slot: number): number;
  /** Path of the program that the process ran before, when it was the one just before. */
  callerPath(slot: number): string | undefined;
  /** Executable paths of parent, grandparent and so on, as far as they are known; kernel threads end the list. */
  ancestors(slot: number, count: number): readonly string[];
  /** Slots in use. */
  readonly size: number;
  /** Grows with every change. */
  readonly version: number;
  stats(): ProcessTableStats;
};

export const createProcessTable = (options: ProcessTableOptions = {}): ProcessTable => {
  const {
    capacity = DEFAULT_PROCESS_CAPACITY,
    deadCapacity = Math.min(DEFAULT_DEAD_CAPACITY, capacity),
    deadTtlMs = DEFAULT_DEAD_TTL_MS,
  } = options;
  const { maxExecutableBytes = DEFAULT_EXECUTABLE_BYTES, nowMs = Date.now, seed = Math.trunc(Math.random() * 2 ** 31) } = options;
  const executables = createExecutables(seed);
  const slots = createSlotStore({
    capacity,
    deadCapacity,
    seed,
    onFree: (slot) => executables.release(slots.words[(slot << SLOT_SHIFT) + WORD.executable]!),
  });
  const { words } = slots;
  const absorber = createAbsorber({ slots, executables, maxExecutableBytes, nowMs });
  const programSource = createProgramSource(slots, executables);
  const source = createProcessSource(slots, programSource);
  let version = 0;

  const stateOf = (slot: number): number => words[(slot << SLOT_SHIFT) + WORD.state]!;
  const executablePath = (slot: number): string | undefined => executables.path(words[(slot << SLOT_SHIFT) + WORD.executable]!);
  /** The executable that the process ran just before; 0 when not known. */
  const callerOf = (slot: number): number => {
    if (slot === 0) return 0;
    const base = slot << SLOT_SHIFT;
    const older = words[base + WORD.older]!;
    const isCaller = older !== 0 && ((words[base + WORD.execId]! - words[(older << SLOT_SHIFT) + WORD.execId]!) | 0) === 1;
    return isCaller ? words[(older << SLOT_SHIFT) + WORD.executable]! : 0;
  };
  const callerPath = (slot: number): string | undefined => executables.path(callerOf(slot));
  const parentOf = (slot: number): number => {
    const base = slot << SLOT_SHIFT;
    return slots.find(
      words[base + WORD.parentPid]!,
      words[base + WORD.parentStartLo]!,
      words[base + WORD.parentStartHi]!,
      words[base + WORD.parentExecId]!,
    );
  };
  /** The paths of `slot` and what is above it. */
  const lineage = (slot: number, count: number): readonly string[] => {
    const paths: string[] = [];
    for (let next = slot; next !== 0 && paths.length < count; next = parentOf(next)) {
      const path = executablePath(next);
      if (path === undefined) break;
      paths.push(path);
    }
    return paths;
  };

  const perFrame = (find: (actors: Actors, actor: number) => number, begin: (frame: Frame) => Uint32Array) =>
    createFrameMemo(
      () => version,
      (frame) => {
        const { actors } = frame;
        const ids = begin(frame);
        for (let actor = 0; actor < actors.count; actor++) {
          if (ids[actor] !== 0) continue;
          const slot = find(actors, actor);
          if (slot !== 0) words[(slot << SLOT_SHIFT) + WORD.state]! |= STATE.seen;
          ids[actor] = slot;
        }
        return ids;
      },
    );
  const noIds = ({ actors }: Frame): Uint32Array => new Uint32Array(actors.count);
  const parentOfActor = (actors: Actors, actor: number): number =>
    slots.find(actors.ppid[actor]!, actors.parentStartNsLo[actor]!, actors.parentStartNsHi[actor]!, actors.parentExecId[actor]!);

  return {
    absorb(frame) {
      slots.expire(nowMs() - deadTtlMs);
      absorber.absorb(frame);
      version++;
    },
    resolve: perFrame(absorber.lookup, (frame) => absorber.slotsOfLast(frame) ?? noIds(frame)),
    resolveParents: perFrame(parentOfActor, noIds),
    insert(frame, actor, { path, pathFlags }) {
      version++;
      return absorber.insert(frame, actor, path, pathFlags, ATTRIBUTION.procfs);
    },
    isPast({ actors }, actor) {
      const newest = slots.newest(actors.pid[actor]!, actors.startNsLo[actor]!, actors.startNsHi[actor]!);
      return newest !== 0 && isLater(words[(newest << SLOT_SHIFT) + WORD.execId]!, actors.execId[actor]!);
    },
    hasEnded(pid, startNs, execId) {
      const newest = slots.newest(pid, Number(startNs & 0xffff_ffffn), Number(startNs >> 32n));
      return newest !== 0 && ((stateOf(newest) & STATE.dead) !== 0 || isLater(words[(newest << SLOT_SHIFT) + WORD.execId]!, execId));
    },
    identityOf(pid, roundedNs) {
      for (let slot = 1; slot <= capacity; slot++) {
        const base = slot << SLOT_SHIFT;
        if (words[base + WORD.pid] !== pid || (words[base + WORD.state]! & STATE.dead) !== 0) continue;
        const startNs = (BigInt(words[base + WORD.startHi]!) << 32n) | BigInt(words[base + WORD.startLo]!);
        if (roundedNs === undefined || (startNs >= roundedNs && startNs < roundedNs + TICK_NS))
          return { startNs, execId: words[base + WORD.execId]! };
      }
      return undefined;
    },
    slotOf: (pid, startNs) => slots.newest(pid, Number(startNs & 0xffff_ffffn), Number(startNs >> 32n)),
    source,
    programSource,
    callerSource: {
      names: new Set([attributeName.callerExecutablePath]),
      size: (slot) => executables.callerEncoded(callerOf(slot)).length,
      write: (slot, out, at) => putBytes(out, at, executables.callerEncoded(callerOf(slot))),
      entries(slot) {
        const path = callerPath(slot);
        return path === undefined ? [] : [[attributeName.callerExecutablePath, path]];
      },
    },
    ancestorSource: (depth) =>
      createDerivedSource(
        attributeName.ancestors,
        () => version,
        (slot) => {
          const paths = lineage(slot, Math.min(depth, MAX_ANCESTORS));
          return paths.length === 0 ? [] : [[attributeName.ancestors, paths]];
        },
      ),
    attribution: (slot) => (slot === 0 ? 'none' : attributionSource[stateOf(slot) & STATE.attributionMask]!),
    isKernelThread: (slot) => (stateOf(slot) & STATE.kernelThread) !== 0,
    isNamed: (slot) => words[(slot << SLOT_SHIFT) + WORD.executable] !== 0,
    executablePath,
    executable: (slot) => executables.facts(words[(slot << SLOT_SHIFT) + WORD.executable]!),
    createdUs: slots.createdUs,
    callerPath,
    ancestors: (slot, count) => (slot === 0 ? [] : lineage(parentOf(slot), Math.min(count, MAX_ANCESTORS))),
    get size() {
      return slots.alive + slots.dead;
    },
    get version() {
      return version;
    },
    stats: () => ({
      alive: slots.alive,
      dead: slots.dead,
      inserts: slots.inserts,
      evictedAlive: slots.evictedAlive,
      evictedDead: slots.evictedDead,
      unknownMakers: absorber.unknownMakers,
      executables: executables.count,
      executableBytes: executables.bytes,
    }),
  };
};
