/** What receivers ask of the programs of system calls. */
import type { PushDownReport, RuleSet } from '../../core/rules.ts';
import type { callId } from '../layouts.gen.ts';

/** Names as they stand in `ringtail.syscall.name`. */
export type CallName = Exclude<keyof typeof callId, 'none' | 'ids' | 'socketcall'>;

/** Records of one cgroup, or process, that are let through; the rest is counted as limited. */
export type CallLimit = { readonly per: 'cgroup' | 'process'; readonly perSecond: number; readonly burst: number };

export type CallNeeds = {
  /** Calls that become records. */
  readonly events: ReadonlySet<CallName>;
  /** Failures of these become records, successes do not: they are told elsewhere. */
  readonly failures: ReadonlySet<CallName>;
  /** Of several needs the one that lets most through counts; undefined = no limit. */
  readonly limit: CallLimit | undefined;
  /** Reads and writes are added up in the kernel, by process, file and window, instead of a record each. */
  readonly aggregateWindowMs: number | undefined;
  /** Calls that are counted, for metrics; a call may be counted and no event. */
  readonly counted: ReadonlySet<CallName>;
  /** What the pipelines drop; see `Receiver.narrow`. */
  readonly ruleSets: readonly (RuleSet | undefined)[];
};

/** One who asks. */
export type CallsClaim = {
  /** Other needs, from the next `reconfigure` on. */
  change(needs: CallNeeds): void;
  end(): void;
};

export type CallsStatus = {
  /** `none`: nobody asks, or this kernel gives no calls (`notes` says why). */
  readonly rung: 'tp_btf' | 'raw_tp' | 'none';
  readonly notes: readonly string[];
  /** Of the rules in force. */
  readonly pushDown: PushDownReport;
};
