/**
 * The data of the pipeline. A frame is what the native thread hands over; it holds one batch a kind, columns of equal length,
 * the acting processes (each once) and the strings (each once, but arguments, which stand in a row as often as they occur).
 *
 * Frames and batches are immutable and valid during the synchronous `next` only: who wants data longer copies it.
 */

/** Bit in `StringTable.lengths` that says that the bytes are not valid UTF-8. */
export const NOT_UTF8 = 0x8000_0000;
export const LENGTH_MASK = 0x7fff_ffff;

/** Strings of one frame, by id. Id 0 is always the empty string. Bytes are raw: hostile, not ended by NUL. */
export type StringTable = {
  readonly bytes: Uint8Array;
  /** Start of each string in `bytes`. */
  readonly offsets: Uint32Array;
  /** Byte length of each string; the top bit (NOT_UTF8) marks bytes that are not valid UTF-8. */
  readonly lengths: Uint32Array;
  readonly count: number;
};

/** The acting processes of one frame, each distinct head once. See `struct event_actor` in bpf/events.h. 64-bit values are split in Lo and Hi. */
export type Actors = {
  readonly count: number;
  readonly pid: Uint32Array;
  readonly tid: Uint32Array;
  readonly ppid: Uint32Array;
  readonly execId: Uint32Array;
  readonly startNsLo: Uint32Array;
  readonly startNsHi: Uint32Array;
  readonly parentStartNsLo: Uint32Array;
  readonly parentStartNsHi: Uint32Array;
  readonly cgroupIdLo: Uint32Array;
  readonly cgroupIdHi: Uint32Array;
  readonly uid: Uint32Array;
  readonly euid: Uint32Array;
  /** 0xffffffff = unset. */
  readonly loginUid: Uint32Array;
  readonly vpid: Uint32Array;
  /** `enum head_flags`. */
  readonly flags: Uint32Array;
  readonly parentExecId: Uint32Array;
  /** String id. */
  readonly comm: Uint32Array;
};

export type ActorColumn = Exclude<keyof Actors, 'count'>;

/** Actors of one shape, whoever makes the frame: optimised code that meets several looks every column up by its name, for every record. */
export const actorsOf = (count: number, column: (name: ActorColumn) => Uint32Array): Actors => ({
  count,
  pid: column('pid'),
  tid: column('tid'),
  ppid: column('ppid'),
  execId: column('execId'),
  startNsLo: column('startNsLo'),
  startNsHi: column('startNsHi'),
  parentStartNsLo: column('parentStartNsLo'),
  parentStartNsHi: column('parentStartNsHi'),
  cgroupIdLo: column('cgroupIdLo'),
  cgroupIdHi: column('cgroupIdHi'),
  uid: column('uid'),
  euid: column('euid'),
  loginUid: column('loginUid'),
  vpid: column('vpid'),
  flags: column('flags'),
  parentExecId: column('parentExecId'),
  comm: column('comm'),
});

/** A column is `Uint32Array` of `rows` values: numbers, halves of 64-bit numbers, or string ids. Signed values are read as `value | 0`. */
export type Column = Uint32Array;

/** The columns of a kind, by the names that the generated layout gives them. */
export type Columns = Readonly<Record<string, Column>>;

/**
 * Attributes kept once and used by many records: of a process, a user, a container. `ids` are handed out by the source; 0 means none.
 */
export type AttributeSource = {
  /** Most bytes that `write` appends for this id. */
  size(id: number): number;
  /**
   * Appends the attributes of `id` as a run of OTLP `KeyValue` fields (see `AttributeWriter`) to `out` at `at`; returns the position behind them.
   * A source of rows may write other fields of `LogRecord` between them, which go before what the writer says.
   */
  write(id: number, out: Uint8Array, at: number): number;
  /** The same attributes for people and tests. */
  entries(id: number): readonly Attribute[];
  /**
   * Unix time in µs at which the process of `id` began; told as `process.creation.time` in place of the one reckoned from the record,
   * which moves with the clock. The first added column that has it and whose id is not 0 counts. Not a part of `write`.
   */
  createdUs?(id: number): number;
  /**
   * What several ids have in common: of ids with equal numbers (u32) `write` appends equal bytes. For a source with an id for every
   * process; elsewhere the id itself is this number.
   */
  sharedBy?(id: number): number;
  /** All names that an id may have; undefined: it may be any. */
  readonly names?: ReadonlySet<string> | undefined;
};

/** A double that is a whole number; as a `number` it would be told as an integer. Every other double is a `number`. */
export type WholeDouble = { readonly double: number; toString(): string; toJSON(): number };
export type AttributeValue = string | number | bigint | boolean | readonly string[] | WholeDouble;

/** A double as an attribute's value. */
export const doubleValue = (value: number): number | WholeDouble =>
  Number.isSafeInteger(value) ? { double: value, toString: () => String(value), toJSON: () => value } : value;
export type Attribute = readonly [name: string, value: AttributeValue];

/** An added column: for each actor of the frame, or each row of the batch, an id in `source`. */
export type AttributeColumn = { readonly source: AttributeSource; readonly ids: Uint32Array };

/** In `Batch.actor`: the row has no acting process, so it has none of the common attributes; a `ringtail.loss` event for instance. */
export const NO_ACTOR = 0xffff_ffff;

/** Rows of one kind. */
export type Batch = {
  readonly kind: EventSchema;
  /** Id of the receiver that emits it, `type[/name]`. */
  readonly receiver: string;
  readonly frame: Frame;
  /** Rows in the columns. */
  readonly rows: number;
  /** Boot time of each row, ns. */
  readonly bootNsLo: Column;
  readonly bootNsHi: Column;
  /** Index into `frame.actors`, or NO_ACTOR. */
  readonly actor: Column;
  readonly columns: Columns;
  /** The rows of this view in order; undefined = all of them. */
  readonly selection: Uint32Array | undefined;
  /** Added by processors, for each actor of the frame. */
  readonly actorAttributes: readonly AttributeColumn[];
  /** Added by the receiver or by processors, for each row of the batch. */
  readonly rowAttributes: readonly AttributeColumn[];
  /** What the rows belong to, when it is not the resource of the exporter's settings. Compared by identity: one object for equal resources. */
  readonly resource: BatchResource | undefined;
  /** What single rows belong to instead: of containers for instance. */
  readonly rowResources?: RowResources | undefined;
  /** Names of common attributes (those that stand in the actor itself: process.pid, ...) that are not written. One object for equal sets. */
  readonly omitted: ReadonlySet<string> | undefined;
  /** Severity numbers of OTLP by row, as far as they are known from elsewhere; undefined: all are 9, INFO. */
  readonly severities?: Uint32Array | undefined;
  /**
   * Where in a trace, as another program keeps it, the thread of each row was: the id of a string of 16 bytes of the trace, never all zero, and 8 of the span; 0: in none.
   */
  readonly contexts?: { readonly strings: StringTable; readonly ids: Column } | undefined;
  /** The rows are spans. */
  readonly spans?: SpanColumns | undefined;
  /** How the pipeline wants its records cut into requests; for exporters that send requests. One object a pipeline. */
  readonly requests?: RequestCut | undefined;
  /** An added column may say what another one says already; who writes records looks for names that come twice (`distinctOf`). */
  readonly mayRepeat?: boolean;
};

/** Something that happened within a span. */
export type SpanEvent = { readonly unixNs: bigint; readonly name: string; readonly attributes: readonly Attribute[] };

/** Another span that this one has to do with. The ids are as long as those of the columns. */
export type SpanLink = { readonly traceId: Uint8Array; readonly spanId: Uint8Array; readonly attributes: readonly Attribute[] };

/** What makes rows spans, see src/core/spans.ts. Columns as long as the batch has rows. */
export type SpanColumns = {
  /** What `names`, `statusMessages` and `traceStates` are ids in; may be that of the frame. */
  readonly strings: StringTable;
  /** TRACE_ID_BYTES a row, never all zero. */
  readonly traceIds: Uint8Array;
  /** SPAN_ID_BYTES a row, never all zero. */
  readonly spanIds: Uint8Array;
  /** SPAN_ID_BYTES a row; all zero: it has no parent. */
  readonly parentIds: Uint8Array;
  /** `spanKind`. */
  readonly kinds: Uint8Array;
  readonly names: Column;
  /** Boot time of the end, ns. */
  readonly endNsLo: Column;
  readonly endNsHi: Column;
  /** `spanStatus`. */
  readonly statuses: Uint8Array;
  readonly statusMessages: Column;
  /** W3C Trace Context: the `tracestate` that came with the parent. */
  readonly traceStates: Column;
  /** W3C trace flags in the low byte; above it what trace.proto, `SpanFlags`, says of the parent. */
  readonly flags: Column;
  /** By row; undefined: none of the batch has any. */
  readonly events?: readonly (readonly SpanEvent[])[] | undefined;
  /** Events that a span had no room for. */
  readonly droppedEvents: Column;
  readonly links?: readonly (readonly SpanLink[])[] | undefined;
};

/** Requests of a pipeline hold records of that pipeline alone. A request is also as small as the exporter's own bounds want it. */
export type RequestCut = {
  /** A request is sent when it holds this many records ... */
  readonly records: number;
  /** ... and holds at most this many. */
  readonly maxRecords: number;
  /** A request is sent this long after its first record although it is not full, ms; 0: after each batch. */
  readonly timeoutMs: number;
};

/** For each row of the batch an index in `list`; `list[0]` is undefined: the row belongs to `Batch.resource`. One object for equal resources. */
export type RowResources = { readonly ids: Uint32Array; readonly list: readonly (BatchResource | undefined)[] };

/** Attributes of a resource. Immutable; whoever makes one keeps it for as long as it may be wanted again. */
export type BatchResource = { readonly attributes: readonly Attribute[] };

export type Frame = {
  readonly sequence: number;
  /** Unix time = boot time + this, ns. */
  readonly wallOffsetNs: bigint;
  readonly strings: StringTable;
  readonly actors: Actors;
};

/** What a row belongs to; undefined: the resource of the exporter's settings. */
export const resourceOfRow = ({ resource, rowResources }: Batch, row: number): BatchResource | undefined =>
  rowResources?.list[rowResources.ids[row]!] ?? resource;

/** Number of rows that a view shows. */
export const rowsOf = (batch: Batch): number => batch.selection?.length ?? batch.rows;

/**
 * How the columns of a kind become attributes of a log record. Data, so that every exporter reads the same table. With `when` the
 * attribute is written only if all conditions hold. A `u64` and a `decimal` read the columns `<column>Lo` and `<column>Hi`. What is
 * empty is left out: a string or a list without content, no set flag. So is an attribute whose column the batch does not have.
 */
export type AttributeField = { readonly name: string; readonly when?: FieldCondition | readonly FieldCondition[] } & (
  | { readonly type: 'u32' | 'i32' | 'u64' | 'string'; readonly column: string }
  /** A number of 64 bits without a sign, as text. */
  | { readonly type: 'decimal'; readonly column: string }
  /** A number of 32 bits as octal text, with a 0 in front of at least three digits: `0640`. */
  | { readonly type: 'octal'; readonly column: string }
  /** Of the string that is a path, what stands behind the last slash that has something behind it; `.` and `..` are left out. */
  | { readonly type: 'fileName'; readonly column: string }
  /**
   * The string is an address of 4 or 16 bytes, in the order of the network, as text by RFC 5952; or of 16 bytes and the name of an interface, its zone:
   * `fe80::1%eth0`; or the one byte `*`. What is neither is left out.
   */
  | { readonly type: 'address'; readonly column: string }
  /** The string is the name of a unix socket; the NUL that an abstract one begins with becomes `@`. */
  | { readonly type: 'socketName'; readonly column: string }
  /** `column` is the id of the first of `count` strings that follow each other. */
  | { readonly type: 'strings'; readonly column: string; readonly count: string }
  /** True when (column & mask) != 0; left out otherwise unless `always`. */
  | { readonly type: 'bool'; readonly column: string; readonly mask: number; readonly always?: boolean }
  /** A closed set of values by number; a number that is not in it is left out. */
  | { readonly type: 'enum'; readonly column: string; readonly names: ReadonlyMap<number, string> }
  /**
   * Names of the set bits, in order, as an array. `column` holds the low half of the value, `high` the upper one where there is one.
   */
  | { readonly type: 'flags'; readonly column: string; readonly high?: string; readonly names: readonly FlagName[] }
  /** The same on every record. */
  | { readonly type: 'constant'; readonly value: AttributeValue }
);

/** The name stands when (value & mask) = bits; without a mask, when all `bits` are set. Both are below 2^53. */
export type FlagName = readonly [bits: number, name: string, mask?: number];

/** `set` and `clear`: (column & mask) is not zero, or is. `not`: the column has another value. A column that the batch lacks fails each. */
export type FieldCondition =
  | { readonly column: string; readonly mask: number; readonly is: 'set' | 'clear' }
  | { readonly column: string; readonly value: number; readonly is: 'not' };

/** The conditions of a field as a list. */
export const conditionsOf = ({ when }: AttributeField): readonly FieldCondition[] =>
  when === undefined ? [] : 'column' in when ? [when] : when;

/** A kind of event: its name and the attributes that it has beyond the common ones. */
export type EventSchema = {
  /** LogRecord.event_name, for instance `ringtail.process.exec`. */
  readonly eventName: string;
  readonly fields: readonly AttributeField[];
};
