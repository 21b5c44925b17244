/** The kernel side of one running Ringtail: what receivers, processors and commands are given of it. */
import { messageOf, KernelError } from '../core/errors.ts';
import { createAsked } from './asked.ts';
import { loadAddon, type Addon, type KernelFacts } from './addon.ts';
import { cgroupEventLabels } from './cgroups/programs.ts';
import { createExclusion, NOBODY_EXCLUDED } from './exclude.ts';
import { createHub } from './hub.ts';
import { createLookups } from './lookups.ts';
import { contextsCheck, packetsCheck, probeFacts, probeKernel } from './probe.ts';
import type { LookupUsers } from './users.ts';
import { readingsOfAlive } from './process-counts.ts';
import { rungs, type ProcessNeeds, type Rung } from './process-programs.ts';
import { cgroup2Mount, findHierarchies } from './procfs/mounts.ts';
import { createProcfsWatcher, PROCFS_LIMITS, type ProcfsWatcher } from './procfs/watcher.ts';
import type { KernelOptions, KernelServices, KernelStatus } from './kernel-services.ts';
import { openRing } from './open-ring.ts';
import { ownKernelPid } from './self.ts';
import { nextGeneration } from './sums.ts';
import type { RingSource } from './ring-source.ts';
import type { CallsStatus } from './calls/needs.ts';
import { probePackets } from './packets/probe.ts';
import { createPacketService } from './packets/service.ts';
import { createLiveSockets } from './sockets/live.ts';
import { createLookupService } from './sockets/lookup-service.ts';
import { contextPlace } from './trace-contexts.ts';
import { createHostTraces } from './traces/host.ts';
import { createSocketService, programNeeds } from './sockets/service.ts';

export type { CallMaps, KernelOptions, KernelServices, KernelStatus } from './kernel-services.ts';

type KernelRung = Exclude<Rung, 'procfs'>;
const kernelRungs = rungs.filter((rung): rung is KernelRung => rung !== 'procfs');
/** What the ring holds when nobody listens any more is of no use; the kernel may take a second to let go. */
const CLOSE_DEADLINE_MS = 2000;
const UNUSED: KernelStatus = { rung: 'none', notes: ['no component asks for processes'] };

const NO_CALLS: CallsStatus = { rung: 'none', notes: [], pushDown: { places: [] } };
const PROCFS_NO_CALLS = 'procfs tells of no system calls';
/** How often the end of what is handed over last is looked for, and how long at least: the gate holds a frame for 20 ms. */
const LAST_POLL_MS = 2;
const LAST_WAIT_MS = 100;
/** Longer than any frame is on its way but when the ring is held back. */
const CATCH_UP_MS = 1000;

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Without the addon names come from /etc/passwd; so they do for a host whose root is mounted elsewhere, for NSS would answer for the container. */
const nssLookup = (): LookupUsers | undefined => {
  try {
    return loadAddon().lookupUsers;
  } catch {
    return undefined;
  }
};

export const createKernelServices = (options: KernelOptions): KernelServices => {
  const { counters, logger, recorder, injectedFacts = {} } = options;
  const root = options.rootPath === '/' ? '' : options.rootPath;
  const contexts = contextPlace(options.traceContext ?? 'auto', root);
  const lookups = createLookups({ root, counters, logger, lookupUsers: root === '' ? nssLookup() : undefined, recorder });
  const { gate } = lookups;
  const hub = createHub({ gate, logger, observer: recorder?.observer(lookups), rest: setImmediate });
  // what was not told is read
  hub.subscribe({ kinds: [...cgroupEventLabels.keys()], onBatch() {}, onLoss: () => void lookups.cgroups.start() });
  const exclusion = createExclusion({ root, rules: options.exclude ?? NOBODY_EXCLUDED, logger });
  const asked = createAsked();
  const quietListeners = new Set<() => void | Promise<void>>();
  if (recorder !== undefined) {
    for (const need of ['process', 'user', 'cgroup'] as const) gate.require(need);
    asked.needProcesses(recorder.needs);
  }
  const cgroupRoot = async (): Promise<string | undefined> => {
    const place = await cgroup2Mount(root);
    return place === undefined ? undefined : `${root}${place}`;
  };
  const sockets = createSocketService({
    root,
    hub,
    counters,
    logger,
    exclusion,
    processes: lookups.processes,
    programs: () => ring?.sockets,
    refusals: () => current.notes.filter((note) => note !== PROCFS_LIMITS),
  });
  const traces = createHostTraces({ root, hub, lookups, counters, logger, traceparents: lookups.traceparents });
  const socketLookup = createLookupService({ root, counters, readMaps: (map, match) => sockets.maps.read(map, match) });
  const factsOf = (addon: Addon): KernelFacts => ({ ...probeFacts(addon), ...injectedFacts });
  const packets = createPacketService({ logger, loadAddon, factsOf });
  let current: KernelStatus = UNUSED;
  let unregisterRung = (): void => {};
  let ring: RingSource | undefined;
  let watcher: ProcfsWatcher | undefined;
  let quiet: Promise<void> | undefined;
  const generation = nextGeneration();

  /** Opens the ring on the best of the wanted rungs; sentences that say why not, when it cannot be. */
  const openRingOn = async (wanted: readonly KernelRung[], needs: ProcessNeeds): Promise<readonly string[]> => {
    const { ringBytes, flushRows, flushIntervalMs } = options;
    const { legacy } = await findHierarchies(root);
    const shared = { hub, logger, counters, exclusion, root, cgroupRoot, legacy, recorder, injectedFacts, contexts };
    const begin = { cgroups: gate.requires('cgroup'), beforeProcesses: gate.start };
    const opened = await openRing({ ...shared, ...begin, ringBytes, flushRows, flushIntervalMs, needs, rungs: wanted });
    if ('refusals' in opened) return opened.refusals;
    ring = opened.ring;
    current = { rung: ring.programs.rung, notes: opened.notes };
    return [];
  };

  const openProcfs = async (reasons: readonly string[]): Promise<void> => {
    await gate.start();
    watcher = createProcfsWatcher({
      root,
      intervalMs: options.procfsIntervalMs,
      leavesOut: exclusion.leavesOut,
      wantsTraceparent: () => asked.processes()?.traceparent === true,
      selfPid: root === '' ? process.pid : ownKernelPid(),
      onFrame: (frame) => hub.deliver(frame, () => {}),
      isBehind: () => hub.pending > 0,
      onError: (error) => logger.warn({ error: messageOf(error) }, 'processes could not be read from /proc'),
    });
    if (!(await watcher.scan())) {
      watcher = undefined;
      throw new KernelError(
        `processes can be followed neither by the kernel nor by procfs: ${[...reasons, `${root}/proc cannot be read`].join('; ')}`,
        {
          advice: 'run as root on a kernel of 5.8 or newer with BTF, or mount procfs; `ringtail doctor` tells what is missing',
        },
      );
    }
    await watcher.start();
    current = { rung: 'procfs', notes: [...reasons, PROCFS_LIMITS] };
  };

  const quiesce = (deadlineMs: number): Promise<void> => {
    quiet ??= (async () => {
      hub.releaseHolds();
      await watcher?.scan();
      await watcher?.stop();
      await sockets.stop();
      await packets.quiesce();
      const complete = (await ring?.quiesce(deadlineMs)) ?? true;
      if (!complete) logger.warn({ deadline_ms: deadlineMs }, 'the ring was not read to its end by the deadline');
      await Promise.all(Array.from(quietListeners, (listener) => listener()));
      for (let waitedMs = 0; hub.pending > 0 && waitedMs < LAST_WAIT_MS; waitedMs += LAST_POLL_MS) await sleep(LAST_POLL_MS);
    })();
    return quiet;
  };

  const openBest = async (wanted: readonly KernelRung[], needs: ProcessNeeds): Promise<void> => {
    const { rung } = options;
    const reasons = await openRingOn(wanted, needs);
    if (ring === undefined && rung !== 'auto' && rung !== 'procfs') {
      throw new KernelError(`kernel.rung is ${rung}, which does not work here: ${reasons.join('; ')}`, {
        advice: 'set kernel.rung to auto, or see what `ringtail doctor` says',
      });
    }
    if (ring === undefined && recorder !== undefined) {
      throw new KernelError(`there is nothing to record: ${[...reasons, 'procfs has no records'].join('; ')}`, {
        advice: 'record as root on a kernel of 5.8 or newer with BTF; `ringtail doctor` tells what is missing',
      });
    }
    if (ring === undefined) {
      if (rung === 'auto') logger.warn({ reasons }, 'the kernel cannot be asked; processes are read from /proc, which misses much');
      await openProcfs(reasons);
    }
  };

  const open = async (needs: ProcessNeeds): Promise<void> => {
    const { rung } = options;
    const wanted = rung === 'auto' ? kernelRungs : kernelRungs.filter((name) => name === rung);
    await exclusion.start();
    try {
      await openBest(wanted, needs);
    } catch (error) {
      exclusion.stop();
      throw error;
    }
    unregisterRung = counters.gauge('ringtail_receiver_rung', { receiver: 'process', rung: current.rung }, () => 1);
  };

  const close = async (): Promise<void> => {
    const [oldRing, oldWatcher] = [ring, watcher];
    [ring, watcher, current] = [undefined, undefined, UNUSED];
    unregisterRung();
    await oldWatcher?.stop();
    await oldRing?.quiesce(CLOSE_DEADLINE_MS);
    exclusion.stop();
    await oldRing?.close();
    gate.forget('cgroup');
  };

  const followProcesses = async (): Promise<void> => {
    const needs = asked.processes();
    const wantedSockets = asked.sockets();
    if (needs === undefined) {
      await sockets.change(undefined);
      return await close();
    }
    if (ring === undefined && watcher === undefined) await open(needs);
    if (gate.requires('cgroup') && ring?.followCgroups() === true) gate.forget('cgroup');
    await gate.start();
    await ring?.change(needs, asked.calls(), programNeeds(wantedSockets));
    await sockets.change(wantedSockets);
  };
  const follow = async (): Promise<void> => {
    // what has come to rest stays so
    if (quiet !== undefined) return;
    await followProcesses();
    await packets.change();
  };
  /** A reload and live views may ask at the same time. */
  let followed: Promise<unknown> = Promise.resolve();
  const reconfigure = (): Promise<void> => {
    const mine = followed.then(follow);
    followed = mine.catch(() => {});
    return mine;
  };

  const status = (): KernelStatus => {
    const { rung, notes } = ring?.cgroups.status() ?? { rung: 'none', notes: [] };
    if (rung !== 'none' || notes.length === 0) return current;
    return { ...current, notes: [...current.notes, `cgroups are looked for in their folders: ${notes.join('; ')}`] };
  };

  return {
    ...lookups,
    socketLookup,
    traces,
    hub,
    needProcesses: asked.needProcesses,
    needProcessCounts: asked.needProcessCounts,
    processCounts: {
      take: async (keys) => await ring?.processCounts.take(keys),
      async read() {
        if (ring !== undefined) return await ring.processCounts.read();
        const byCgroup = await watcher?.alive();
        return byCgroup && readingsOfAlive(byCgroup, generation);
      },
    },
    needCalls: asked.needCalls,
    needSockets: asked.needSockets,
    needPackets: packets.needPackets,
    packets: packets.packets,
    packetMaps: packets.packetMaps,
    onQuiet(listener) {
      quietListeners.add(listener);
      return () => quietListeners.delete(listener);
    },
    async caughtUp() {
      const isThrough = ring?.mark();
      if (isThrough === undefined) return;
      for (let waitedMs = 0; !isThrough() && waitedMs < CATCH_UP_MS; waitedMs += LAST_POLL_MS) await sleep(LAST_POLL_MS);
    },
    calls: () => ring?.calls.status() ?? { ...NO_CALLS, notes: current.rung === 'procfs' ? [PROCFS_NO_CALLS] : [] },
    sockets: sockets.status,
    socketMaps: sockets.maps,
    liveSockets: createLiveSockets({ root, show: sockets.show, processes: lookups.processes }),
    callMaps: {
      read: (map) => ring?.calls.read(map),
      take: (map, key) => ring?.calls.take(map, key),
      readSums: async (map) => await ring?.calls.readSums(map),
      takeSums: async (map, keys) => await ring?.calls.takeSums(map, keys),
    },
    reconfigure,
    health() {
      const { rung, notes } = status();
      return { status: 'ok', message: rung === 'none' ? '' : notes.join('; '), details: { rung } };
    },
    exclude: (rules) => exclusion.set(rules),
    status,
    ring: () => ring,
    start: reconfigure,
    quiesce,
    async stop(deadlineMs) {
      await quiesce(deadlineMs);
      exclusion.stop();
      await Promise.all([ring?.close(), packets.close()]);
    },
    async probe() {
      const addon = loadAddon();
      const [facts, procfsRoot] = [factsOf(addon), `${root}/proc`];
      const report = probeKernel({ addon, facts, procfsRoot, cgroup2Path: await cgroupRoot() });
      const found = await probePackets(addon, facts, procfsRoot);
      const more = [packetsCheck(found), contextsCheck(addon, contexts.path)].filter((check) => check !== undefined);
      return { ...report, checks: [...report.checks, ...more], packets: found };
    },
  };
};
