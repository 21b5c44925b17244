/** What has to be known about the actors of a frame, and whom to ask for it: off the main thread, bounded, and not again at once when nobody knew. */
import { LRUCache } from 'lru-cache';
import { LENGTH_MASK, type Frame } from '../core/batch.ts';
import type { Counters } from '../core/counters.ts';
import { createFrameBuilder } from '../core/frame-builder.ts';
import { actorIdentity } from './actor-identity.ts';
import type { Cgroups } from './cgroup-types.ts';
import type { ContainerQuestion, Containers } from './containers/types.ts';
import type { Environments } from './environments.ts';
import type { KernelFrame } from './frames.ts';
import { headFlag } from './layouts.gen.ts';
import type { ProcessTable } from './lifecycle/process-table.ts';
import type { ProgramAnswer, ProgramQuestion } from './procfs/program.ts';
import type { Traceparents } from './traces/traceparents.ts';
import type { Users } from './users.ts';

/** Questions under way at once, over all frames. A process costs three small reads: about 10 ms for all. */
const MAX_UNDER_WAY = 256;
/** What was asked for without success is not asked for again before this. */
const RETRY_MS = 1_000;
/** A process that is gone does not come back; only a new one may get the same identity by chance of rounding. */
const GONE_RETRY_MS = 60_000;
/** Questions whose failure is remembered. */
const MAX_REMEMBERED = 8_192;

/** Unknown actors of one frame that are considered; beyond it is a storm, and most would find no room anyway. */
const MAX_CANDIDATES = 2_048;

const needs = ['process', 'user', 'cgroup', 'container', 'environment', 'traceparent'] as const;
export type GateNeed = (typeof needs)[number];

export type QuestionsOptions = {
  readonly processTable: ProcessTable;
  readonly users: Users;
  readonly cgroups: Cgroups;
  readonly containers: Containers;
  readonly environments?: Environments | undefined;
  readonly traceparents?: Traceparents | undefined;
  /** Reads from procfs what a process runs. */
  readonly readProgram: (question: ProgramQuestion) => Promise<ProgramAnswer>;
  readonly counters: Counters;
  readonly nowMs: () => number;
};

export type Questions = {
  /** Asks what is not known about the actors of a frame and somebody needs. The answers never reject; until they are there the frame must stay valid. */
  ask(frame: KernelFrame, isNeeded: (need: GateNeed) => boolean): readonly Promise<void>[];
};

/** The actor alone, in memory of its own: the answer may come when the frame is gone. */
const copyActor = (frame: Frame, actor: number): Frame => {
  const builder = createFrameBuilder({ wallOffsetNs: frame.wallOffsetNs });
  builder.addActor(actorIdentity(frame, actor));
  return builder.build();
};

/** Who is asked for; the name of a thread says nothing about the program unless it is the main one. */
const questionOf = ({ actors, strings }: Frame): ProgramQuestion => {
  const pid = actors.pid[0]!;
  const startNs = (BigInt(actors.startNsHi[0]!) << 32n) | BigInt(actors.startNsLo[0]!);
  const start = strings.offsets[actors.comm[0]!]!;
  const isComparable = actors.tid[0] === pid && !(actors.flags[0]! & headFlag.kernelThread);
  return isComparable
    ? { pid, startNs, comm: strings.bytes.slice(start, start + (strings.lengths[actors.comm[0]!]! & LENGTH_MASK)) }
    : { pid, startNs };
};

export const createQuestions = (options: QuestionsOptions): Questions => {
  const { processTable, users, cgroups, containers, environments, traceparents, readProgram, counters, nowMs } = options;
  const notBeforeMs = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  const cacheCounters = Object.fromEntries(
    needs.map((cache) => [
      cache,
      { hits: counters.counter('ringtail_cache_hits', { cache }), misses: counters.counter('ringtail_cache_misses', { cache }) },
    ]),
  ) as Record<GateNeed, { hits: { value: number }; misses: { value: number } }>;
  const overflows = counters.counter('ringtail_gate_overflows');
  const entries: Readonly<Record<GateNeed, () => number>> = {
    process: () => processTable.size,
    user: () => users.size,
    cgroup: () => cgroups.size,
    container: () => containers.size,
    environment: () => environments?.size ?? 0,
    traceparent: () => traceparents?.size ?? 0,
  };
  for (const cache of needs) counters.gauge('ringtail_cache_entries', { cache }, entries[cache]);
  let underWay = 0;

  /** The questions that may be asked now: not those that failed lately, and no more than there is room for. */
  const admissible = <Q>(questions: readonly Q[], keyOf: (question: Q) => string): readonly Q[] => {
    const now = nowMs();
    const due = questions.filter((question) => (notBeforeMs.get(keyOf(question)) ?? 0) <= now);
    const chosen = due.slice(0, Math.max(0, MAX_UNDER_WAY - underWay));
    overflows.value += due.length - chosen.length;
    for (const question of chosen) notBeforeMs.set(keyOf(question), now + RETRY_MS);
    return chosen;
  };

  const track = async (count: number, work: Promise<void>): Promise<void> => {
    underWay += count;
    try {
      await work;
    } catch {
      // The fact stays unknown; the next frame with the same actor asks again.
    } finally {
      underWay -= count;
    }
  };

  const identityOf = ({ actors }: Frame, actor: number): string =>
    `process ${actors.pid[actor]}/${actors.startNsHi[actor]}/${actors.startNsLo[actor]}/${actors.execId[actor]}`;

  const askProgram = async (alone: Frame, key: string): Promise<void> => {
    const answer = await readProgram(questionOf(alone));
    if (!answer.ok) {
      if (answer.reason === 'gone' || answer.reason === 'other') notBeforeMs.set(key, nowMs() + GONE_RETRY_MS);
      return;
    }
    if (!processTable.isPast(alone, 0)) processTable.insert(alone, 0, answer.executable);
  };

  const askProcesses = (frame: KernelFrame): Promise<void>[] => {
    const slots = processTable.resolve(frame);
    const unknown: number[] = [];
    let misses = 0;
    for (let actor = 0; actor < slots.length; actor++) {
      if (slots[actor] !== 0) continue;
      misses++;
      if (unknown.length < MAX_CANDIDATES && !processTable.isPast(frame, actor)) unknown.push(actor);
    }
    cacheCounters.process.hits.value += slots.length - misses;
    cacheCounters.process.misses.value += misses;
    if (unknown.length === 0) return [];
    return admissible(unknown, (actor) => identityOf(frame, actor)).map((actor) =>
      track(1, askProgram(copyActor(frame, actor), identityOf(frame, actor))),
    );
  };

  const askUsers = (frame: KernelFrame): Promise<void>[] => {
    const { missing } = users.resolve(frame);
    cacheCounters.user.misses.value += missing.length;
    cacheCounters.user.hits.value += Math.max(0, frame.actors.count - missing.length);
    const due = admissible(missing, ({ uid, process }) =>
      process === undefined ? `user ${uid}` : `user ${uid} of ${process.pid}/${process.startNs}`,
    );
    return due.length === 0 ? [] : [track(due.length, users.fetch(due))];
  };

  const askCgroups = (frame: KernelFrame): Promise<void>[] => {
    const { missing } = cgroups.resolve(frame);
    cacheCounters.cgroup.misses.value += missing.length;
    cacheCounters.cgroup.hits.value += Math.max(0, frame.actors.count - missing.length);
    const due = admissible(missing, ({ id }) => `cgroup ${id}`);
    return due.length === 0 ? [] : [track(due.length, cgroups.fetch(due))];
  };

  /** Behind the cgroups that are asked for: only then can be said what they are. A frame that goes on meanwhile is not looked at. */
  const askContainers = (frame: KernelFrame, cgroupWork: readonly Promise<void>[]): Promise<void>[] => {
    const { missing } = containers.resolve(frame);
    cacheCounters.container.misses.value += missing.length;
    cacheCounters.container.hits.value += Math.max(0, frame.actors.count - missing.length);
    const known = missing.filter(({ cgroupId }) => cgroups.path(cgroupId) !== undefined);
    const others = cgroupWork.length === 0 ? [] : missing.filter(({ cgroupId }) => cgroups.path(cgroupId) === undefined);
    return [
      ...(known.length === 0 ? [] : [track(0, containers.fetch(known))]),
      ...(others.length === 0 ? [] : [track(0, askWhatTheyAre(others, cgroupWork))]),
    ];
  };
  const askWhatTheyAre = async (questions: readonly ContainerQuestion[], cgroupWork: readonly Promise<void>[]): Promise<void> => {
    await Promise.all(cgroupWork);
    await containers.fetch(questions);
  };

  const askEnvironments = (frame: KernelFrame): Promise<void>[] => {
    if (environments === undefined) return [];
    const { missing } = environments.resolve(frame);
    cacheCounters.environment.misses.value += missing.length;
    cacheCounters.environment.hits.value += frame.actors.count - missing.length;
    const questions = missing
      .filter((actor) => !processTable.isPast(frame, actor))
      .map((actor) => ({ ...questionOf(copyActor(frame, actor)), key: environments.keyOf(frame, actor) }));
    return questions.length === 0 ? [] : [track(0, environments.fetch(questions))];
  };

  const askTraceparents = (frame: KernelFrame): Promise<void>[] => {
    const missing = traceparents?.missing(frame) ?? [];
    if (traceparents === undefined || missing.length === 0) return [];
    cacheCounters.traceparent.misses.value += missing.length;
    return [
      track(
        0,
        traceparents.fetch(missing.map((actor) => ({ ...questionOf(copyActor(frame, actor)), execId: frame.actors.execId[actor]! }))),
      ),
    ];
  };

  return {
    ask(frame, isNeeded) {
      const cgroupWork = isNeeded('cgroup') ? askCgroups(frame) : [];
      return [
        ...(isNeeded('process') ? askProcesses(frame) : []),
        ...(isNeeded('user') ? askUsers(frame) : []),
        ...(isNeeded('environment') ? askEnvironments(frame) : []),
        ...(isNeeded('traceparent') ? askTraceparents(frame) : []),
        ...cgroupWork,
        ...(isNeeded('container') ? askContainers(frame, cgroupWork) : []),
      ];
    },
  };
};
