/** Events as they are shown live, to a person or to a program, by the control socket and by `ringtail events`. */

/** Which events are wanted. Within a list one must match, and every list that is not empty must. Names and paths may have `*` and `?`. */
export type EventFilter = {
  /** Names without `ringtail.`, as `process.exec`, `file.*`; or a part of one alone: `exec`, `session`. */
  readonly events: readonly string[];
  /** Names or ids (a beginning of at least 4 digits) of containers; `any`: every container; `host`: none. */
  readonly containers: readonly string[];
  /** Names of executables, or paths. */
  readonly processes: readonly string[];
  readonly pids: readonly number[];
  /** What these do is left out: whoever looks at events makes some. */
  readonly excludedPids: readonly number[];
  /** Names or numbers. */
  readonly users: readonly string[];
  /** Of either end. */
  readonly ports: readonly number[];
  /** Of files, working directories and unix sockets, and of executables where an event is about a process. Without `*` and `?`: it, and all below it. */
  readonly paths: readonly string[];
};

/** One event, as `jsonLine` of src/text writes it: integers beyond 2^53 are texts. */
export type LiveEvent = {
  readonly type: 'event';
  /** UTC with nanoseconds. */
  readonly time: string;
  /** As `ringtail.process.exec`. */
  readonly event: string;
  readonly receiver: string;
  readonly pipeline: string;
  /** In which trace its thread was, in hexadecimal. */
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** When it is not the host's. */
  readonly resource?: Readonly<Record<string, unknown>>;
};

/** Events that matched and that this reader was not given. */
export type MissedEvents = {
  readonly type: 'missed';
  readonly count: number;
  /** `slow_reader`: its buffer was full; `rate`: there were more than it may get in a second. */
  readonly reason: 'slow_reader' | 'rate';
};

/** The end of the stream is told; without this the connection broke. `ended`: Ringtail stops; `reloaded`: the socket is opened anew, with other options. */
export type LiveEnd = { readonly type: 'end'; readonly reason: string };

export type LiveMessage = LiveEvent | MissedEvents | LiveEnd;

/** A stream of events, of a running Ringtail or of one of our own. Ends with the stream; throws a RuntimeError when it breaks. */
export type EventsFeed = AsyncIterable<LiveMessage> & {
  /** What it comes from, in a few words: `the Ringtail of pid 4711`. */
  readonly source: string;
  /** What a reader should know, one sentence each: what cannot be seen. */
  readonly notes: readonly string[];
  close(): Promise<void>;
};
