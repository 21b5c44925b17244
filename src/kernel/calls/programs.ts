/** The programs of system calls: loaded when somebody asks, changed while they run, given back when nobody asks any more. */
import type { Counters } from '../../core/counters.ts';
import type { PushDownReport } from '../../core/rules.ts';
import type { KernelFacts, MapEntries, NativeSession } from '../addon.ts';
import { objectPath } from '../flavours.ts';
import { describeRefusal } from '../process-programs.ts';
import { nextGeneration } from '../sums.ts';
import type { CountMaps } from './counts.ts';
import type { CallNeeds, CallsStatus } from './needs.ts';
import { callNumbersOf, type CallNumbers } from './numbers.ts';
import { type CallRules, createCallRules } from './rules/rules.ts';
import { encodeSettings } from './settings.ts';

type CallsRung = Exclude<CallsStatus['rung'], 'none'>;

const suffixes: Readonly<Record<CallsRung, string>> = { tp_btf: 'btf', raw_tp: 'raw' };
/** What the programs of processes and these must have in common. */
const SHARED_MAPS = ['excluded', 'excluded_kinds', 'left_out_runs', 'trace_contexts'];
const NO_RULES: PushDownReport = { places: [] };

export type CallProgramsOptions = {
  readonly session: NativeSession;
  readonly facts: KernelFacts;
  readonly ringBytes: number;
  readonly selfPid: number;
  readonly cgroupOptions: Readonly<Record<string, number>>;
  /** Number of the mount namespace of the host; 0 = not known. */
  readonly hostMountNs: number;
  /** Object of the process programs. */
  readonly processObject: number;
  /** From best to worst. */
  readonly rungs: readonly CallsRung[];
  readonly counters: Counters;
};

export type CallPrograms = {
  /** Other needs; undefined: nobody asks. One call at a time. A kernel that gives no calls is told by `status`, not thrown. */
  change(needs: CallNeeds | undefined): Promise<void>;
  status(): CallsStatus;
  /** Lets go of the tracepoints; what is counted can still be read. */
  detach(): Promise<void>;
  /** Before the session is closed. */
  release(): void;
  /** Runs that the kernel skipped, by program. */
  recursionMisses(): Readonly<Record<string, number>>;
  /** Closes, of files too, whose enter was not seen, so that nobody knows what they closed: those under way when the programs were attached. */
  missed(): number;
  /** Entries of a map of the object; undefined when it is not loaded. */
  read(map: 'call_names' | 'io_totals' | 'rule_counts'): MapEntries | undefined;
  /** What a map adds up, off the main thread; undefined when it is not loaded. */
  readonly readSums: CountMaps['readSums'];
  /** The same of these keys, which are taken out. */
  readonly takeSums: CountMaps['takeSums'];
  /** One entry, which is then no longer there. */
  take(map: 'io_totals', key: Uint8Array): Buffer | undefined;
};

type Loaded = {
  readonly rung: CallsRung;
  readonly object: number;
  readonly generation: number;
  readonly rules: CallRules;
  hasEnter: boolean;
  enterRound: number;
};

export const createCallPrograms = (options: CallProgramsOptions): CallPrograms => {
  const { session, facts, ringBytes, selfPid, cgroupOptions, hostMountNs, processObject, rungs, counters } = options;
  const numbers = callNumbersOf(facts.machine);
  let loaded: Loaded | undefined;
  let status: CallsStatus = { rung: 'none', notes: [], pushDown: NO_RULES };

  const load = (rung: CallsRung): Loaded => {
    const object = session.load({
      path: objectPath('syscalls', facts),
      programs: [`on_call_exit_${suffixes[rung]}`, `on_call_enter_${suffixes[rung]}`],
      options: {
        ...cgroupOptions,
        ring_bytes: ringBytes,
        self_tgid: selfPid,
        host_mount_ns: hostMountNs,
      },
      mapEntries: {},
      share: { from: processObject, maps: SHARED_MAPS },
    });
    const rules = createCallRules({ session, object, counters });
    return { rung, object, generation: nextGeneration(), rules, hasEnter: false, enterRound: 0 };
  };

  const unload = ({ rules, object }: Loaded): void => {
    rules.close();
    session.unload(object);
  };

  const writeSettings = ({ object, enterRound }: Loaded, needs: CallNeeds | undefined, table: CallNumbers): void =>
    session.putEntry(object, 'call_settings', new Uint8Array(4), encodeSettings(needs, table, enterRound));

  /** The descriptor of a close is gone at its exit: its enter is followed before closes are wanted, and for as long as they are. */
  const apply = async (now: Loaded, needs: CallNeeds, table: CallNumbers): Promise<PushDownReport> => {
    const report = await now.rules.set(needs.ruleSets);
    const program = `on_call_enter_${suffixes[now.rung]}`;
    const wanted = needs.events.has('close') || needs.failures.has('close');
    if (wanted && !now.hasEnter) {
      session.attach(now.object, program);
      now.hasEnter = true;
      now.enterRound++;
    }
    writeSettings(now, needs, table);
    if (!wanted && now.hasEnter) {
      await session.detach(now.object, program);
      now.hasEnter = false;
    }
    return report;
  };

  /** Notes say why the rungs above were not taken. */
  const open = async (needs: CallNeeds, table: CallNumbers): Promise<void> => {
    const notes: string[] = [];
    for (const rung of rungs) {
      let attempt: Loaded | undefined;
      try {
        attempt = load(rung);
        const pushDown = await apply(attempt, needs, table);
        session.attach(attempt.object, `on_call_exit_${suffixes[rung]}`);
        loaded = attempt;
        status = { rung, notes, pushDown };
        return;
      } catch (error) {
        if (attempt !== undefined) unload(attempt);
        notes.push(`${rung}: ${describeRefusal(error)}`);
      }
    }
    status = { rung: 'none', notes, pushDown: NO_RULES };
  };

  /** Of objects that are gone. */
  let missedBefore = 0;
  const missedNow = (): number => {
    if (loaded === undefined) return 0;
    const { values } = session.readEntries(loaded.object, 'call_missed');
    let sum = 0n;
    for (let at = 0; at < values.length; at += 8) sum += values.readBigUInt64LE(at);
    return Number(sum);
  };

  const close = async (table: CallNumbers): Promise<void> => {
    if (loaded === undefined) return;
    const last = loaded;
    writeSettings(last, undefined, table);
    missedBefore += missedNow();
    loaded = undefined;
    status = { rung: 'none', notes: [], pushDown: NO_RULES };
    await session.detach(last.object);
    unload(last);
  };

  return {
    async change(needs) {
      if (numbers === undefined) {
        status = { rung: 'none', notes: [`the numbers of system calls of ${facts.machine} are not known`], pushDown: NO_RULES };
        return;
      }
      if (needs === undefined) await close(numbers);
      else if (loaded === undefined) await open(needs, numbers);
      else status = { ...status, pushDown: await apply(loaded, needs, numbers) };
    },
    status: () => status,
    async detach() {
      if (loaded !== undefined) await session.detach(loaded.object);
    },
    release: () => loaded?.rules.close(),
    recursionMisses: () => (loaded === undefined ? {} : session.recursionMisses(loaded.object)),
    missed: () => missedBefore + missedNow(),
    read: (map) => (loaded === undefined ? undefined : session.readEntries(loaded.object, map)),
    async readSums(map) {
      if (loaded === undefined) return undefined;
      const { object, generation } = loaded;
      return { ...(await session.readSums(object, map)), generation };
    },
    async takeSums(map, keys) {
      if (loaded === undefined) return undefined;
      const { object, generation } = loaded;
      return { ...(await session.takeSums(object, map, keys)), generation };
    },
    take: (map, key) => (loaded === undefined ? undefined : session.takeEntry(loaded.object, map, key)),
  };
};
