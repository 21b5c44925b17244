/**
 * Builds a frame from plain rows in JavaScript memory: for receivers that do not read the ring, and for tests. The shape is that of
 * the native thread's frames; what a kind means is the caller's business, here it is a number.
 */
import { actorsOf, NO_ACTOR, type Actors, type Column, type Frame } from './batch.ts';
import { createTextTable, textRunOf, type TextInput, type TextRun, type TextTable } from './text-table.ts';

/** A value of a row: a number (signed ones wrap), a bigint (becomes `<name>Lo` and `<name>Hi`), text (an id), or a list of texts. */
export type ColumnInput = number | bigint | TextInput | readonly TextInput[];

/** Every member but `pid` has a default: tid and vpid = pid, loginUid unset, comm empty, the others 0. */
export type ActorInput = {
  readonly pid: number;
  readonly tid?: number;
  readonly ppid?: number;
  readonly execId?: number;
  readonly startNs?: bigint;
  readonly parentStartNs?: bigint;
  readonly cgroupId?: bigint;
  readonly uid?: number;
  readonly euid?: number;
  readonly loginUid?: number;
  readonly vpid?: number;
  readonly flags?: number;
  readonly parentExecId?: number;
  readonly comm?: TextInput;
};

export type RowInput = {
  readonly bootNs: bigint;
  /** Index that `addActor` returned, or NO_ACTOR. */
  readonly actor: number;
  readonly columns?: Readonly<Record<string, ColumnInput>>;
};

export type BuiltBatch = {
  readonly kind: number;
  readonly rows: number;
  readonly bootNsLo: Column;
  readonly bootNsHi: Column;
  readonly actor: Column;
  readonly columns: Readonly<Record<string, Column>>;
};

export type BuiltFrame = Frame & { readonly batches: readonly BuiltBatch[] };

export type FrameBuilderOptions = {
  /** Unix time = boot time + this, ns. */
  readonly wallOffsetNs: bigint;
  readonly sequence?: number;
  /** Columns that a kind always has, also when no row names them. */
  readonly columnsOf?: (kind: number) => readonly string[];
};

export type FrameBuilder = {
  /** Index of the actor; identical actors are kept once. */
  addActor(actor: ActorInput): number;
  /** Id of the text; equal texts have one id, the empty one has 0. */
  addString(text: TextInput): number;
  /** Id of the first of texts that follow each other, 0 when there is none. */
  addStrings(run: TextRun): number;
  addRow(kind: number, row: RowInput): void;
  /** Kinds in ascending order, each at most once. The builder can be used on; an earlier frame does not change. */
  build(): BuiltFrame;
};

const UNSET_LOGIN_UID = 0xffff_ffff;
const actorColumns = [
  'pid', 'tid', 'ppid', 'execId', 'startNsLo', 'startNsHi', 'parentStartNsLo', 'parentStartNsHi', 'cgroupIdLo', 'cgroupIdHi',
  'uid', 'euid', 'loginUid', 'vpid', 'flags', 'parentExecId', 'comm',
] as const satisfies readonly (keyof Actors)[]; // prettier-ignore

const low = (value: bigint): number => Number(BigInt.asUintN(32, value));
const high = (value: bigint): number => Number(BigInt.asUintN(32, value >> 32n));

type Rows = { readonly bootNs: bigint[]; readonly actor: number[]; readonly cells: Map<string, number>[] };

const cellsOf = (columns: Readonly<Record<string, ColumnInput>>, strings: TextTable): Map<string, number> => {
  const cells = new Map<string, number>();
  for (const [name, value] of Object.entries(columns)) {
    if (typeof value === 'number') cells.set(name, value);
    else if (typeof value === 'bigint') cells.set(`${name}Lo`, low(value)).set(`${name}Hi`, high(value));
    else if (typeof value === 'string' || value instanceof Uint8Array) cells.set(name, strings.intern(value));
    else {
      cells.set(name, strings.append(textRunOf(value))).set(`${name}Kept`, value.length);
    }
  }
  return cells;
};

const batchOf = (kind: number, { bootNs, actor, cells }: Rows, fixed: readonly string[]): BuiltBatch => {
  const names = new Set(fixed);
  for (const row of cells) for (const name of row.keys()) names.add(name);
  return {
    kind,
    rows: bootNs.length,
    bootNsLo: Uint32Array.from(bootNs, low),
    bootNsHi: Uint32Array.from(bootNs, high),
    actor: Uint32Array.from(actor),
    columns: Object.fromEntries(Array.from(names, (name) => [name, Uint32Array.from(cells, (row) => row.get(name) ?? 0)])),
  };
};

/** A builder of one frame. Not for hot paths: it allocates per row. */
export const createFrameBuilder = ({ wallOffsetNs, sequence = 0, columnsOf = () => [] }: FrameBuilderOptions): FrameBuilder => {
  const strings = createTextTable();
  const actors: Uint32Array[] = [];
  const actorByKey = new Map<string, number>();
  const kinds = new Map<number, Rows>();
  return {
    addActor({ pid, tid = pid, ppid = 0, execId = 0, startNs = 0n, parentStartNs = 0n, cgroupId = 0n, uid = 0, euid = uid, ...rest }) {
      const { loginUid = UNSET_LOGIN_UID, vpid = pid, flags = 0, parentExecId = 0, comm = '' } = rest;
      const values = Uint32Array.of(
        pid, tid, ppid, execId, low(startNs), high(startNs), low(parentStartNs), high(parentStartNs), low(cgroupId), high(cgroupId),
        uid, euid, loginUid, vpid, flags, parentExecId, strings.intern(comm),
      ); // prettier-ignore
      const key = Buffer.from(values.buffer).toString('latin1');
      let index = actorByKey.get(key);
      if (index === undefined) {
        index = actors.push(values) - 1;
        actorByKey.set(key, index);
      }
      return index;
    },
    addString: strings.intern,
    addStrings: strings.append,
    addRow(kind, { bootNs, actor, columns = {} }) {
      if (actor !== NO_ACTOR && (actor < 0 || actor >= actors.length))
        throw new RangeError(`row of kind ${kind} names actor ${actor}, there are ${actors.length}`);
      let rows = kinds.get(kind);
      if (rows === undefined) {
        rows = { bootNs: [], actor: [], cells: [] };
        kinds.set(kind, rows);
      }
      rows.bootNs.push(bootNs);
      rows.actor.push(actor);
      rows.cells.push(cellsOf(columns, strings));
    },
    build: () => ({
      sequence,
      wallOffsetNs,
      strings: strings.table(),
      actors: actorsOf(actors.length, (name) => {
        const place = actorColumns.indexOf(name);
        const column = new Uint32Array(actors.length);
        for (let actor = 0; actor < column.length; actor++) column[actor] = actors[actor]![place]!;
        return column;
      }),
      batches: [...kinds].toSorted(([a], [b]) => a - b).map(([kind, rows]) => batchOf(kind, rows, columnsOf(kind))),
    }),
  };
};
