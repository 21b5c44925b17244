/** The kernel side of one running Ringtail: what receivers, processors and commands are given of it. */
import { messageOf, KernelError } from '../core/errors.ts';
import type { Counters } from '../core/counters.ts';
import type { Lifecycle } from '../core/component.ts';
import type { Logger } from '../core/logger.ts';
import { loadAddon, type KernelFacts, type NativeError } from './addon.ts';
import { createExclusion, NOBODY_EXCLUDED, type ExcludeRules } from './exclude.ts';
import { createHub, type Hub } from './hub.ts';
import { createLookups } from './lookups.ts';
import { probeFacts, probeKernel, refusalOf, ringAdvice, type ProbeReport } from './probe.ts';
import type { LookupUsers } from './users.ts';
import { rungs, type ProcessNeeds, type Rung } from './process-programs.ts';
import { cgroup2Mount } from './procfs/mounts.ts';
import { createProcfsWatcher, PROCFS_LIMITS, type ProcfsWatcher } from './procfs/watcher.ts';
import { ownKernelPid } from './self.ts';
import type { KernelLookups } from './service-types.ts';
import { openRingSource, type RingSource } from './ring-source.ts';

export type KernelOptions = {
  /** A power of two, at least a page. */
  readonly ringBytes: number;
  readonly flushRows: number;
  readonly flushIntervalMs: number;
  /** Where the host's root is mounted; `/` outside containers. */
  readonly rootPath: string;
  /** `auto` takes the best that works. */
  readonly rung: 'auto' | Rung;
  /** How often the procfs rung looks. */
  readonly procfsIntervalMs: number;
  /** Whose doings are left out, beside Ringtail's own. */
  readonly exclude?: ExcludeRules;
  readonly counters: Counters;
  readonly logger: Logger;
  /** For tests: what the kernel is said to have. */
  readonly injectedFacts?: Partial<KernelFacts>;
};

export type KernelStatus = {
  readonly rung: Rung;
  /** What was tried before, and what this rung cannot tell; one sentence each. */
  readonly notes: readonly string[];
};

export type KernelServices = Lifecycle &
  KernelLookups & {
    readonly hub: Hub;
    /** Said by components when they are made; the programs do what any of them needs. */
    needProcesses(needs: ProcessNeeds): void;
    /** Takes other rules of who is left out; resolves when they are in force. */
    exclude(rules: ExcludeRules): Promise<void>;
    /** After `start`. */
    status(): KernelStatus;
    /** Stops the programs and brings what they wrote through the pipelines; the same promise when called again. */
    quiesce(deadlineMs: number): Promise<void>;
    /** The ring, for tests and for `stats`; undefined on the procfs rung. */
    ring(): RingSource | undefined;
    probe(): Promise<ProbeReport>;
  };

type KernelRung = Exclude<Rung, 'procfs'>;
const kernelRungs = rungs.filter((rung): rung is KernelRung => rung !== 'procfs');
const NOTHING_NEEDED: ProcessNeeds = { argsMaxBytes: 0, threads: false, failedExecs: false };

/** What all ask for together. */
const union = (a: ProcessNeeds, b: ProcessNeeds): ProcessNeeds => ({
  argsMaxBytes: Math.max(a.argsMaxBytes, b.argsMaxBytes),
  threads: a.threads || b.threads,
  failedExecs: a.failedExecs || b.failedExecs,
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
  const { counters, logger, injectedFacts = {} } = options;
  const root = options.rootPath === '/' ? '' : options.rootPath;
  const lookups = createLookups({ root, counters, lookupUsers: root === '' ? nssLookup() : undefined });
  const { gate } = lookups;
  const hub = createHub({ gate, logger });
  const exclusion = createExclusion({ root, rules: options.exclude ?? NOBODY_EXCLUDED, logger });
  let needs = NOTHING_NEEDED;
  let current: KernelStatus | undefined;
  let ring: RingSource | undefined;
  let watcher: ProcfsWatcher | undefined;
  let quiet: Promise<void> | undefined;

  /** Opens the ring on the best of the wanted rungs; sentences that say why not, when it cannot be. */
  const openRing = (wanted: readonly KernelRung[]): readonly string[] => {
    if (wanted.length === 0) return [];
    const { ringBytes, flushRows, flushIntervalMs } = options;
    try {
      const addon = loadAddon();
      const facts: KernelFacts = { ...probeFacts(addon), ...injectedFacts };
      if (!facts.btf) return ['this kernel has no BTF (/sys/kernel/btf/vmlinux)'];
      if (facts.ringBufferError !== '')
        return [`a BPF ring buffer cannot be made (${facts.ringBufferError}); ${ringAdvice(facts.ringBufferError)}`];
      const selfPid = ownKernelPid();
      const result = openRingSource({
        addon,
        facts,
        hub,
        logger,
        counters,
        ringBytes,
        flushRows,
        flushIntervalMs,
        needs,
        rungs: wanted,
        selfPid,
        exclusion,
      });
      if (result.source === undefined) return result.refusals;
      ring = result.source;
      const { rung, notes } = ring.programs;
      current = {
        rung,
        notes: selfPid === 0 ? [...notes, 'Ringtail runs in a pid namespace of its own and cannot leave itself out'] : notes,
      };
      return [];
    } catch (error) {
      return [(error as NativeError).code === undefined ? messageOf(error) : refusalOf(error)];
    }
  };

  const openProcfs = async (reasons: readonly string[]): Promise<void> => {
    watcher = createProcfsWatcher({
      root,
      intervalMs: options.procfsIntervalMs,
      leavesOut: exclusion.leavesOut,
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
      const complete = (await ring?.quiesce(deadlineMs)) ?? true;
      if (!complete) logger.warn({ deadline_ms: deadlineMs }, 'the ring was not read to its end by the deadline');
    })();
    return quiet;
  };

  return {
    ...lookups,
    hub,
    needProcesses(more) {
      needs = union(needs, more);
    },
    exclude: (rules) => exclusion.set(rules),
    status: () => current ?? { rung: 'procfs', notes: ['not started'] },
    ring: () => ring,
    async start() {
      const { rung } = options;
      const wanted = rung === 'auto' ? kernelRungs : kernelRungs.filter((name) => name === rung);
      await gate.start();
      await exclusion.start();
      const reasons = openRing(wanted);
      if (ring === undefined && rung !== 'auto' && rung !== 'procfs') {
        throw new KernelError(`kernel.rung is ${rung}, which does not work here: ${reasons.join('; ')}`, {
          advice: 'set kernel.rung to auto, or see what `ringtail doctor` says',
        });
      }
      if (ring === undefined) {
        if (rung === 'auto') logger.warn({ reasons }, 'the kernel cannot be asked; processes are read from /proc, which misses much');
        await openProcfs(reasons);
      }
      counters.gauge('ringtail_receiver_rung', { receiver: 'process', rung: current!.rung }, () => 1);
    },
    quiesce,
    async stop(deadlineMs) {
      await quiesce(deadlineMs);
      exclusion.stop();
      await ring?.close();
    },
    async probe() {
      const addon = loadAddon();
      const facts: KernelFacts = { ...probeFacts(addon), ...injectedFacts };
      const place = await cgroup2Mount(root);
      return probeKernel({ addon, facts, procfsRoot: `${root}/proc`, cgroup2Path: place === undefined ? undefined : `${root}${place}` });
    },
  };
};
