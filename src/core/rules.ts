/**
 * What a filter drops, as data: the same rules are evaluated by the kernel, as far as it can, and by the filter processor.
 *
 * A rule matches a record when every field that it names matches; a field matches when one of its alternatives does. What a record does not have
 * matches nothing. In each stage a record is dropped when a `drop` rule matches and no `keep` rule does; events that `neverDrop` names are not.
 */

/** `exact` the whole text; `prefix` its beginning; `glob` with `*` (any characters, `/` too) and `?` (one character). */
export type TextTest = { readonly type: 'exact' | 'prefix' | 'glob'; readonly text: string };

/** Bytes of an address, 4 or 16, and the bits of it that count. IPv4 tests match v4-mapped IPv6 addresses too. */
export type AddressTest = { readonly text: string; readonly bytes: Uint8Array; readonly bits: number };

/** `success`: ret >= 0; `failure`: ret < 0; else one error, `ENOENT`. */
export type ResultTest = { readonly text: string; readonly type: 'success' | 'failure' | 'error'; readonly errno: number };

/** Both ends count; absent = no bound. */
export type SizeTest = { readonly text: string; readonly min?: number; readonly max?: number };

/** Who: the acting process. Texts are compared as bytes. */
export type ProcessTests = {
  /** Name of the thread, as the kernel has it; a program can choose it. */
  readonly comm?: readonly TextTest[];
  /** Path of the executable, as the kernel resolved it. */
  readonly executable?: readonly TextTest[];
  /** Name of the effective user. */
  readonly user?: readonly TextTest[];
  /** Effective user. */
  readonly uid?: readonly number[];
  readonly pid?: readonly number[];
  /** Path of the executable of the parent. */
  readonly parent?: readonly TextTest[];
  readonly parentPid?: readonly number[];
  /** Path of the cgroup in the v2 hierarchy. */
  readonly cgroup?: readonly TextTest[];
  readonly container?: readonly TextTest[];
  /** By the flag of the kernel, not by name. */
  readonly kernelThread?: boolean;
};

/** What: the event. A record without the field is not matched by a test of it. */
export type ContextTests = {
  /** LogRecord.event_name. */
  readonly event?: readonly TextTest[];
  /** `file.path`. A path whose front is missing, and the path of a failed call with a `..` in it, match nothing. */
  readonly path?: readonly TextTest[];
  /** The peer's. */
  readonly address?: readonly AddressTest[];
  /** The peer's. */
  readonly port?: readonly number[];
  readonly result?: readonly ResultTest[];
  /** Bytes that were transferred. */
  readonly size?: readonly SizeTest[];
};

export type Rule = {
  /** Where it stands, for counters and messages: `filter/noise process.drop[3]`. */
  readonly id: string;
  readonly stage: 'process' | 'context';
  readonly action: 'drop' | 'keep';
  /** Tests of the other stage are allowed too: a context rule may name a process. */
  readonly tests: ProcessTests & ContextTests;
};

export type RuleSet = {
  readonly rules: readonly Rule[];
  /** Event names that no rule drops. */
  readonly neverDrop: readonly TextTest[];
  /** There is more to this filter than rules say (conditions): what the rules drop is dropped, and user space looks at the rest. */
  readonly hasMore: boolean;
};

/** Where a rule is evaluated. `user`: `why` says what keeps it from the kernel, as a clause. */
export type RulePlace = { readonly rule: string; readonly where: 'kernel' | 'user'; readonly why?: string };

/** For each event that a receiver emits and its kernel side may drop. `refused` says why nothing at all is. */
export type PushDownReport = { readonly places: readonly RulePlace[]; readonly refused?: string };
