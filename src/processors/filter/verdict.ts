/** What the rules that matched so far make of a record. Rules of the first stage stand before those of the second. */
import type { CompiledRule } from './compiled-rules.ts';

/** No rule that drops matched. */
const NONE = 0x7fff_ffff;

export type Verdict = { processDrop: number; processKeep: boolean; contextDrop: number; contextKeep: boolean };

export const createVerdict = (): Verdict => ({ processDrop: NONE, processKeep: false, contextDrop: NONE, contextKeep: false });

export const copyVerdict = (to: Verdict, from: Verdict): void => {
  to.processDrop = from.processDrop;
  to.processKeep = from.processKeep;
  to.contextDrop = from.contextDrop;
  to.contextKeep = from.contextKeep;
};

export const addMatch = (to: Verdict, { index, isProcessStage, isKeep }: CompiledRule): void => {
  if (isProcessStage) {
    if (isKeep) to.processKeep = true;
    else if (index < to.processDrop) to.processDrop = index;
  } else if (isKeep) to.contextKeep = true;
  else if (index < to.contextDrop) to.contextDrop = index;
};

/** The index of the rule that drops the record; -1: it is kept. */
export const droppedBy = ({ processDrop, processKeep, contextDrop, contextKeep }: Verdict): number => {
  if (processDrop !== NONE && !processKeep) return processDrop;
  return contextDrop !== NONE && !contextKeep ? contextDrop : -1;
};
