/**
 * The gate: between the frames of the kernel side and the pipelines. It takes lifecycle records in, finds which facts about the actors
 * of a frame are not known, asks for them off the main thread and waits a little. What is not there in time is left out and asked for
 * again later.
 */
import { LRUCache } from 'lru-cache';
import { LENGTH_MASK, type Frame } from '../core/batch.ts';
import type { Counters } from '../core/counters.ts';
import { createFrameBuilder } from '../core/frame-builder.ts';
import { attributionSource } from '../otlp/names.ts';
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

/** A frame is cut every 50 ms, and the pool of frames covers a stall of 250 ms: waiting this long loses nothing. */
export const DEFAULT_MAX_WAIT_MS = 20;
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

export type Gate = {
  /** Said by components that begin their work; nothing is done that nobody asks for. Containers need cgroups. Returns a function that takes it back. */
  require(need: GateNeed): () => void;
  requires(need: GateNeed): boolean;
  /** Fills the caches that can be filled beforehand, as far as somebody asks; each once, however often it is called. */
  start(): Promise<void>;
  /** What was filled is out of date: the next `start` fills it again. */
  forget(need: GateNeed): void;
  /**
   * Takes a frame in. undefined: it can go on. Else a promise that resolves when the facts are there or the wait is over, and never
   * rejects; until then the frame must stay valid, and the caller lets no later frame pass.
   */
  admit(frame: KernelFrame): Promise<void> | undefined;
  /** The frame that waits is going away: it is not looked at again. Its promise still resolves. */
  abandon(): void;
};

export type GateOptions = {
  readonly processTable: ProcessTable;
  readonly users: Users;
  readonly cgroups: Cgroups;
  readonly containers: Containers;
  readonly environments?: Environments | undefined;
  readonly traceparents?: Traceparents | undefined;
  /** Reads from procfs what a process runs. */
  readonly readProgram: (question: ProgramQuestion) => Promise<ProgramAnswer>;
  readonly counters: Counters;
  readonly maxWaitMs?: number;
  readonly nowMs?: () => number;
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

export const createGate = (options: GateOptions): Gate => {
  const {
    processTable,
    users,
    cgroups,
    containers,
    environments,
    traceparents,
    readProgram,
    counters,
    maxWaitMs = DEFAULT_MAX_WAIT_MS,
    nowMs = Date.now,
  } = options;
  /** How many ask for each. */
  const required = new Map<GateNeed, number>();
  const filled = new Set<GateNeed>();
  const notBeforeMs = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  const cacheCounters = Object.fromEntries(
    needs.map((cache) => [
      cache,
      { hits: counters.counter('ringtail_cache_hits', { cache }), misses: counters.counter('ringtail_cache_misses', { cache }) },
    ]),
  ) as Record<GateNeed, { hits: { value: number }; misses: { value: number } }>;
  const attributionCounters = Object.fromEntries(
    attributionSource.map((source) => [
      source,
      {
        named: counters.counter('ringtail_attribution', { source, result: 'named' }),
        unnamed: counters.counter('ringtail_attribution', { source, result: 'unnamed' }),
      },
    ]),
  ) as Record<(typeof attributionSource)[number], { named: { value: number }; unnamed: { value: number } }>;
  const timeouts = counters.counter('ringtail_gate_timeouts');
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
  let abandoned = 0;

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

  const countAttribution = (frame: KernelFrame): void => {
    if (!required.has('process')) return;
    for (const slot of processTable.resolve(frame)) {
      const { named, unnamed } = attributionCounters[processTable.attribution(slot)];
      if (processTable.isNamed(slot)) named.value++;
      else unnamed.value++;
    }
  };

  /** Never rejects: what is waited for does not. */
  const wait = async (work: readonly Promise<void>[]): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<true>((resolve) => (timer = setTimeout(() => resolve(true), maxWaitMs)));
    if ((await Promise.race([late, Promise.all(work)])) === true) timeouts.value++;
    clearTimeout(timer);
  };

  return {
    require(need) {
      const all: readonly GateNeed[] = need === 'container' ? ['cgroup', 'container'] : [need];
      for (const one of all) required.set(one, (required.get(one) ?? 0) + 1);
      let asks = true;
      return () => {
        if (!asks) return;
        asks = false;
        for (const one of all) {
          const others = required.get(one)! - 1;
          if (others === 0) required.delete(one);
          else required.set(one, others);
        }
      };
    },
    requires: (need) => required.has(need),
    abandon: () => void abandoned++,
    forget: (need) => void filled.delete(need),
    async start() {
      const isDue = (need: GateNeed): boolean => {
        const due = required.has(need) && !filled.has(need);
        if (due) filled.add(need);
        return due;
      };
      const startContainers = async (): Promise<void> => {
        if (isDue('cgroup')) await cgroups.start();
        if (isDue('container')) await containers.start();
      };
      await Promise.all([startContainers(), isDue('user') && users.start(), isDue('traceparent') && traceparents?.start()]);
    },
    admit(frame) {
      const orphansBefore = processTable.stats().unknownMakers;
      // whoever asks again later finds what was told meanwhile
      if (filled.has('cgroup') || required.has('cgroup')) cgroups.absorb(frame);
      if (required.has('process')) processTable.absorb(frame);
      const cgroupWork = required.has('cgroup') ? askCgroups(frame) : [];
      const work = [
        ...(required.has('process') ? askProcesses(frame) : []),
        ...(required.has('user') ? askUsers(frame) : []),
        ...(required.has('environment') ? askEnvironments(frame) : []),
        ...(required.has('traceparent') ? askTraceparents(frame) : []),
        ...cgroupWork,
        ...(required.has('container') ? askContainers(frame, cgroupWork) : []),
      ];
      if (work.length === 0) {
        countAttribution(frame);
        return undefined;
      }
      const hasOrphans = processTable.stats().unknownMakers !== orphansBefore;
      const { version } = processTable;
      const abandonedBefore = abandoned;
      return wait(work).then(() => {
        if (abandoned !== abandonedBefore) return;
        // Makers that were found meanwhile: now their children can be entered.
        if (hasOrphans && processTable.version !== version) processTable.absorb(frame);
        countAttribution(frame);
      });
    },
  };
};
