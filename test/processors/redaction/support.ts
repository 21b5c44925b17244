/** Commands through the redactor as batches, and what comes out of them as text. */
import { readFileSync } from 'node:fs';
import type { AttributeValue, Batch, EventSchema } from '../../../src/core/batch.ts';
import { createFrameBuilder } from '../../../src/core/frame-builder.ts';
import type { TextInput } from '../../../src/core/text-table.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { createBatchRedactor, type BatchRedactor } from '../../../src/processors/redact/batches.ts';
import { redactConfig } from '../../../src/processors/redact/config.ts';
import { execSchema, failedExecSchema } from '../../../src/receivers/shared/process-schemas.ts';

export type Command = readonly string[];

/** Secrets stand between « and ». */
export const readCorpus = (name: 'secret' | 'harmless'): readonly Command[] =>
  JSON.parse(readFileSync(new URL(`corpus-${name}.json`, import.meta.url), 'utf8')) as Command[];

export const plainOf = (command: Command): Command => command.map((word) => word.replace(/[«»]/g, ''));
export const expectedOf = (command: Command, replacement = '[REDACTED]'): Command =>
  command.map((word) => word.replace(/«[^»]*»/g, replacement));
export const secretsOf = (command: Command): readonly string[] =>
  command.flatMap((word) => Array.from(word.matchAll(/«([^»]*)»/g), ([, secret]) => secret!));

export const ARGS_CUT = 1;

export type Row = { readonly args?: readonly TextInput[]; readonly isCut?: boolean; readonly file?: TextInput; readonly comm?: TextInput };

/** One frame: a batch of execs and one of refused execs with the same rows. */
export const batchesOf = (rows: readonly Row[], sequence = 0): readonly [exec: Batch, failed: Batch] => {
  const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n, sequence });
  rows.forEach(({ args = [], isCut = false, file = '', comm = '' }, row) => {
    const actor = builder.addActor({ pid: 1000 + row, comm });
    builder.addRow(0, { bootNs: BigInt(row), actor, columns: { args, argc: args.length, execFlags: isCut ? ARGS_CUT : 0 } });
    builder.addRow(1, { bootNs: BigInt(row), actor, columns: { file } });
  });
  const frame = builder.build();
  const batchOf = (index: number, kind: EventSchema): Batch => {
    const { rows: count, bootNsLo, bootNsHi, actor, columns } = frame.batches[index]!;
    return {
      kind, receiver: 'process', frame, rows: count, bootNsLo, bootNsHi, actor, columns, selection: undefined, actorAttributes: [], rowAttributes: [],
      resource: undefined, omitted: undefined,
    }; // prettier-ignore
  };
  return [batchOf(0, execSchema(true)), batchOf(1, failedExecSchema)];
};

export const createTestRedactor = (options: object = {}): BatchRedactor => createBatchRedactor(redactConfig.parse(options));

/** An attribute of each row of a view, in order. */
export const valuesOf = (batch: Batch, name: string): readonly (AttributeValue | undefined)[] =>
  Array.from(
    batch.selection ?? Array.from({ length: batch.rows }, (_, row) => row),
    (row) => Object.fromEntries(attributesOf(batch, row))[name],
  );

export const argsOf = (batch: Batch): readonly Command[] => valuesOf(batch, 'process.command_args') as readonly Command[];

const byDefault = createTestRedactor();

/** Commands through one frame. */
export const redactCommands = (commands: readonly Command[], redactor = byDefault): readonly Command[] =>
  argsOf(redactor.redact(batchesOf(commands.map((args) => ({ args })))[0]).batch);
