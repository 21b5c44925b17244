/** System calls of programs as events of their spans. */
import type { EventSchema } from '../../core/batch.ts';
import type { CallName } from '../../kernel/calls/needs.ts';
import type { KernelBatch, KernelFrame } from '../../kernel/frames.ts';
import { callId, eventKind } from '../../kernel/layouts.gen.ts';
import type { ProgramEvent } from '../../kernel/traces/forest.ts';
import { byTime } from '../../kernel/traces/records.ts';
import { headNames } from '../../otlp/actor-head.ts';
import { rowReaderOf } from '../../otlp/log-text.ts';
import { callSchemas } from './call-schemas.ts';
import { kindsOf } from './call-names.ts';
import { viewOf } from './kernel-batch.ts';
import { failedExecSchema } from './process-schemas.ts';

export type ProgramEventChoice = {
  /** Calls that are told whatever became of them. */
  readonly calls: ReadonlySet<CallName>;
  /** Calls that are told when they failed. */
  readonly failures: ReadonlySet<CallName>;
};

/** What is under way, would have to wait, or is to be called again: EINPROGRESS, EAGAIN, EINTR. */
const notFailures: ReadonlySet<number> = new Set([115, 11, 4]);
const whole = (lo: number, hi: number): bigint => (BigInt(hi) << 32n) | BigInt(lo);
const isOfCall = (name: string): boolean => !headNames.has(name);

/** The events of a frame in the order of their times. They are read while the frame is valid. */
export const createProgramEvents = ({ calls, failures }: ProgramEventChoice, machine: string): ((frame: KernelFrame) => readonly ProgramEvent[]) => {
  const schemas = new Map<number, EventSchema>(callSchemas(machine));
  schemas.set(eventKind.execFailed, failedExecSchema);
  const kinds = new Set([...kindsOf(new Set([...calls, ...failures])), ...(failures.has('execve') ? [eventKind.execFailed] : [])]);
  /** By `enum call_id`: 1 always, 2 when it failed. */
  const wanted = new Uint8Array(callId.ids);
  for (const call of failures) wanted[callId[call]] = 2;
  for (const call of calls) wanted[callId[call]] = 1;

  const eventsOf = (batch: KernelBatch, frame: KernelFrame): readonly ProgramEvent[] => {
    const kind = schemas.get(batch.kind)!;
    const read = rowReaderOf(viewOf(batch, frame, { receiver: '', kind, selection: undefined, rowAttributes: [], resource: undefined }), isOfCall);
    const { actors } = frame;
    return Array.from({ length: batch.rows }, (_, row) => row).flatMap((row): ProgramEvent[] => {
      const call = batch.columns['call']?.[row];
      const mode = call === undefined ? 2 : wanted[call];
      if (mode === 0) return [];
      const returned = (batch.columns['ret']?.[row] ?? 0) | 0;
      if (mode === 2 && (returned >= 0 || notFailures.has(-returned))) return [];
      const actor = batch.actor[row]!;
      const atNs = whole(batch.bootNsLo[row]!, batch.bootNsHi[row]!);
      return [
        {
          atNs,
          program: { pid: actors.pid[actor]!, startNs: whole(actors.startNsLo[actor]!, actors.startNsHi[actor]!), execId: actors.execId[actor]! },
          read: () => ({ unixNs: atNs + frame.wallOffsetNs, name: kind.eventName, attributes: read(row) }),
        },
      ];
    });
  };

  return (frame) =>
    frame.batches
      .filter((batch) => kinds.has(batch.kind))
      .flatMap((batch) => eventsOf(batch, frame))
      .toSorted(byTime);
}; // prettier-ignore
