/** Batches and single records are judged as the model does, whatever the rules. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callFlag, pathFlag } from '../../../src/kernel/layouts.gen.ts';
import { createJudge, type JudgedRecord } from '../../../src/processors/filter/judge.ts';
import { createRuleFilter } from '../../../src/processors/filter/rule-filter.ts';
import { fieldsOfEvent } from '../../../src/processors/filter/what-columns.ts';
import { modelVerdict, type ModelRecord } from './model.ts';
import { actors, batchesOf, rows, ruleSet } from './random.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const maybe = (text: string | undefined) => (text === undefined ? undefined : latin1(text));

const isOfSession = ({ event }: ModelRecord): boolean => event.startsWith('ringtail.session.');

/** As somebody would say it who has no columns. */
const endsOf = (record: ModelRecord) => {
  const isSession = isOfSession(record);
  const isNowhere = isSession && record.peer.every((byte) => byte === 0);
  const hasPorts = record.isInet && !(isSession && record.isEcho);
  const local = record.local.length === 1 ? Array<number>(16).fill(0) : record.local.slice(0, 16);
  return {
    peer: Uint8Array.from(record.isInet && !isNowhere ? record.peer : []),
    peerPort: hasPorts ? record.port : 0,
    local: Uint8Array.from(record.isInet ? local : []),
    localPort: hasPorts ? record.localPort : 0,
    manyPeers: isSession && record.manyPeers,
  };
};

const judged = (record: ModelRecord): JudgedRecord => {
  const { event, who } = record;
  const fields = fieldsOfEvent(event);
  return {
    event,
    who: who && {
      ...who,
      comm: latin1(who.comm),
      executable: maybe(who.executable),
      user: maybe(who.user),
      parent: maybe(who.parent),
      cgroup: maybe(who.cgroup),
      container: maybe(who.container),
    },
    ...(fields.has('result') && { ret: record.ret }),
    ...(fields.has('path') && { path: latin1(record.path) }),
    ...(fields.has('address') && endsOf(record)),
    ...(fields.has('size') && record.ret >= 0 && !record.messages && { size: record.ret }),
    callFlags: record.unverified && !isOfSession(record) ? callFlag.isUnverified : 0,
    pathFlags:
      (record.isCut ? pathFlag.truncated : 0) | (record.isDetached ? pathFlag.detached : 0) | (record.isPseudo ? pathFlag.pseudo : 0),
  };
};

describe('rules', () => {
  it('give the verdict of the model for every row of every batch, and count the same rules', () => {
    const seen = { dropped: 0, kept: 0 };
    fc.assert(
      fc.property(ruleSet, fc.array(fc.tuple(rows, actors), { minLength: 1, maxLength: 3 }), fc.boolean(), (set, frames, halves) => {
        const dropped: string[] = [];
        const filter = createRuleFilter(set, (index) => dropped.push(set.rules[index]!.id));
        for (const [list, known] of frames) {
          const { batches, lookups } = batchesOf(list, known);
          for (const { batch, records } of batches) {
            const selection = halves ? Uint32Array.from(records.keys()).filter((row) => row % 2 === 0) : undefined;
            const shown = selection ?? Uint32Array.from(records.keys());
            const verdicts = Array.from(shown, (row) => modelVerdict(set, records[row]!));
            dropped.length = 0;
            const kept = filter.keep({ ...batch, selection }, lookups);
            expect([...(kept ?? shown)]).toEqual([...shown].filter((_, index) => verdicts[index] === undefined));
            expect(dropped).toEqual(verdicts.filter((verdict) => verdict !== undefined));
            seen.dropped += dropped.length;
            seen.kept += shown.length - dropped.length;
          }
        }
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(seen.dropped, seen.kept)).toBeGreaterThan(1_000);
  }, 60_000);

  it('give the verdict of the model for a record alone', () => {
    fc.assert(
      fc.property(ruleSet, rows, actors, (set, list, known) => {
        const judge = createJudge(set);
        for (const { records } of batchesOf(list, known).batches)
          for (const record of records) expect(judge(judged(record))?.id).toBe(modelVerdict(set, record));
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});
