/** Calls on sockets: each becomes one record, with what the socket knows of its two ends. */
import assert from 'node:assert/strict';
import type { Rung } from '../../../src/kernel/process-programs.ts';
import { callFlag } from '../../../src/kernel/layouts.gen.ts';
import { recordCalls, type SocketRecord } from '../harness/call-records.ts';
import type { Facts, Scenario } from '../harness/scenario.ts';

const rungs: readonly Rung[] = ['tp_btf', 'raw_tp'];

/** What the program says that it was told, without the word before. */
const toldBy = ({ lines }: Facts): readonly string[] => lines.filter(([word]) => word === 'told').map(([, ...rest]) => rest.join(' '));

const ofProgram = (records: readonly SocketRecord[], { pid }: Facts): readonly SocketRecord[] =>
  records.filter((record) => record.pid === pid).sort((one, other) => (one.bootNs < other.bootNs ? -1 : 1));

/** `*` stands for a word that the program cannot know. */
const withWildcards = (actual: string, expected: string | undefined): string => {
  const words = expected?.split(' ') ?? [];
  return actual
    .split(' ')
    .map((word, index) => (words[index] === '*' ? '*' : word))
    .join(' ');
};

const sameAsTold = (what: string): Scenario => ({
  name: `sockets: ${what}`,
  rungs,
  async run({ rung, folder, run }) {
    const recorder = await recordCalls({ rung });
    try {
      const facts = await run('sockets', [what], { cwd: folder });
      assert.equal(facts.code, 0);
      await recorder.settle();
      const told = toldBy(facts);
      const records = ofProgram(recorder.records, facts);
      assert.deepEqual(
        records.map(({ text }, index) => withWildcards(text, told[index])),
        told,
      );
      for (const { ret, flags } of records) {
        assert.equal((flags & callFlag.hasFailed) !== 0, ret < 0);
        assert.notEqual(flags & callFlag.hasFd, 0);
        assert.equal(flags & callFlag.isCompat, 0);
      }
    } finally {
      await recorder.stop();
    }
  },
});

const whats = [
  'tcp4', 'tcp6', 'mapped', 'udp4', 'udp6', 'messages', 'path', 'longest', 'abstract', 'pair', 'refused', 'threads', 'elsewhere',
]; // prettier-ignore

export const callSocketScenarios: readonly Scenario[] = whats.map(sameAsTold);
