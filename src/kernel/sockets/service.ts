/** Sessions of one running Ringtail: by the kernel's programs, or by procfs where these cannot be had or are not wanted. */
import type { Health } from '../../core/component.ts';
import { KernelError, messageOf } from '../../core/errors.ts';
import type { Counters } from '../../core/counters.ts';
import type { Logger } from '../../core/logger.ts';
import type { EntryMatch, MapEntries } from '../addon.ts';
import type { Exclusion } from '../exclude.ts';
import type { Hub } from '../hub.ts';
import type { ProcessTable } from '../lifecycle/process-table.ts';
import { exclusively, type CountMaps } from './counts.ts';
import type { Reading } from '../sums.ts';
import type { SocketNeeds, SocketsStatus } from './needs.ts';
import { createSocketProcfsWatcher, SOCKETS_PROCFS_LIMITS, type SocketProcfsWatcher } from './procfs-watcher.ts';
import type { SocketMap, SocketPrograms, SocketWalk } from './programs.ts';
import type { ShownSessions } from './shown.ts';
import { createSocketTelemetry } from './telemetry.ts';
import { countTimeWait } from './time-wait.ts';

/** Maps of the programs of sockets; nothing while these are not loaded. */
export type SocketMaps = CountMaps & {
  read(map: SocketMap, match?: readonly EntryMatch[]): MapEntries | undefined;
  /** Runs an iterator over its map; false: it cannot be had. */
  walk(program: SocketWalk): Promise<boolean>;
  /** Tells what somebody took out, before anybody reads again. Returns a function that ends it. */
  onTaken(listener: (taken: Reading) => void): () => void;
};

export type SocketService = {
  /**
   * Other needs; undefined: nobody asks. The programs have been told already. Throws a KernelError when they were asked for by name and cannot be had.
   */
  change(needs: SocketNeeds | undefined): Promise<void>;
  status(): SocketsStatus;
  readonly maps: SocketMaps;
  /** What is open now but for who is left out; undefined: nobody asked, or it cannot be told. Rejects with a NativeError. */
  show(): Promise<ShownSessions | undefined>;
  health(): Health;
  /** Looks a last time where that is how sockets are followed. */
  stop(): Promise<void>;
};

export type SocketServiceOptions = {
  readonly root: string;
  readonly hub: Hub;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly exclusion: Pick<Exclusion, 'leavesOut'>;
  readonly processes: Pick<ProcessTable, 'identityOf'>;
  /** Undefined: there is no ring. */
  readonly programs: () => SocketPrograms | undefined;
  /** Why there is none. */
  readonly refusals: () => readonly string[];
};

const NOTHING: SocketsStatus = { rung: 'none', notes: [], hooks: [], pushDown: { places: [] } };

/** What the programs are to do: nothing when procfs is wanted. */
export const programNeeds = (needs: SocketNeeds | undefined): SocketNeeds | undefined => (needs?.mode === 'procfs' ? undefined : needs);

export const createSocketService = ({
  root,
  hub,
  counters,
  logger,
  exclusion,
  processes,
  programs,
  refusals,
}: SocketServiceOptions): SocketService => {
  let watcher: SocketProcfsWatcher | undefined;
  let current = NOTHING;

  const stop = async (): Promise<void> => {
    const last = watcher;
    watcher = undefined;
    await last?.stop();
  };

  const watchProcfs = async (needs: SocketNeeds, reasons: readonly string[]): Promise<void> => {
    const status: SocketsStatus = { ...NOTHING, rung: 'procfs', notes: [...reasons, SOCKETS_PROCFS_LIMITS] };
    if (watcher !== undefined) {
      watcher.change(needs);
      current = status;
      return;
    }
    const next = createSocketProcfsWatcher({
      root,
      needs,
      leavesOut: exclusion.leavesOut,
      identityOf: processes.identityOf,
      onFrame: (frame) => hub.deliver(frame, () => {}),
      isBehind: () => hub.pending > 0,
      onError: (error) => logger.warn({ error: messageOf(error) }, 'sockets could not be read from /proc'),
    });
    if (!(await next.scan()))
      throw new KernelError(
        `sockets can be followed neither by the kernel nor by procfs: ${[...reasons, `${root}/proc cannot be read`].join('; ')}`,
        {
          advice: 'run as root on a kernel of 5.8 or newer with BTF, or mount procfs; `ringtail doctor` tells what is missing',
        },
      );
    await next.start();
    watcher = next;
    current = status;
  };

  const change = async (needs: SocketNeeds | undefined): Promise<void> => {
    if (needs === undefined) {
      await stop();
      current = NOTHING;
      return;
    }
    const kernel = needs.mode === 'procfs' ? undefined : programs()?.status();
    if (kernel?.rung === 'ebpf') {
      await stop();
      current = kernel;
      return;
    }
    const reasons = needs.mode === 'procfs' ? [] : (kernel?.notes ?? ['there is no ring of the kernel', ...refusals()]);
    if (needs.mode === 'ebpf')
      throw new KernelError(`sockets are to be followed by the kernel's programs, which cannot be had here: ${reasons.join('; ')}`, {
        advice: 'set mode to auto, or see what `ringtail doctor` says',
      });
    await watchProcfs(needs, reasons);
  };

  const status = (): SocketsStatus => (current.rung === 'ebpf' ? (programs()?.status() ?? NOTHING) : current);
  const takenListeners = new Set<(taken: Reading) => void>();
  const maps: SocketMaps = {
    read: (map, match) => programs()?.read(map, match),
    readSums: async (map) => await programs()?.readSums(map),
    takeSums: (map, keys) =>
      exclusively(maps, async () => {
        const taken = await programs()?.takeSums(map, keys);
        if (taken !== undefined) for (const listener of takenListeners) listener(taken);
        return taken;
      }),
    onTaken(listener) {
      takenListeners.add(listener);
      return () => takenListeners.delete(listener);
    },
    walk: async (program) => (await programs()?.walk(program)) ?? false,
    walkNamespaces: async (program) => (await programs()?.walkNamespaces(program)) ?? false,
    timeWait: () => countTimeWait(root),
  };
  const telemetry = createSocketTelemetry({ counters, maps });

  return {
    async change(needs) {
      await change(needs);
      telemetry.update(status(), needs?.maxSessions);
    },
    status,
    maps,
    async show() {
      if (watcher !== undefined) return { rung: 'procfs', parts: [await watcher.show()] };
      const parts = await programs()?.show();
      return parts && { rung: 'ebpf', parts };
    },
    health() {
      const { status: how = 'ok', message = '', details } = watcher?.health() ?? {};
      return { status: how, message, details: { rung: current.rung, ...details } };
    },
    async stop() {
      await watcher?.scan();
      await stop();
      telemetry.close();
    },
  };
};
