/**
 * What a filter drops, as data: the same rules are evaluated by the kernel, as far as it can, and by the filter processor.
 *
 * A rule matches a record when every field that it names matches; a field matches when one of its alternatives does. What a record does not have, and
 * what is not known of its process, matches nothing. In each stage a record is dropped when a `drop` rule matches and no `keep` rule does; events that
 * `neverDrop` names are not.
 *
 * A path or peer that may be another than the one that stands there is uncertain: of it every test fails in a drop rule and holds in a keep rule, so
 * that nobody hides behind a name. Uncertain are
 * - path, addresses and ports with CALL_IS_UNVERIFIED;
 * - address and port of a session with SESSION_MANY_PEERS;
 * - a path with PATH_TRUNCATED or PATH_FAULT, one with PATH_DETACHED that is not PATH_PSEUDO too, and an empty one;
 * - the caller's word, which is the path of a failed open and of every unlink, when it is not absolute or has a part `..`;
 * - the path of an open or unlink that failed with another error than ENOENT: what is not there cannot be read, while any other failure may be of a file
 *   that a link leads to.
 */

/**
 * `exact` the whole text; `prefix` its beginning, of any length, empty too; `glob` with `*` (any characters, `/` too) and `?` (one character of UTF-8, or a
 * byte that is none). In a glob alone a backslash makes the `*`, `?` or backslash behind it a character like others.
 */
export type TextTest = { readonly type: 'exact' | 'prefix' | 'glob'; readonly text: string };

/** Bytes of an address, 4 or 16, and the bits of it that count. An IPv4 address is compared as the IPv6 address ::ffff:a.b.c.d, on both sides. */
export type AddressTest = { readonly text: string; readonly bytes: Uint8Array; readonly bits: number };

/** `success`: ret >= 0; `failure`: ret < 0; else one error, `ENOENT`. */
export type ResultTest = { readonly text: string; readonly type: 'success' | 'failure' | 'error'; readonly errno: number };

/** Both ends count. */
export type PortTest = { readonly text: string; readonly min: number; readonly max: number };

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
  /** In a pid namespace below the host's: HEAD_NESTED_PID_NS. */
  readonly nestedPidNamespace?: boolean;
};

/** What: the event. A record without the field is not matched by a test of it. */
export type ContextTests = {
  /** LogRecord.event_name. */
  readonly event?: readonly TextTest[];
  /** `file.path`, of the kinds open, read, write and unlink. */
  readonly path?: readonly TextTest[];
  /** The peer's. */
  readonly address?: readonly AddressTest[];
  /** The peer's, of what has ports. */
  readonly port?: readonly PortTest[];
  /** Of the end that is on this host. */
  readonly localAddress?: readonly AddressTest[];
  readonly localPort?: readonly PortTest[];
  /** Of every kind with a column `ret`, and of the end of a session. */
  readonly result?: readonly ResultTest[];
  /** Bytes that were transferred: `ret` >= 0 of read, write, send and receive, but for sendmmsg and recvmmsg, which count messages. */
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
