/** What the kernel side of a running Ringtail is asked for and gives; made by `createKernelServices`. */
import type { Health, Lifecycle } from '../core/component.ts';
import type { Counters } from '../core/counters.ts';
import type { Logger } from '../core/logger.ts';
import type { KernelFacts, MapEntries } from './addon.ts';
import type { CountMaps as CallCountMaps } from './calls/counts.ts';
import type { CallNeeds, CallsClaim, CallsStatus } from './calls/needs.ts';
import type { Recorder } from './capture/recorder.ts';
import type { ExcludeRules } from './exclude.ts';
import type { Hub } from './hub.ts';
import type { PacketServices } from './packets/needs.ts';
import type { ProbeReport } from './probe.ts';
import type { ProcessCounts } from './process-counts.ts';
import type { ProcessNeeds, Rung } from './process-programs.ts';
import type { RingSource } from './ring-source.ts';
import type { KernelLookups } from './service-types.ts';
import type { LiveSockets } from './sockets/live.ts';
import type { Traces } from './traces/service.ts';
import type { SocketNeeds, SocketsClaim, SocketsStatus } from './sockets/needs.ts';
import type { SocketMaps } from './sockets/service.ts';

export type KernelOptions = {
  /** A power of two, at least a page. */
  readonly ringBytes: number;
  readonly flushRows: number;
  readonly flushIntervalMs: number;
  /** Where the host's root is mounted; `/` outside containers. */
  readonly rootPath: string;
  /** `auto` takes the best that works. */
  readonly rung: 'auto' | Rung;
  /** `auto`, `off`, or the path of the pinned map that says where in a trace each thread is. */
  readonly traceContext?: string;
  /** How often the procfs rung looks. */
  readonly procfsIntervalMs: number;
  /** Whose doings are left out, beside Ringtail's own. */
  readonly exclude?: ExcludeRules;
  readonly counters: Counters;
  readonly logger: Logger;
  /** Writes down all that comes; then everything is asked for, whoever needs it. */
  readonly recorder?: Recorder | undefined;
  /** For tests: what the kernel is said to have. */
  readonly injectedFacts?: Partial<KernelFacts>;
};

export type KernelStatus = {
  /** `none`: nobody asks for processes, so the kernel is left alone. */
  readonly rung: Rung | 'none';
  /** What was tried before, and what this rung cannot tell; one sentence each. */
  readonly notes: readonly string[];
};

export type KernelServices = Lifecycle &
  KernelLookups &
  PacketServices & {
    readonly hub: Hub;
    /**
     * Said by receivers while somebody listens to them; the programs do what any of them needs from the next `reconfigure` on. Without anybody
     * nothing is loaded and procfs is not read. Returns a function that takes it back. What already runs is entered in the process table once,
     * when the first one asks; it is never handed out as records.
     */
    needProcesses(needs: ProcessNeeds): () => void;
    /** The same for counts of processes: nothing is handed out for them. */
    needProcessCounts(): () => void;
    readonly processCounts: ProcessCounts;
    /** Trees of processes; who asks for them asks for processes too. */
    readonly traces: Traces;
    /** The same for system calls; who asks for calls asks for processes too. */
    needCalls(needs: CallNeeds): CallsClaim;
    /** The same for sessions of sockets. */
    needSockets(needs: SocketNeeds): SocketsClaim;
    /** What became of that; the maps of the programs. */
    sockets(): SocketsStatus;
    readonly socketMaps: SocketMaps;
    /** What is open now; while somebody asks for sockets. */
    readonly liveSockets: LiveSockets;
    /**
     * Calls back once when the programs have been detached for good and pipelines still listen: what the kernel has added up is final then, and may be
     * handed to the hub; what it promises is waited for. Returns a function that takes it back.
     */
    onQuiet(listener: () => void | Promise<void>): () => void;
    /**
     * Resolves when all that the kernel had written into the ring by now went through the hub, or after a second: what is read from a map then finds its
     * processes known.
     */
    caughtUp(): Promise<void>;
    /** What became of that; entries of the maps that are added up in the kernel. */
    calls(): CallsStatus;
    readonly callMaps: CallMaps;
    /**
     * Brings the programs in line with what is needed now: they are loaded, changed while they run, or detached; what stays is not let go of.
     * Throws a KernelError when it cannot be; the programs then do what they did before. Calls are served one after the other; behind `quiesce` nothing
     * changes any more.
     */
    reconfigure(): Promise<void>;
    health(): Health;
    /** Takes other rules of who is left out; resolves when they are in force. */
    exclude(rules: ExcludeRules): Promise<void>;
    status(): KernelStatus;
    /** Stops the programs and brings what they wrote through the pipelines; the same promise when called again. */
    quiesce(deadlineMs: number): Promise<void>;
    /** The ring, for tests and for `stats`; undefined on the procfs rung. */
    ring(): RingSource | undefined;
    probe(): Promise<ProbeReport>;
  };

/** Maps of the programs of system calls; nothing while these are not loaded. */
export type CallMaps = CallCountMaps & {
  read(map: 'call_names' | 'io_totals'): MapEntries | undefined;
  /** One entry, which is then no longer there. */
  take(map: 'io_totals', key: Uint8Array): Buffer | undefined;
};
