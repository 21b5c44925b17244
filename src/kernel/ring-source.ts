/** The ring of one running Ringtail: opens the session, loads the programs, hands frames to the hub, watches for loss. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Counters } from '../core/counters.ts';
import type { Logger } from '../core/logger.ts';
import { messageOf } from '../core/errors.ts';
import { eventKind } from './layouts.gen.ts';
import type { KernelFacts, NativeStats } from './addon.ts';
import type { Exclusion } from './exclude.ts';
import { cgroupEventLabels, cgroupKindOf, cgroupOptions, createCgroupPrograms, type CgroupPrograms } from './cgroups/programs.ts';
import { createCallPrograms, type CallPrograms } from './calls/programs.ts';
import type { CallNeeds } from './calls/needs.ts';
import {
  callEventLabels,
  createKernelCounters,
  processEventLabels,
  processKindOf,
  sessionEventLabels,
  type KernelCounters,
} from './kernel-counters.ts';
import { openSession, type RingSessionOptions } from './ring-session.ts';
import { createLossWatch, type LossSource } from './loss-watch.ts';
import type { SocketNeeds } from './sockets/needs.ts';
import { createSocketPrograms, type SocketPrograms } from './sockets/programs.ts';
import { createProcessCounts, type ProcessCounts } from './process-counts.ts';
import type { LegacyHierarchy } from './procfs/mounts.ts';
import { createTraceContexts, type TraceContexts, type TraceContextsOptions } from './trace-contexts.ts';
import { changeProcessNeeds, loadProcessPrograms, type LoadedPrograms, type ProcessNeeds, type Rung } from './process-programs.ts';

/** A window of loss is told within this time. */
const LOSS_CHECK_MS = 1000;
/** Grace periods took 30 to 330 ms on busy machines. */
const FREED_WITHIN_MS = 1000;
/** How often a drain looks whether it is done. */
const DRAIN_POLL_MS = 5;

export type RingSourceOptions = RingSessionOptions & {
  readonly facts: KernelFacts;
  readonly logger: Logger;
  readonly counters: Counters;
  readonly needs: ProcessNeeds;
  readonly rungs: readonly Exclude<Rung, 'procfs'>[];
  /** What the kernel knows Ringtail by, so that it is left out; 0 = not known. */
  readonly selfPid: number;
  readonly exclusion: Exclusion;
  /** Number of the mount namespace of the host; 0 = not known. */
  readonly hostMountNs: number;
  /** Prefix of /proc. */
  readonly root: string;
  /** Where the v2 hierarchy is mounted, seen from here; undefined: it is not. */
  readonly cgroupRoot: () => Promise<string | undefined>;
  /** Where the map is that says in which trace each thread is. */
  readonly contexts: Pick<TraceContextsOptions, 'path' | 'isNamed'>;
  /** The v1 hierarchy that cgroups are told of beside v2. */
  readonly legacy: LegacyHierarchy | undefined;
  /** Whether cgroups are followed from the beginning. */
  readonly cgroups: boolean;
  /** What must be known before anything is told of processes; cgroups are followed by then. */
  readonly beforeProcesses: () => Promise<void>;
};

export type RingSource = {
  readonly programs: LoadedPrograms;
  readonly contexts: Pick<TraceContexts, 'mapId'>;
  readonly processCounts: ProcessCounts;
  readonly cgroups: Pick<CgroupPrograms, 'status'>;
  readonly calls: CallPrograms;
  readonly sockets: SocketPrograms;
  /** Of the programs of processes. */
  readonly counters: KernelCounters;
  /** The same for cgroups; undefined before somebody asked for them. */
  cgroupCounters(): KernelCounters | undefined;
  /** The same for system calls; undefined before somebody asked for them. */
  callCounters(): KernelCounters | undefined;
  /** The same for sessions. */
  sessionCounters(): KernelCounters | undefined;
  stats(): NativeStats;
  /** Frames that went through the hub. */
  delivered(): number;
  /** Looks what is written now; the function that it returns tells whether all of that went through the hub. */
  mark(): () => boolean;
  /** For tests: holds the reading up. */
  pause(paused: boolean): void;
  /** Follows cgroups from now on; true when they were not followed before. */
  followCgroups(): boolean;
  /** Other needs, for the programs that run; one call at a time. Throws when the kernel does not take them; then those of before are in force. */
  change(needs: ProcessNeeds, calls: CallNeeds | undefined, sockets: SocketNeeds | undefined): Promise<void>;
  /** Detaches, reads the ring to its end and waits for the frames; true when all that was written came through by the deadline. */
  quiesce(deadlineMs: number): Promise<boolean>;
  /** Gives everything back and waits until the kernel has freed it, for a second at the most. */
  close(): Promise<void>;
};

/** `refusals` says why there is no source, a sentence a rung. */
export type RingSourceResult = { readonly source: RingSource } | { readonly source: undefined; readonly refusals: readonly string[] };

/** Throws what opening the ring throws; a kernel that takes no program on any rung is an answer, not an error. */
export const openRingSource = async (options: RingSourceOptions): Promise<RingSourceResult> => {
  const { hub, logger, counters } = options;
  let { needs } = options;
  let delivered = 0;
  let deliveredRows = 0;
  const session = openSession(options, (rows) => {
    delivered++;
    deliveredRows += rows;
  });
  let open = true;
  const { facts, ringBytes, rungs, selfPid, exclusion } = options;
  const ofCgroups = cgroupOptions(facts, options.legacy);
  const cgroupRungs = rungs.includes('tp_btf') ? (['tp_btf', 'raw_tp'] as const) : (['raw_tp'] as const);
  const cgroups = createCgroupPrograms({ session, facts, ringBytes, options: ofCgroups, rungs: cgroupRungs });
  const giveUp = (): void => {
    exclusion.use(undefined);
    hub.abandon(); // what cgroups did meanwhile
    session.close();
  };
  const load = async (): Promise<ReturnType<typeof loadProcessPrograms>> => {
    try {
      session.start();
      if (options.cgroups) cgroups.open();
      await options.beforeProcesses();
      const onLoaded = (object: number) =>
        exclusion.use({
          put: (map, key, value) => session.putEntry(object, map, key, value),
          drop: (map, key) => session.dropEntry(object, map, key),
        });
      return loadProcessPrograms({ session, facts, needs, ringBytes, selfPid, cgroupOptions: ofCgroups, rungs, onLoaded });
    } catch (error) {
      giveUp();
      throw error;
    }
  };
  const { loaded, refusals } = await load();
  if (loaded === undefined) {
    giveUp();
    return { source: undefined, refusals };
  }

  const contexts = createTraceContexts({ addon: options.addon, session, object: loaded.object, logger, ...options.contexts });
  await contexts.look();
  let lastStats = session.stats();
  const stats = () => (lastStats = open ? session.stats() : lastStats);
  const readCounters = () => (open ? session.counters() : undefined);
  const counts = createKernelCounters(counters, 'process', processEventLabels, readCounters);
  const { hostMountNs, root, cgroupRoot } = options;
  const common = { session, facts, ringBytes, selfPid, cgroupOptions: ofCgroups, processObject: loaded.object, counters };
  const calls = createCallPrograms({ ...common, hostMountNs, rungs: loaded.rung === 'tp_btf' ? ['tp_btf', 'raw_tp'] : ['raw_tp'] });
  const sockets = createSocketPrograms({ ...common, cgroupRoot, root, logger });
  /** Nothing stands on the page that nobody asked for. */
  let cgroupCounts: KernelCounters | undefined;
  let callCounts: KernelCounters | undefined;
  let sessionCounts: KernelCounters | undefined;
  const allCounts = (): readonly KernelCounters[] => [counts, cgroupCounts, callCounts, sessionCounts].filter((some) => some !== undefined);
  const refreshCounts = (): void => {
    for (const some of allCounts()) some.refresh();
  };
  const written = () => allCounts().reduce((sum, some) => sum + some.total('written'), 0);
  const unregister = [
    counters.gauge('ringtail_ring_bytes', {}, () => stats().ringBytes),
    counters.gauge('ringtail_ring_used_bytes', {}, () => stats().ringUsedBytes),
  ];
  let abandoned = 0;
  const ringRecords = (outcome: string, read: () => number) =>
    unregister.push(counters.observed('ringtail_ring_records', { ring: 'events', outcome }, read));
  ringRecords('written', written);
  ringRecords('read', () => stats().read - stats().malformed - abandoned);
  ringRecords('malformed', () => stats().malformed);
  ringRecords('abandoned', () => abandoned);
  unregister.push(
    // known only as bytes; an empty ring holds none, so that the book is checked whenever it is quiet
    counters.gauge('ringtail_ring_records', { ring: 'events', outcome: 'waiting' }, () =>
      stats().ringUsedBytes === 0 ? 0 : written() - stats().read,
    ),
  );
  unregister.push(
    counters.observed('ringtail_frames', { outcome: 'delivered' }, () => delivered),
    counters.observed('ringtail_frames', { outcome: 'stalled' }, () => stats().stalls),
  );

  const processLoss = {
    labels: processEventLabels,
    counts,
    skipped: () => session.recursionMisses(loaded.object),
    kindOf: processKindOf,
  };
  const lossWatches = [createLossWatch([processLoss], hub)];
  const watchLoss = (): void => {
    for (const watch of lossWatches) watch();
  };
  const watchAlso = (source: LossSource): void => void lossWatches.push(createLossWatch([source], hub));
  const startCgroupCounts = (): void => {
    if (cgroupCounts !== undefined || cgroups.status().rung === 'none') return;
    cgroupCounts = createKernelCounters(counters, 'cgroups', cgroupEventLabels, readCounters);
    watchAlso({ labels: cgroupEventLabels, counts: cgroupCounts, skipped: cgroups.recursionMisses, kindOf: cgroupKindOf });
  };
  startCgroupCounts();
  const startCallCounts = (): void => {
    if (callCounts !== undefined) return;
    callCounts = createKernelCounters(counters, 'syscalls', callEventLabels, readCounters);
    let missed = 0;
    unregister.push(counters.observed('ringtail_calls_missed', { call: 'close' }, () => (missed = open ? calls.missed() : missed)));
    // one program writes all kinds, and nobody knows what it would have been
    watchAlso({ labels: callEventLabels, counts: callCounts, skipped: calls.recursionMisses, kindOf: () => eventKind.callFailed });
  };
  const startSessionCounts = (): void => {
    if (sessionCounts !== undefined) return;
    sessionCounts = createKernelCounters(counters, 'sockets', sessionEventLabels, readCounters);
    // every program can begin and end a session, so what one missed another tells; a change of state is told by one alone
    const kindOf = (program: string) => (program === 'on_set_state' ? eventKind.sessionState : undefined);
    watchAlso({ labels: sessionEventLabels, counts: sessionCounts, skipped: sockets.recursionMisses, kindOf });
  };
  const timer = setInterval(() => {
    try {
      watchLoss();
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'cannot read the counters of the kernel');
    }
    void contexts.look();
  }, LOSS_CHECK_MS);
  timer.unref();

  let quiet: Promise<boolean> | undefined;
  const drain = async (deadlineMs: number): Promise<boolean> => {
    const end = performance.now() + deadlineMs;
    clearInterval(timer);
    session.pause(false);
    let detached = false;
    const detaching = Promise.all([calls.detach(), sockets.detach(), session.detach(loaded.object), cgroups.detach()]).then(
      () => (detached = true),
    );
    await Promise.race([detaching, sleep(deadlineMs)]);
    let settled = false;
    while (!settled && performance.now() < end) {
      session.kick();
      await sleep(DRAIN_POLL_MS);
      refreshCounts();
      // a program that was running when it was detached may still write
      settled = detached && stats().read >= written() && stats().ringUsedBytes === 0 && stats().frames === delivered;
    }
    watchLoss();
    return settled;
  };

  return {
    source: {
      programs: loaded,
      contexts,
      processCounts: createProcessCounts(session, loaded.object),
      cgroups,
      calls,
      sockets,
      counters: counts,
      cgroupCounters: () => cgroupCounts,
      callCounters: () => callCounts,
      sessionCounters: () => sessionCounts,
      stats,
      delivered: () => delivered,
      mark() {
        if (!open) return () => true;
        refreshCounts();
        const target = written();
        session.kick();
        return () => !open || deliveredRows + stats().malformed >= target;
      },
      pause: (paused) => session.pause(paused),
      followCgroups() {
        if (cgroupCounts !== undefined) return false;
        cgroups.open();
        startCgroupCounts();
        return cgroupCounts !== undefined;
      },
      async change(wanted, wantedCalls, wantedSockets) {
        // records that were told once are told on: a table of processes that nobody keeps would be wrong later
        const next: ProcessNeeds = { ...wanted, idle: needs.idle === true && wanted.idle === true };
        await changeProcessNeeds(session, loaded, needs, next);
        needs = next;
        if (wantedCalls !== undefined) startCallCounts();
        await calls.change(wantedCalls);
        if (wantedSockets !== undefined) startSessionCounts();
        await sockets.change(wantedSockets);
      },
      quiesce: (deadlineMs) => (quiet ??= drain(deadlineMs)),
      async close() {
        if (!open) return;
        clearInterval(timer);
        stats();
        refreshCounts();
        open = false;
        exclusion.use(undefined);
        abandoned = hub.abandon();
        if (abandoned > 0) logger.warn({ rows: abandoned }, 'records were still waiting for facts at the deadline and are lost');
        calls.release();
        sockets.release();
        session.close();
        for (const some of allCounts()) some.unregister();
        for (const remove of unregister) remove();
        // the kernel frees behind a grace period; whoever looks when we are gone shall find nothing
        const end = performance.now() + FREED_WITHIN_MS;
        while (session.kernelObjects() > 0 && performance.now() < end) await sleep(DRAIN_POLL_MS);
      },
    },
  };
};
