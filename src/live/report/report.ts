/** Reports of what happened in each interval: by what the kernel adds up, as long as somebody takes them. */
import { KernelError } from '../../core/errors.ts';
import type { Cgroups } from '../../kernel/cgroup-types.ts';
import type { SocketNeeds, SocketsClaim, SocketsStatus } from '../../kernel/sockets/needs.ts';
import type { SocketMaps } from '../../kernel/sockets/service.ts';
import { readSettledCounts, type SettledCounts } from '../../kernel/sockets/settled-counts.ts';
import { createNames, type Names, type NamesKernel } from '../shared/names.ts';
import { guestNeeds } from '../shared/socket-needs.ts';
import { cgroupTest, findCgroup } from './cgroup.ts';
import { createDifferences, type DifferenceReader } from './differences.ts';
import { groupPlaces } from './groups.ts';
import { createRecent, type Recent, type RecentKernel } from './recent.ts';
import { ticks } from './ticks.ts';
import type { ReportPage, ReportQuery } from './types.ts';

export type ReportKernel = Omit<NamesKernel, 'cgroups'> &
  RecentKernel & {
    readonly cgroups: NamesKernel['cgroups'] & Pick<Cgroups, 'living'>;
    readonly socketMaps: Pick<SocketMaps, 'readSums' | 'takeSums' | 'walk' | 'walkNamespaces' | 'timeWait' | 'onTaken'>;
    needSockets(needs: SocketNeeds): SocketsClaim;
    sockets(): SocketsStatus;
    reconfigure(): Promise<void>;
    caughtUp(): Promise<void>;
  };

/** Pages from the end of the first interval on. Whoever iterates them ends them, by `return()` or by the signal. */
export type Report = AsyncIterable<ReportPage>;

/** A reload of the programs takes less. */
const READ_TRIES = 40;
const READ_PAUSE_MS = 50;

const CUT = 'the programs of the kernel were loaded anew in this interval: what happened just before that is missing';

/** What is not counted here, one sentence each. */
const notesOf = ({ notes, hooks, cgroup }: SocketsStatus): readonly string[] => [
  ...notes,
  ...(cgroup === undefined ? [] : [`only sockets of ${cgroup} are counted, as a receiver asks for`]),
  ...hooks.filter(({ note, rung }) => note !== '' && rung === 'none').map(({ hook, note }) => `${hook}: ${note}`),
];

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const readCounts = async (kernel: ReportKernel, signal: AbortSignal): Promise<SettledCounts> => {
  for (let tries = 0; tries < READ_TRIES && !signal.aborted; tries++) {
    const counts = await readSettledCounts(kernel.socketMaps);
    if (counts !== undefined) return counts;
    await pause(READ_PAUSE_MS);
  }
  signal.throwIfAborted();
  throw new KernelError('the kernel does not add up sessions any more', { advice: 'was Ringtail reloaded, or does it stop?' });
};

/** What was begun for one report, and is given back. */
type Begun = {
  readonly names: Names;
  readonly recent: Recent | undefined;
  readonly differences: DifferenceReader;
  readonly isMeant: (cgroupId: bigint) => boolean;
};

/**
 * Has the kernel count, and takes the first reading. Rejects with a QueryError when there is no such cgroup, and with a KernelError when this host cannot
 * tell.
 */
export const openReport = async (kernel: ReportKernel, query: ReportQuery, signal: AbortSignal): Promise<Report> => {
  const hasRecent = query.recent > 0;
  const endings: (() => void)[] = [];
  const end = async (): Promise<void> => {
    signal.removeEventListener('abort', end);
    if (endings.length === 0) return;
    for (const ending of endings.splice(0)) ending();
    // what is not needed any more is taken down; who else runs goes on
    await kernel.reconfigure().catch(() => {});
  };

  const begin = async (): Promise<Begun> => {
    // who never takes a page ends it this way
    signal.addEventListener('abort', end);
    const names = createNames(kernel, hasRecent ? ['process', 'user'] : []);
    endings.push(names.close);
    const claim = kernel.needSockets(guestNeeds({ counted: true, events: hasRecent ? ['start', 'end'] : [] }));
    endings.push(claim.end);
    await kernel.reconfigure();
    const { rung, notes } = kernel.sockets();
    if (rung !== 'ebpf')
      throw new KernelError(`sessions cannot be added up here: ${notes.join('; ') || 'nobody follows sockets'}`, {
        advice: 'run as root on a kernel of 5.8 or newer with BTF; `ringtail doctor` tells what is missing',
      });
    const path = findCgroup(query.cgroup, kernel.cgroups.living());
    const isMeant = cgroupTest(path, names);
    const recent = hasRecent ? createRecent(kernel, { most: query.recent, isMeant }) : undefined;
    if (recent !== undefined) endings.push(recent.close);
    const differences = createDifferences(await readCounts(kernel, signal));
    endings.push(kernel.socketMaps.onTaken(differences.take));
    return { names, recent, differences, isMeant };
  };

  const pageOf = async ({ names, recent, differences, isMeant }: Begun, fromMs: number): Promise<ReportPage> => {
    const toMs = Date.now();
    const { places, isCut } = differences.next(await readCounts(kernel, signal));
    const readMs = Date.now();
    // then the cgroups and processes are known that it is about
    await kernel.caughtUp();
    const { notes, ...groups } = groupPlaces(places, { names, isMeant, hasContainers: query.containers });
    const { recent: sessions, missed } = recent?.take(readMs, names) ?? { recent: [], missed: 0 };
    return {
      type: 'report',
      fromMs,
      toMs,
      ...groups,
      recent: sessions,
      recentMissed: missed,
      notes: [...notesOf(kernel.sockets()), ...(isCut ? [CUT] : []), ...notes],
    };
  };

  async function* pages(begun: Begun, beganMs: number): AsyncGenerator<ReportPage> {
    let fromMs = beganMs;
    try {
      for await (const _ of ticks(query.intervalMs, signal)) {
        const page = await pageOf(begun, fromMs);
        fromMs = page.toMs;
        yield page;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await end();
    }
  }

  try {
    const begun = await begin();
    return pages(begun, Date.now());
  } catch (error) {
    await end();
    throw error;
  }
};
