/** How lifecycle records become slots. Kinds are taken in an order that needs no sorting by time; see `absorb`. */
import { LENGTH_MASK, type Actors, type Frame, type StringTable } from '../../core/batch.ts';
import { attributionSource, type AttributionSource } from '../../otlp/names.ts';
import type { KernelBatch, KernelFrame } from '../frames.ts';
import { eventKind, forkFlag, headFlag, type ExecColumns, type ForkColumns, type TaskColumns } from '../layouts.gen.ts';
import { wallMicros } from './creation-time.ts';
import type { Executables } from './executables.ts';
import { SLOT_SHIFT, STATE, WORD, type SlotStore } from './slots.ts';

/** CLONE_PARENT of sched.h: the child gets the maker's parent. */
const CLONE_PARENT = 0x8000;
/** A procfs read this close behind an exec may have seen either program; clocks are read one after the other. */
const PROCFS_RACE_MS = 2;
/** Bounds the work that one long path causes when the executables are over their limit; together with the capacity it bounds the excess. */
const EVICTIONS_PER_EXECUTABLE = 64;

export const ATTRIBUTION = Object.fromEntries(attributionSource.map((name, index) => [name, index])) as Readonly<
  Record<AttributionSource, number>
>;

export type Absorber = {
  /** Takes the lifecycle batches of a frame. May be called again for the same frame: what is known already stays. */
  absorb(frame: KernelFrame): void;
  /** The slot of an actor; 0 = not known. */
  lookup(actors: Actors, actor: number): number;
  /** Slots of actors that came up while this frame was absorbed, 0 for the others; undefined when it is not the last one. The caller may fill it. */
  slotsOfLast(frame: Frame): Uint32Array | undefined;
  /** A slot for an actor whose executable was read elsewhere. */
  insert(frame: Frame, actor: number, path: Uint8Array, pathFlags: number, attribution: number): number;
  /** Children that could not be entered because their maker was not known. */
  readonly unknownMakers: number;
};

export type AbsorberOptions = {
  readonly slots: SlotStore;
  readonly executables: Executables;
  readonly maxExecutableBytes: number;
  readonly nowMs: () => number;
};

export const createAbsorber = ({ slots, executables, maxExecutableBytes, nowMs }: AbsorberOptions): Absorber => {
  const { words, atMs } = slots;
  let offsetLo = 0;
  let offsetHi = 0;
  let offset = 0n;
  let frameMs = 0;
  let taskAttribution = ATTRIBUTION.iterator;
  let recordAttribution = ATTRIBUTION.ebpf;
  let executableOfString = new Uint32Array(1024);
  /** Ids of strings that the memo knows. */
  const memoised: number[] = [];
  /** Those of the last frame; what a processor derives from it has the same. */
  let lastActors: Actors | undefined;
  let slotOfActor = new Uint32Array(0);
  let unknownMakers = 0;

  const enter = (frame: Frame): void => {
    frameMs = nowMs();
    if (frame.wallOffsetNs !== offset) {
      offset = frame.wallOffsetNs;
      offsetLo = Number(BigInt.asUintN(32, offset));
      offsetHi = Number(BigInt.asUintN(32, offset >> 32n));
    }
  };

  const openMemo = ({ count }: StringTable): void => {
    if (executableOfString.length < count) executableOfString = new Uint32Array(count * 2);
  };
  /** Empties the memo; it costs what was put in since the last time. */
  const closeMemo = (): void => {
    for (let i = 0; i < memoised.length; i++) {
      executables.release(executableOfString[memoised[i]!]!);
      executableOfString[memoised[i]!] = 0;
    }
    memoised.length = 0;
  };

  /** Every slot may be worth nothing when others share its executable, so the way back below the limit is cut into steps. */
  const makeRoom = (): void => {
    if (executables.bytes <= maxExecutableBytes) return;
    closeMemo();
    for (let i = 0; executables.bytes > maxExecutableBytes && i < EVICTIONS_PER_EXECUTABLE; i++) if (!slots.evict()) return;
  };

  /** The id with one reference for the caller. The memo holds one of its own, so that an id in it cannot come to mean another path. */
  const internString = (strings: StringTable, id: number, flags: number): number => {
    const memo = executableOfString[id]!;
    if (memo !== 0 && executables.hasFlags(memo, flags)) {
      executables.retain(memo);
      return memo;
    }
    const start = strings.offsets[id]!;
    const executable = executables.intern(strings.bytes, start, start + (strings.lengths[id]! & LENGTH_MASK), flags);
    if (executable !== 0) {
      makeRoom();
      executables.release(executableOfString[id]!);
      executableOfString[id] = executable;
      executables.retain(executable);
      memoised.push(id);
    }
    return executable;
  };

  const lookup = (actors: Actors, actor: number): number =>
    slots.find(actors.pid[actor]!, actors.startNsLo[actor]!, actors.startNsHi[actor]!, actors.execId[actor]!);

  /** Makes a slot and gives it the executable, whose reference goes over to it. */
  const enterSlot = (pid: number, startLo: number, startHi: number, execId: number, executable: number, state: number): number => {
    const slot = slots.insert(pid, startLo, startHi, execId, frameMs);
    const base = slot << SLOT_SHIFT;
    words[base + WORD.executable] = executable;
    words[base + WORD.state]! |= state;
    // A process keeps the creation time that it was first given, also when the wall clock is set meanwhile.
    const kin = words[base + WORD.older]! || words[base + WORD.newer]!;
    slots.setCreatedUs(slot, kin !== 0 ? slots.createdUs(kin) : wallMicros(startLo, startHi, offsetLo, offsetHi));
    return slot;
  };

  const setParentOfActor = (slot: number, actors: Actors, actor: number): void => {
    const base = slot << SLOT_SHIFT;
    words[base + WORD.parentPid] = actors.ppid[actor]!;
    words[base + WORD.parentStartLo] = actors.parentStartNsLo[actor]!;
    words[base + WORD.parentStartHi] = actors.parentStartNsHi[actor]!;
    words[base + WORD.parentExecId] = actors.parentExecId[actor]!;
  };

  /** Enters what an actor runs, or corrects what was known with less certainty. Takes over the reference. */
  const enterActor = (actors: Actors, actor: number, executable: number, attribution: number): number => {
    const kernelThread = actors.flags[actor]! & headFlag.kernelThread ? STATE.kernelThread : 0;
    const known = lookup(actors, actor);
    if (known !== 0) {
      const base = known << SLOT_SHIFT;
      const before = words[base + WORD.executable]!;
      const weak = before === 0 || (words[base + WORD.state]! & STATE.attributionMask) === ATTRIBUTION.procfs;
      if (!weak || executable === 0) {
        executables.release(executable);
        return known;
      }
      executables.release(before);
      words[base + WORD.executable] = executable;
      words[base + WORD.state] = (words[base + WORD.state]! & ~STATE.attributionMask) | attribution | kernelThread;
      return known;
    }
    const slot = enterSlot(
      actors.pid[actor]!, actors.startNsLo[actor]!, actors.startNsHi[actor]!, actors.execId[actor]!, executable, attribution | kernelThread,
    ); // prettier-ignore
    setParentOfActor(slot, actors, actor);
    return slot;
  };

  const absorbTasks = ({ strings, actors }: KernelFrame, { rows, actor, columns }: KernelBatch): void => {
    const { path, pathFlags } = columns as TaskColumns;
    for (let row = 0; row < rows; row++) {
      const who = actor[row]!;
      slotOfActor[who] = enterActor(actors, who, internString(strings, path[row]!, pathFlags[row]!), taskAttribution);
    }
  };

  /**
   * A program that was read from procfs, and whose process then turns out to have started another one before the read, is not what
   * procfs showed.
   */
  const disown = (slot: number, execBootLo: number, execBootHi: number): void => {
    const base = slot << SLOT_SHIFT;
    if ((words[base + WORD.state]! & STATE.attributionMask) !== ATTRIBUTION.procfs) return;
    if (atMs[slot]! + PROCFS_RACE_MS < wallMicros(execBootLo, execBootHi, offsetLo, offsetHi) / 1000) return;
    executables.release(words[base + WORD.executable]!);
    words[base + WORD.executable] = 0;
    words[base + WORD.state]! &= ~STATE.attributionMask;
  };

  const absorbExecs = ({ strings, actors }: KernelFrame, { rows, actor, columns, bootNsLo, bootNsHi }: KernelBatch): void => {
    const { path, pathFlags } = columns as ExecColumns;
    for (let row = 0; row < rows; row++) {
      const who = actor[row]!;
      const before = slots.newest(actors.pid[who]!, actors.startNsLo[who]!, actors.startNsHi[who]!);
      if (before !== 0 && words[(before << SLOT_SHIFT) + WORD.execId] !== actors.execId[who])
        disown(before, bootNsLo[row]!, bootNsHi[row]!);
      slotOfActor[who] = enterActor(actors, who, internString(strings, path[row]!, pathFlags[row]!), recordAttribution);
    }
  };

  const absorbForks = ({ actors }: KernelFrame, { rows, actor, columns }: KernelBatch): void => {
    const { childPid, childStartNsLo, childStartNsHi, childExecId, forkFlags, childHeadFlags, cloneFlagsLo } = columns as ForkColumns;
    let makerActor = -1;
    let maker = 0;
    for (let row = 0; row < rows; row++) {
      if (forkFlags[row]! & forkFlag.thread) continue;
      const who = actor[row]!;
      const pid = childPid[row]!;
      const startLo = childStartNsLo[row]!;
      const startHi = childStartNsHi[row]!;
      const execId = childExecId[row]!;
      // A rung that cannot tell when the child began cannot identify it either.
      if (startLo === 0 && startHi === 0) continue;
      if (who !== makerActor || maker === 0) {
        maker = lookup(actors, who);
        makerActor = who;
      }
      if (slots.find(pid, startLo, startHi, execId) !== 0) continue;
      if (maker === 0) {
        unknownMakers++;
        continue;
      }
      const makerBase = maker << SLOT_SHIFT;
      const executable = words[makerBase + WORD.executable]!;
      const source = words[makerBase + WORD.state]! & STATE.attributionMask;
      const attribution = source === ATTRIBUTION.procfs || source === ATTRIBUTION.none ? source : recordAttribution;
      executables.retain(executable);
      const kernelThread = childHeadFlags[row]! & headFlag.kernelThread ? STATE.kernelThread : 0;
      const evicted = slots.evictedAlive + slots.evictedDead;
      const slot = enterSlot(pid, startLo, startHi, execId, executable, attribution | kernelThread);
      if (slots.evictedAlive + slots.evictedDead !== evicted) maker = 0;
      if (cloneFlagsLo[row]! & CLONE_PARENT) setParentOfActor(slot, actors, who);
      else {
        const base = slot << SLOT_SHIFT;
        words[base + WORD.parentPid] = actors.pid[who]!;
        words[base + WORD.parentStartLo] = actors.startNsLo[who]!;
        words[base + WORD.parentStartHi] = actors.startNsHi[who]!;
        words[base + WORD.parentExecId] = actors.execId[who]!;
      }
    }
  };

  const absorbExits = ({ actors }: KernelFrame, { rows, actor }: KernelBatch): void => {
    for (let row = 0; row < rows; row++) {
      const who = actor[row]!;
      const slot = slots.newest(actors.pid[who]!, actors.startNsLo[who]!, actors.startNsHi[who]!);
      if (slot !== 0) slots.bury(slot, frameMs);
    }
  };

  /** A slot that was given up meanwhile may be another program's by now. */
  const forgetLost = (actors: Actors): void => {
    for (let who = 0; who < actors.count; who++) {
      const slot = slotOfActor[who]!;
      if (slot !== 0 && !slots.isOf(slot, actors.pid[who]!, actors.startNsLo[who]!, actors.startNsHi[who]!, actors.execId[who]!))
        slotOfActor[who] = 0;
    }
  };

  const batchOf = (frame: KernelFrame, kind: number): KernelBatch | undefined => frame.batches.find((batch) => batch.kind === kind);

  return {
    /**
     * Execs before forks: an exec record stands by itself, while a child takes the program of its maker, which the maker may have
     * started in this very frame. Forks among themselves are in the order of the ring, where a maker's own fork comes first.
     */
    absorb(frame) {
      enter(frame);
      taskAttribution = frame.attribution === undefined ? ATTRIBUTION.iterator : ATTRIBUTION[frame.attribution];
      recordAttribution = frame.attribution === undefined ? ATTRIBUTION.ebpf : ATTRIBUTION[frame.attribution];
      openMemo(frame.strings);
      slotOfActor = new Uint32Array(frame.actors.count);
      const evicted = slots.evictedAlive + slots.evictedDead;
      const tasks = batchOf(frame, eventKind.task);
      const execs = batchOf(frame, eventKind.exec);
      const forks = batchOf(frame, eventKind.fork);
      const exits = batchOf(frame, eventKind.exit);
      if (tasks !== undefined) absorbTasks(frame, tasks);
      if (execs !== undefined) absorbExecs(frame, execs);
      if (forks !== undefined) absorbForks(frame, forks);
      if (exits !== undefined) absorbExits(frame, exits);
      closeMemo();
      if (slots.evictedAlive + slots.evictedDead !== evicted) forgetLost(frame.actors);
      lastActors = frame.actors;
    },
    lookup,
    slotsOfLast: (frame) => (frame.actors === lastActors ? slotOfActor : undefined),
    insert(frame, actor, path, pathFlags, attribution) {
      enter(frame);
      lastActors = undefined;
      const executable = executables.intern(path, 0, path.length, pathFlags);
      makeRoom();
      const slot = enterActor(frame.actors, actor, executable, attribution);
      if (!(words[(slot << SLOT_SHIFT) + WORD.state]! & STATE.dead)) atMs[slot] = frameMs;
      return slot;
    },
    get unknownMakers() {
      return unknownMakers;
    },
  };
};
