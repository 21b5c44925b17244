/** The rules of the kernel, asked about records that are made up: test/workloads/rules.bpf.c. */
import { createCounters } from '../../../src/core/counters.ts';
import type { RuleSet } from '../../../src/core/rules.ts';
import { createCallRules } from '../../../src/kernel/calls/rules/rules.ts';
import { openJudgeSession } from './judge-session.ts';
import { headFlagsOf, type RandomRecord } from './random-rules.ts';

export const CASES = 4096;
const CASE_BYTES = 1112;
const TEXT_BYTES = 512;

const encodeCase = ({ kind, record }: RandomRecord): Uint8Array => {
  const bytes = new Uint8Array(CASE_BYTES);
  const view = new DataView(bytes.buffer);
  const who = record.who!;
  const executable = who.executable ?? new Uint8Array(0);
  const path = record.path ?? new Uint8Array(0);
  const peer = record.peer ?? new Uint8Array(0);
  view.setBigInt64(0, BigInt(record.ret!), true);
  [
    kind,
    record.callFlags!,
    who.uid,
    who.pid,
    who.parentPid,
    headFlagsOf(record),
    who.comm.length,
    executable.length,
    path.length,
    record.pathFlags!,
    peer.length,
    record.peerPort ?? 0,
  ].forEach((number, index) => view.setUint32(8 + 4 * index, number, true));
  bytes.set(peer, 56);
  bytes.set(who.comm, 72);
  bytes.set(executable, 88);
  bytes.set(path, 88 + TEXT_BYTES);
  return bytes;
};

/** `folder` is where the workloads were built. */
export const openRulesOfKernel = (folder: string) => {
  const { session, object } = openJudgeSession(folder, 'rules');
  const counters = createCounters();
  const rules = createCallRules({ session, object, counters });
  const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
  return {
    set: (ruleSets: readonly (RuleSet | undefined)[]) => rules.set(ruleSets),
    /** True for each record that is dropped. */
    async judge(records: readonly RandomRecord[]): Promise<readonly boolean[]> {
      const first = CASES - records.length;
      const keys = new Uint8Array(Uint32Array.from(records, (_, index) => first + index).buffer);
      await session.putEntries(object, 'cases', keys, Buffer.concat(records.map(encodeCase)));
      session.putEntry(object, 'verdicts', u32(CASES), new Uint8Array(BigUint64Array.of(BigInt(first)).buffer));
      let judged = 0;
      let values: Buffer;
      do {
        session.runIterator(object, 'on_cases');
        values = session.readEntries(object, 'verdicts').values;
        judged = Number(values.readBigUInt64LE(8 * CASES));
      } while (judged < CASES);
      return records.map((_, index) => Number(values.readBigUInt64LE(8 * (first + index))) === 2);
    },
    counts: () => counters.samples().filter(({ name }) => name === 'ringtail_rule_matches'),
    /** Entries in each map of rules. */
    entries: (map: string) => session.readEntries(object, map).count,
    close() {
      rules.close();
      session.close();
    },
  };
};
