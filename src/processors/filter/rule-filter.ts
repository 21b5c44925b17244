/** Batches without the rows that rules drop. */
import { rowsOf, type Batch, type EventSchema } from '../../core/batch.ts';
import type { RuleSet } from '../../core/rules.ts';
import type { KernelLookups } from '../../kernel/service-types.ts';
import { isOfAttributes, recordReaderOf } from './attribute-records.ts';
import { compileRules, type WhatField } from './compiled-rules.ts';
import { createCompiledJudge } from './judge.ts';
import { createProgram, type Program } from './program.ts';
import { whatColumnsOf } from './what-columns.ts';

/** Kinds of events differ in a few ways. */
const REMEMBERED_PROGRAMS = 64;

export type RuleFilter = {
  /** True for events that nothing drops. */
  isProtected(kind: EventSchema): boolean;
  /** Rows that are kept; undefined: all that the batch shows. */
  keep(batch: Batch, lookups: KernelLookups): Uint32Array | undefined;
};

const NONE: ReadonlySet<WhatField> = new Set();

/** Rows of the view for which `drops` says no; undefined when it always does. */
export const keptRows = (batch: Batch, drops: (row: number) => boolean): Uint32Array | undefined => {
  const { selection } = batch;
  const rows = rowsOf(batch);
  let kept: Uint32Array | undefined;
  let count = 0;
  for (let i = 0; i < rows; i++) {
    const row = selection === undefined ? i : selection[i]!;
    if (!drops(row)) {
      if (kept !== undefined) kept[count] = row;
      count++;
    } else if (kept === undefined) {
      kept = new Uint32Array(rows);
      for (let before = 0; before < i; before++) kept[before] = selection === undefined ? before : selection[before]!;
    }
  }
  return kept?.subarray(0, count);
};

/** `onDrop` is told the index of the rule, once a row. */
export const createRuleFilter = (ruleSet: RuleSet, onDrop: (rule: number) => void): RuleFilter => {
  const compiled = compileRules(ruleSet);
  const { rules, isProtected } = compiled;
  const judge = createCompiledJudge(compiled);
  const programs = new Map<string, Program>();
  const programOfKind = new WeakMap<EventSchema, { readonly program: Program | undefined }>();
  const protectedKinds = new WeakMap<EventSchema, boolean>();
  const utf8 = new TextEncoder();

  const isProtectedKind = (kind: EventSchema): boolean => {
    let known = protectedKinds.get(kind);
    if (known === undefined) protectedKinds.set(kind, (known = isProtected(utf8.encode(kind.eventName))));
    return known;
  };

  const programOf = (batch: Batch): Program | undefined => {
    let entry = programOfKind.get(batch.kind);
    if (entry !== undefined) return entry.program;
    const name = utf8.encode(batch.kind.eventName);
    const { has } = whatColumnsOf(batch, NONE);
    const active = rules.filter((rule) => rule.isOf(name) && rule.what.every(({ field }) => has.has(field)));
    const key = active.map(({ index }) => index).join();
    let program = programs.get(key);
    if (program === undefined && active.length > 0) {
      if (programs.size >= REMEMBERED_PROGRAMS) programs.clear();
      programs.set(key, (program = createProgram(active)));
    }
    programOfKind.set(batch.kind, (entry = { program }));
    return program;
  };

  const keepByAttributes = (batch: Batch): Uint32Array | undefined => {
    const read = recordReaderOf(batch);
    return keptRows(batch, (row) => {
      const rule = judge(read(row));
      if (rule < 0) return false;
      onDrop(rule);
      return true;
    });
  };

  return {
    isProtected: isProtectedKind,
    keep(batch, lookups) {
      if (rules.length === 0 || isProtectedKind(batch.kind)) return undefined;
      if (isOfAttributes(batch)) return keepByAttributes(batch);
      const program = programOf(batch);
      if (program === undefined) return undefined;
      program.open(batch.frame, lookups);
      const columns = whatColumnsOf(batch, program.asked);
      const { actor } = batch;
      const { path, peer, local } = batch.columns;
      return keptRows(batch, (row) => {
        const rule = program.judge(columns, row, actor[row]!, path?.[row] ?? 0, peer?.[row] ?? 0, local?.[row] ?? 0);
        if (rule < 0) return false;
        onDrop(rule);
        return true;
      });
    },
  };
};
