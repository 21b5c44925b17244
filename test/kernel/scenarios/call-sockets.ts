/** Calls on sockets: each becomes one record, with what the socket knows of its two ends. */
import assert from 'node:assert/strict';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rung } from '../../../src/kernel/process-programs.ts';
import { callFlag, eventKind } from '../../../src/kernel/layouts.gen.ts';
import { recordCalls, socketCalls, type SocketRecord } from '../harness/call-records.ts';
import { waitFor } from '../harness/pipeline.ts';
import { startProgram } from '../harness/runner.ts';
import type { Facts, Scenario } from '../harness/scenario.ts';

const rungs: readonly Rung[] = ['tp_btf', 'raw_tp'];
/** More than there are closes under way on a busy machine at one moment. */
const UNDER_WAY = 20;
/** Of what is wanted, and the time that each is left in force. */
const LEAST_CHANGES = 8;
const BETWEEN_CHANGES_MS = 3;

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
      // 0: this kernel does not tell programs
      const [[cookie = 0] = []] = facts.all('cookie');
      for (const { ret, flags, netnsCookie } of records) {
        if (cookie !== 0) assert.equal(netnsCookie, BigInt(cookie));
        assert.equal((flags & callFlag.hasFailed) !== 0, ret < 0);
        assert.notEqual(flags & callFlag.hasFd, 0);
        assert.equal(flags & callFlag.isCompat, 0);
      }
    } finally {
      await recorder.stop();
    }
  },
});

const closes: Scenario = {
  name: 'sockets: closes of many threads, each once and none of a file',
  rungs,
  async run({ rung, run }) {
    const recorder = await recordCalls({ rung, calls: ['close'] });
    try {
      const facts = await run('socket-storm', ['closes', '3000']);
      await recorder.settle();
      const records = ofProgram(recorder.records, facts);
      assert.deepEqual([[records.length]], facts.all('closes'));
      for (const { text, fd } of records) assert.equal(text, `close 0 ${fd} -1 2 udp - - -`);
      // closes that were under way when the programs came
      assert(recorder.missed() < UNDER_WAY, `${recorder.missed()} closes were missed`);
    } finally {
      await recorder.stop();
    }
  },
};

const toggled: Scenario = {
  name: 'sockets: closes are wanted and not wanted in turn, and none is made up',
  rungs,
  async run({ rung, run }) {
    const recorder = await recordCalls({ rung, calls: ['close', 'connect'] });
    try {
      const runs: Facts[] = [];
      let changes = 0;
      // a machine that is slow with changes has more runs, so that some of a run falls between two of them
      while (changes < LEAST_CHANGES) {
        const state = { over: false };
        const running = run('socket-storm', ['closes', '20000']).finally(() => (state.over = true));
        for (; !state.over; changes++) {
          await recorder.change({ events: new Set(changes % 2 === 0 ? ['connect'] : ['connect', 'close']) });
          await sleep(BETWEEN_CHANGES_MS);
        }
        runs.push(await running);
      }
      await recorder.settle();
      const records = runs.flatMap((facts) => ofProgram(recorder.records, facts));
      const closed = runs.reduce((sum, facts) => sum + facts.all('closes')[0]![0]!, 0);
      assert(records.length > 0 && records.length <= closed, `${records.length} of ${closed}`);
      for (const { text, fd } of records) assert.equal(text, `close 0 ${fd} -1 2 udp - - -`);
    } finally {
      await recorder.stop();
    }
  },
};

const lingering: Scenario = {
  name: 'sockets: a close that was under way when the programs came is counted and not told',
  rungs,
  async run({ rung, program, skip }) {
    const [major = 0, minor = 0] = release().split('.').map(Number);
    if (major < 6 || (major === 6 && minor < 6)) skip('before 6.6 a close waits for the other end when its call has ended');
    const { child, ended, output } = startProgram(program('sockets'), ['lingers']);
    try {
      await waitFor('the close to wait', () => output() !== '');
      const recorder = await recordCalls({ rung, calls: ['close'] });
      try {
        const before = recorder.missed();
        child.stdin.end();
        const facts = await ended;
        await recorder.settle();
        const [[fd] = []] = facts.all('lingers');
        assert.deepEqual(
          ofProgram(recorder.records, facts).filter((record) => record.fd === fd),
          [],
        );
        assert(recorder.missed() > before);
      } finally {
        await recorder.stop();
      }
    } finally {
      child.kill('SIGKILL');
    }
  },
};

const swapped: Scenario = {
  name: 'sockets: a thread that puts other sockets in place meanwhile: what is not sure says so',
  rungs,
  async run({ rung, run }) {
    const recorder = await recordCalls({ rung, calls: ['connect'] });
    try {
      const facts = await run('socket-storm', ['swaps', '20000']);
      await recorder.settle();
      const [[fd, done, asked] = []] = facts.all('swapped');
      const records = ofProgram(recorder.records, facts).filter((record) => record.fd === fd);
      const succeeded = records.filter(({ ret }) => ret === 0);
      assert.equal(succeeded.length, done);
      assert.equal(records.length, 20_000);
      const sure = succeeded.filter(({ flags }) => (flags & callFlag.isUnverified) === 0);
      for (const { text } of sure) assert.match(text, new RegExp(`7f000001:${asked} -$`));
      assert(sure.length > 0);
    } finally {
      await recorder.stop();
    }
  },
};

const exchanged: Scenario = {
  name: 'sockets: another socket behind the number of a send: how often it is told instead',
  async run({ rung, run }) {
    const recorder = await recordCalls({ rung, calls: ['sendto'] });
    try {
      const rounds = 20_000;
      const facts = await run('socket-storm', ['exchanges', String(rounds)]);
      await recorder.settle();
      const ports = facts.all('receiver').flat();
      const truth = facts.lines
        .filter(([word]) => word === 'where')
        .flatMap(([, digits]) => [...digits!].map((digit) => ports[Number(digit) - 1]));
      const records = ofProgram(recorder.records, facts);
      assert.equal(records.length, rounds);
      assert.equal(truth.length, rounds);
      assert(!truth.includes(undefined), 'a message that never came');
      const told = records.map(({ text }) => ports.find((port) => text.includes(` 7f000001:${port} `)));
      assert(!told.includes(undefined), 'a peer that is neither');
      const wrong = records.filter((_, index) => told[index] !== truth[index]);
      const unmarked = wrong.filter(({ flags }) => (flags & callFlag.isUnverified) === 0);
      const share = (count: number): string => `${count} of ${rounds}`;
      console.log(`exchanged under sends: records of the other socket ${share(wrong.length)}, without a mark ${share(unmarked.length)}`);
    } finally {
      await recorder.stop();
    }
  },
};

const limited: Scenario = {
  name: 'sockets: what is over the limit is counted and not told',
  rungs,
  async run({ rung, run }) {
    const recorder = await recordCalls({ rung, calls: ['sendto'] });
    try {
      await recorder.change({ events: new Set(['sendto']), limit: { per: 'process', perSecond: 1, burst: 20 } });
      const facts = await run('socket-storm', ['sends', '1000']);
      await recorder.settle();
      const told = ofProgram(recorder.records, facts).length;
      assert(told >= 20 && told < 500, `${told} were told`);
      const { seen, limited: over, written } = recorder.counts(eventKind.send);
      assert(over >= 1000 - told);
      assert.equal(seen, over + written);
    } finally {
      await recorder.stop();
    }
  },
};

const dropped: Scenario = {
  name: 'sockets: rules on the peer leave what is not sure',
  rungs,
  async run({ rung, folder, run }) {
    const recorder = await recordCalls({ rung });
    try {
      const address = [{ text: '127.0.0.0/8', bytes: Uint8Array.of(127, 0, 0, 0), bits: 8 }];
      const rules = [{ id: 'rule', stage: 'context', action: 'drop', tests: { address } }] as const;
      await recorder.change({ events: new Set(socketCalls), ruleSets: [{ rules, neverDrop: [], hasMore: false }] });
      assert.deepEqual(
        recorder.kernel.calls().pushDown.places.map(({ where }) => where),
        ['kernel'],
      );
      const facts = await run('sockets', ['tcp4'], { cwd: folder });
      await recorder.settle();
      const left = toldBy(facts).filter((line) => line.endsWith(' - -') || line.endsWith(' u'));
      const records = ofProgram(recorder.records, facts);
      assert.deepEqual(
        records.map(({ text }, index) => withWildcards(text, left[index])),
        left,
      );
      assert(recorder.counts(eventKind.send).filtered > 0);
    } finally {
      await recorder.stop();
    }
  },
};

const whats = [
  'tcp4', 'tcp6', 'mapped', 'udp4', 'udp6', 'messages', 'path', 'longest', 'abstract', 'pair', 'refused', 'threads', 'elsewhere',
]; // prettier-ignore

export const callSocketScenarios: readonly Scenario[] = [
  ...whats.map(sameAsTold),
  closes,
  toggled,
  lingering,
  swapped,
  exchanged,
  limited,
  dropped,
];
