/** Random rules about random sessions, in the kernel and in user space. Knows no vitest: it runs in guests too. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { AddressTest, PortTest, Rule, RuleSet, TextTest } from '../../../src/core/rules.ts';
import { sessionWant } from '../../../src/kernel/layouts.gen.ts';
import { eventName } from '../../../src/otlp/names.ts';
import { createJudge, type JudgedRecord } from '../../../src/processors/filter/judge.ts';
import { createRandom } from '../../support/random.ts';
import type { MadeSession, openSessionRules } from './session-judge.ts';

const SESSIONS = 512;
const ABOUT_NOTHING = new Set(['it is about no event of a session', 'never_drop protects its events']);
const V4_BYTES = 4;

const names = new Map<number, string>([
  [sessionWant.start, eventName.sessionStart],
  [sessionWant.state, eventName.sessionState],
  [sessionWant.end, eventName.sessionEnd],
  [sessionWant.listen, eventName.sessionListen],
]);

export const createRandomSessions = (seed: number) => {
  const random = createRandom(seed);
  const one = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const chance = (percent: number): boolean => random.below(100) < percent;
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: 1 + random.below(most) }, make);

  const v4 = (): Uint8Array =>
    chance(20) ? new Uint8Array(V4_BYTES) : Uint8Array.of(10, random.below(2), random.below(2), random.below(3));
  const v6 = (): Uint8Array => {
    if (chance(20)) return new Uint8Array(16);
    if (chance(40)) return Uint8Array.of(...Array<number>(10).fill(0), 255, 255, ...v4());
    return Uint8Array.of(0x20, 1, random.below(2), ...Array<number>(12).fill(0), random.below(3));
  };
  const address = (): AddressTest => {
    const bytes = chance(50) ? v4() : v6();
    return { text: '', bytes, bits: chance(30) ? bytes.length * 8 : random.below(bytes.length * 8 + 1) };
  };
  const port = (): PortTest => {
    const min = one([1, 22, 53, 443, 8000, 65_535]);
    return { text: '', min, max: chance(70) ? min : Math.min(65_535, min + random.below(10_000)) };
  };
  const event = (): TextTest[] =>
    chance(60)
      ? several(2, (): TextTest => ({ type: 'exact', text: one([...names.values(), eventName.networkConnect]) }))
      : [chance(50) ? { type: 'prefix', text: 'ringtail.session.' } : { type: 'glob', text: '*.e?d' }];

  const tests = (): Rule['tests'] => ({
    ...(chance(30) ? { event: event() } : {}),
    ...(chance(40) ? { address: several(3, address) } : {}),
    ...(chance(35) ? { port: several(3, port) } : {}),
    ...(chance(25) ? { localAddress: several(2, address) } : {}),
    ...(chance(25) ? { localPort: several(2, port) } : {}),
    ...(chance(3) ? { comm: [{ type: 'exact', text: 'sh' } as const] } : {}),
    ...(chance(2) ? { result: [{ text: 'success', type: 'success', errno: 0 } as const] } : {}),
    ...(chance(2) ? { path: [{ type: 'prefix', text: '/' } as const] } : {}),
  });
  const rule = (filter: string, index: number): Rule => {
    let made = tests();
    while (Object.keys(made).length === 0) made = tests();
    return { id: `${filter} [${index}]`, stage: chance(95) ? 'context' : 'process', action: chance(75) ? 'drop' : 'keep', tests: made };
  };

  const ruleSet = (filter: string): RuleSet => ({
    rules: Array.from({ length: 1 + random.below(8) }, (_, index) => rule(filter, index)),
    neverDrop: chance(15) ? [{ type: 'exact', text: one([...names.values()]) }] : [],
    hasMore: false,
  });
  const session = (): MadeSession => {
    const make = one([v4, v4, v6, v6, () => new Uint8Array(0)]);
    const number = () => (chance(20) ? 0 : one([1, 22, 53, 443, 8000, 12_345, 65_535]));
    return {
      want: one([...names.keys()]),
      local: make(),
      localPort: number(),
      peer: make(),
      peerPort: number(),
      manyPeers: chance(10),
      isEcho: chance(10),
    };
  };
  return { ruleSet, session };
};

/** What the record of it says. */
export const recordOf = ({ want, local, localPort, peer, peerPort, manyPeers, isEcho }: MadeSession): JudgedRecord => {
  const isInet = local.length > 0;
  return {
    event: names.get(want)!,
    who: undefined,
    local,
    localPort: isInet && !isEcho ? localPort : 0,
    peer: peer.every((byte) => byte === 0) ? new Uint8Array(0) : peer,
    peerPort: isInet && !isEcho ? peerPort : 0,
    manyPeers,
    ...(want === sessionWant.end ? { ret: 0 } : {}),
  };
};

/** Throws when the kernel drops what user space keeps, or keeps what it could have dropped. */
export const compareSessionRules = async (kernel: ReturnType<typeof openSessionRules>, rounds: number, seed: number): Promise<void> => {
  const random = createRandomSessions(seed);
  const wrong: string[] = [];
  const seen = { dropped: 0, kept: 0, left: 0, pushed: 0 };
  for (let round = 0; round < rounds; round++) {
    const ruleSets: readonly RuleSet[] = Array.from({ length: 1 + (round % 3) }, (_, index) => random.ruleSet(`filter/${index}`));
    const report = await kernel.set(ruleSets);
    const judges = ruleSets.map(createJudge);
    const sessions = Array.from({ length: SESSIONS }, random.session);
    const verdicts = await kernel.judge(sessions);
    const isComplete =
      report.refused === undefined && report.places.every(({ where, why }) => where === 'kernel' || ABOUT_NOTHING.has(why!));
    if (isComplete) seen.pushed++;
    sessions.forEach((session, index) => {
      const record = recordOf(session);
      const wanted = judges.every((judge) => judge(record) !== undefined);
      const got = verdicts[index]!;
      if (wanted === got) seen[got ? 'dropped' : 'kept']++;
      else if (wanted && !isComplete) seen.left++;
      else wrong.push(inspect({ got, ruleSets, report, record }, { depth: 9 }));
    });
  }
  await kernel.set([]);
  assert.deepEqual(wrong.slice(0, 3), []);
  // it means something only when there is much of everything
  assert(seen.dropped > rounds * 20 && seen.kept > rounds * 20, inspect(seen));
  assert(seen.pushed > rounds / 4 && seen.left < seen.dropped, inspect(seen));
};
