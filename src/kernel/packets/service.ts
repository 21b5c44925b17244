/** Packets, counted on the interfaces that anybody asks for; shared by all who ask. */
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Addon, KernelFacts, NativeError } from '../addon.ts';
import { refusalOf } from '../probe.ts';
import { createAttach, type Attached } from './attach.ts';
import { createPacketCounts, type PacketCounts } from './counts.ts';
import { hasTcx } from './facts.ts';
import { createFilters, type Filters } from './filters.ts';
import { matchInterfaces } from './interface-match.ts';
import { ladderOf } from './ladder.ts';
import { createLinks, type FollowedLink, type Links } from './links.ts';
import type { PacketMode, PacketNeeds, PacketServices } from './needs.ts';
import { loadPacketPrograms, type PacketPrograms } from './programs.ts';

export type PacketService = PacketServices & {
  /** Brings the programs in line with what is asked for. Never rejects: what cannot be is told by `packets`. */
  change(): Promise<void>;
  /** Takes the programs off the interfaces for good; what they counted can still be read. */
  quiesce(): Promise<void>;
  close(): Promise<void>;
};

export type PacketServiceOptions = {
  readonly logger: Logger;
  /** Throws KernelError when there is no addon. */
  readonly loadAddon: () => Addon;
  /** What the kernel has. */
  readonly factsOf: (addon: Addon) => KernelFacts;
};

/** Twice what is there, within these bounds: a slot takes 192 bytes a CPU. */
const LEAST_SLOTS = 64;
const MOST_SLOTS = 1024;
/** Notes that were logged already: interfaces of containers come and go by the thousand. */
const MOST_TOLD = 256;
const MOST_JUDGED = 8192;

/** What is there while anybody asks. */
type Running = {
  readonly programs: PacketPrograms;
  readonly counts: PacketCounts;
  readonly filters: Filters;
  readonly tcx: boolean;
  readonly attach: ReturnType<typeof createAttach>;
};

type Counted = { readonly link: FollowedLink; readonly asked: PacketMode } & Attached;
type Wanted = { readonly mode: PacketMode; readonly others: readonly PacketMode[] };

const slotsFor = (interfaces: number): number => {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, interfaces * 2)));
  return Math.min(MOST_SLOTS, Math.max(LEAST_SLOTS, wanted));
};

export const createPacketService = ({ logger, loadAddon, factsOf }: PacketServiceOptions): PacketService => {
  const claims = new Set<{ needs: PacketNeeds; matches: (name: string) => boolean }>();
  const counted = new Map<number, Counted>();
  const renames = new Set<(index: number, before: string) => void>();
  const told = new Set<string>();
  let links: Links | undefined;
  let running: Running | undefined;
  let refusal = '';
  let isQuiet = false;
  let last: Promise<void> = Promise.resolve();

  /** One after the other: interfaces change while programs are put on them. */
  const inTurn = (work: () => Promise<void>): Promise<void> =>
    (last = last.then(work).catch((error: unknown) => logger.error({ error: messageOf(error) }, 'packets could not be followed')));

  /** By name, until somebody asks for something else: each change of one interface looks at all of them. */
  const wanted = new Map<string, Wanted | undefined>();
  /** The first one who asks decides. */
  const judge = (name: string): Wanted | undefined => {
    const [first, ...others] = Array.from(claims).filter(({ matches }) => matches(name));
    return first && { mode: first.needs.mode, others: others.map(({ needs }) => needs.mode).filter((mode) => mode !== first.needs.mode) };
  };

  const wantedOf = (name: string): Wanted | undefined => {
    if (!wanted.has(name)) {
      if (wanted.size >= MOST_JUDGED) wanted.clear();
      wanted.set(name, judge(name));
    }
    return wanted.get(name);
  };

  const tell = (name: string, { mode, note }: Attached): void => {
    if (note === '' || told.has(note) || told.size >= MOST_TOLD) return;
    told.add(note);
    if (mode === 'none') logger.warn({ interface: name, note }, 'packets of an interface are not counted');
    else logger.info({ interface: name, mode, note }, 'packets of an interface are counted, not in the best way');
  };

  const release = async (index: number): Promise<void> => {
    const hook = counted.get(index)?.hook;
    try {
      if (hook !== undefined) await running?.programs.detach(hook);
    } finally {
      // told as counted for as long as it is
      counted.delete(index);
    }
  };

  const take = async ({ attach, counts, tcx }: Running, link: FollowedLink, { mode, others }: Wanted): Promise<void> => {
    counts.place(link.index);
    const attached = await attach(link, ladderOf(link, mode, tcx));
    const note = others.length === 0 ? attached.note : [attached.note, `another receiver asks for ${[...new Set(others)].join(', ')}; the first one decides`].filter((some) => some !== '').join('; '); // prettier-ignore
    counted.set(link.index, { ...attached, note, link, asked: mode });
    tell(link.name, { ...attached, note });
  };

  /** Puts programs where they are wanted and takes them from where they are not. */
  const settle = async (): Promise<void> => {
    if (links === undefined || running === undefined || isQuiet) return;
    const here = new Map(links.all().map((link) => [link.index, link]));
    for (const [index, { link, asked }] of counted) {
      const now = here.get(index);
      if (now?.born !== link.born || wantedOf(now.name)?.mode !== asked) await release(index);
    }
    for (const link of here.values()) {
      const before = counted.get(link.index);
      const now = wantedOf(link.name);
      if (before !== undefined) counted.set(link.index, { ...before, link });
      else if (now !== undefined) await take(running, link, now);
    }
  };

  let isDue = false;
  /** What changes while programs are put on others is looked at once. */
  const onChange = (): void => {
    if (isDue) return;
    isDue = true;
    void inTurn(async () => {
      isDue = false;
      await settle();
    });
  };

  const open = async (): Promise<void> => {
    const addon = loadAddon();
    const following = createLinks({ addon, logger, onChange });
    following.onRename((index, before) => {
      for (const listener of renames) listener(index, before);
    });
    try {
      await following.start();
      const facts = factsOf(addon);
      const programs = loadPacketPrograms({ addon, facts, slots: slotsFor(following.all().length) });
      const filters = createFilters(addon, logger);
      await filters.sweep();
      links = following;
      const counts = createPacketCounts(programs, following);
      running = { programs, counts, filters, tcx: hasTcx(facts), attach: createAttach({ addon, programs, filters }) };
      refusal = '';
    } catch (error) {
      following.stop();
      throw error;
    }
  };

  const detachAll = async (): Promise<void> => {
    for (const index of counted.keys()) await release(index);
  };

  const shut = async (): Promise<void> => {
    await detachAll();
    const [oldLinks, oldRunning] = [links, running];
    [links, running] = [undefined, undefined];
    oldLinks?.stop();
    oldRunning?.filters.stop();
    await oldRunning?.programs.close();
  };

  const change = async (): Promise<void> => {
    if (isQuiet) return;
    if (claims.size === 0) return await shut();
    try {
      if (running === undefined) await open();
    } catch (error) {
      refusal = (error as NativeError).code === undefined ? messageOf(error) : refusalOf(error);
      logger.warn({ error: refusal }, 'packets cannot be counted');
      return;
    }
    // what stood in the way may be gone
    for (const [index, { mode }] of counted) if (mode === 'none') counted.delete(index);
    await settle();
  };

  return {
    needPackets(needs) {
      const claim = { needs, matches: matchInterfaces(needs) };
      claims.add(claim);
      wanted.clear();
      return {
        change(next) {
          wanted.clear();
          claim.needs = next;
          claim.matches = matchInterfaces(next);
        },
        end() {
          wanted.clear();
          claims.delete(claim);
        },
      };
    },
    packets: () => ({
      rung: running === undefined ? 'none' : 'ebpf',
      notes: running === undefined && claims.size > 0 && refusal !== '' ? [refusal] : [],
      interfaces: Array.from(counted, ([index, { link, mode, note }]) => ({ index, name: link.name, mode, note })),
    }),
    packetMaps: {
      readSums: async () => await running?.counts.read(),
      takeSums: async (keys) => await running?.counts.take(keys),
      readRest: async () => await running?.counts.rest(),
      nameOf: (index) => links?.nameOf(index),
      isGone: (index) => links?.isGone(index) ?? false,
      onRename(listener) {
        renames.add(listener);
        return () => renames.delete(listener);
      },
    },
    change: () => inTurn(change),
    quiesce: () =>
      inTurn(async () => {
        isQuiet = true;
        await detachAll();
      }),
    close: () => inTurn(shut),
  };
};
