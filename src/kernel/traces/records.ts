/** Forks, execs and exits of a frame in the order in which they happened, whatever their kinds. */
import { LENGTH_MASK, type Frame } from '../../core/batch.ts';
import type { ActorInput } from '../../core/frame-builder.ts';
import { textRunAt } from '../../core/text-table.ts';
import type { KernelBatch, KernelFrame } from '../frames.ts';
import { eventKind, forkFlag } from '../layouts.gen.ts';
import type { ExecFacts } from './types.ts';

export type LifeRecord = {
  /** `task`: it ran before anybody looked. */
  readonly kind: 'fork' | 'exec' | 'exit' | 'task';
  readonly atNs: bigint;
  readonly batch: KernelBatch;
  readonly row: number;
};

const whole = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);

const kinds: ReadonlyMap<number, LifeRecord['kind']> = new Map([
  [eventKind.fork, 'fork'],
  [eventKind.exec, 'exec'],
  [eventKind.exit, 'exit'],
  [eventKind.task, 'task'],
]);

/** By boot time; for sorting. */
export const byTime = (a: { readonly atNs: bigint }, b: { readonly atNs: bigint }): number =>
  a.atNs < b.atNs ? -1 : a.atNs > b.atNs ? 1 : 0;

const startOf = ({ actors }: Frame, actor: number): bigint => whole(actors.startNsLo[actor]!, actors.startNsHi[actor]!);

/** Threads are left out. Of one moment forks go before execs, and these before exits. */
export const lifeRecordsOf = (frame: KernelFrame): readonly LifeRecord[] => {
  const { batches } = frame;
  const records: LifeRecord[] = [];
  for (const batch of batches) {
    const kind = kinds.get(batch.kind);
    if (kind === undefined) continue;
    const flags = kind === 'fork' ? batch.columns['forkFlags'] : undefined;
    for (let row = 0; row < batch.rows; row++) {
      if (flags !== undefined && (flags[row]! & forkFlag.thread) !== 0) continue;
      // who runs already, in the order in which they began: parents before their children
      const atNs = kind === 'task' ? startOf(frame, batch.actor[row]!) : whole(batch.bootNsLo[row]!, batch.bootNsHi[row]!);
      records.push({ kind, atNs, batch, row });
    }
  }
  return records.sort(byTime);
};

/** A column that a rung does not have is 0. */
export const numberOf = ({ columns }: KernelBatch, name: string, row: number): number => columns[name]?.[row] ?? 0;
export const wideOf = (batch: KernelBatch, name: string, row: number): bigint =>
  whole(numberOf(batch, `${name}Lo`, row), numberOf(batch, `${name}Hi`, row));

const NO_BYTES = new Uint8Array(0);
const bytesOf = ({ strings }: Frame, id: number): Uint8Array => {
  const length = strings.lengths[id]! & LENGTH_MASK;
  const start = strings.offsets[id]!;
  return length === 0 ? NO_BYTES : strings.bytes.slice(start, start + length);
};

/** A process, for as long as this boot lasts. */
export const processKey = (pid: number, startNs: bigint): string => `${pid}/${startNs}`;
export const actorKey = ({ actors }: Frame, actor: number): string =>
  processKey(actors.pid[actor]!, whole(actors.startNsLo[actor]!, actors.startNsHi[actor]!));

/** The actor of a frame in memory of its own. */
export const actorOf = (frame: Frame, actor: number): Required<Omit<ActorInput, 'comm'>> & { readonly comm: Uint8Array } => {
  const { actors } = frame;
  return {
    pid: actors.pid[actor]!,
    tid: actors.tid[actor]!,
    ppid: actors.ppid[actor]!,
    execId: actors.execId[actor]!,
    startNs: whole(actors.startNsLo[actor]!, actors.startNsHi[actor]!),
    parentStartNs: whole(actors.parentStartNsLo[actor]!, actors.parentStartNsHi[actor]!),
    cgroupId: whole(actors.cgroupIdLo[actor]!, actors.cgroupIdHi[actor]!),
    uid: actors.uid[actor]!,
    euid: actors.euid[actor]!,
    loginUid: actors.loginUid[actor]!,
    vpid: actors.vpid[actor]!,
    flags: actors.flags[actor]!,
    parentExecId: actors.parentExecId[actor]!,
    comm: bytesOf(frame, actors.comm[actor]!),
  };
};

/** Of the executable, of an exec or of what ran before. */
export const pathOf = (frame: Frame, batch: KernelBatch, row: number): Uint8Array => bytesOf(frame, numberOf(batch, 'path', row));

export const execFactsOf = (frame: Frame, batch: KernelBatch, row: number): ExecFacts => {
  return {
    path: pathOf(frame, batch, row),
    pathFlags: numberOf(batch, 'pathFlags', row),
    args: textRunAt(frame.strings, numberOf(batch, 'args', row), numberOf(batch, 'argsKept', row)),
    argc: numberOf(batch, 'argc', row),
    execFlags: numberOf(batch, 'execFlags', row),
    cwd: bytesOf(frame, numberOf(batch, 'cwd', row)),
    cwdFlags: numberOf(batch, 'cwdFlags', row),
    sessionLeaderPid: numberOf(batch, 'sessionLeaderPid', row),
    syscallNr: numberOf(batch, 'syscallNr', row) | 0,
    traceparent: bytesOf(frame, numberOf(batch, 'traceparent', row)),
  };
};
