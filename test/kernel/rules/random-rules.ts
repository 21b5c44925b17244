/** Rules and records that meet often: both are made of few words. */
import type { AddressTest, Rule, RuleSet, TextTest } from '../../../src/core/rules.ts';
import { callFlag, eventKind, headFlag, pathFlag } from '../../../src/kernel/layouts.gen.ts';
import { eventName } from '../../../src/otlp/names.ts';
import type { JudgedRecord } from '../../../src/processors/filter/judge.ts';
import type { createRandom } from '../../support/random.ts';

type Random = ReturnType<typeof createRandom>;
export type RandomRecord = { readonly kind: number; readonly record: JudgedRecord };

const names = new Map<number, string>([
  [eventKind.open, eventName.fileOpen],
  [eventKind.read, eventName.fileRead],
  [eventKind.write, eventName.fileWrite],
  [eventKind.unlink, eventName.fileUnlink],
  [eventKind.connect, eventName.networkConnect],
  [eventKind.accept, eventName.networkAccept],
  [eventKind.send, eventName.networkSend],
  [eventKind.receive, eventName.networkReceive],
  [eventKind.close, eventName.networkClose],
  [eventKind.callFailed, eventName.syscallFailed],
]);
const kinds = [...names.keys()];
const errnos = [2, 13, 11, 104];
const utf8 = new TextEncoder();

/** Bytes of a long text count as those of a short one do. */
const LONG = 'x'.repeat(120);

export const createRandomRules = (random: Random) => {
  const one = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const chance = (percent: number): boolean => random.below(100) < percent;
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: 1 + random.below(most) }, make);

  const path = (): string =>
    `/${Array.from({ length: random.below(5) }, () => (chance(3) ? LONG : one(['usr', 'lib', 'lib64', 'etc', 'a', 'é', '..', 'b..c']))).join('/')}`;
  const comm = (): string => one(['sh', 'bash', 'sshd', 'kworker/0:1', 'kworker/u8', 'a-name-of-15-by']);
  const number = (): number => one([0, 1, 2, 1000, 65_534, 0xffff_ffff]);
  const peer = (): Uint8Array => {
    const four = Uint8Array.of(10, random.below(2), random.below(2), random.below(3));
    if (chance(50)) return four;
    return chance(50)
      ? Uint8Array.of(...Array(10).fill(0), 255, 255, ...four)
      : Uint8Array.of(0x20, 1, ...Array(13).fill(0), random.below(3));
  };

  const textTest = (make: () => string): TextTest => {
    const text = make();
    if (chance(40)) return { type: 'exact', text };
    const short = [...text].slice(0, random.below(text.length + 1)).join('');
    return { type: 'prefix', text: short };
  };
  const address = (): AddressTest => {
    const bytes = peer();
    return { text: '', bytes, bits: random.below(bytes.length * 8 + 1) };
  };

  /** Of a rule about files or one about peers: both at once match nothing. */
  const tests = (file = chance(60)): Rule['tests'] => ({
    ...(chance(30) ? { comm: several(3, () => textTest(comm)) } : {}),
    ...(chance(20) ? { executable: several(3, () => textTest(path)) } : {}),
    ...(chance(10) ? { uid: several(3, number) } : {}),
    ...(chance(5) ? { pid: several(3, number) } : {}),
    ...(chance(5) ? { parentPid: several(2, number) } : {}),
    ...(chance(10) ? { kernelThread: chance(50) } : {}),
    ...(chance(10) ? { nestedPidNamespace: chance(50) } : {}),
    ...(chance(20) ? { event: several(3, (): TextTest => ({ type: 'exact', text: names.get(one(kinds))! })) } : {}),
    ...(chance(10) ? { event: [{ type: 'prefix', text: 'ringtail.file.' }] } : {}),
    ...(file && chance(60) ? { path: several(4, () => textTest(path)) } : {}),
    ...(!file && chance(40) ? { address: several(3, address) } : {}),
    ...(!file && chance(30)
      ? { port: several(3, () => one([22, 53, 443, 50])).map((min) => ({ text: '', min, max: min === 50 ? 60 : min })) }
      : {}),
    ...(chance(15)
      ? {
          result: several(2, () =>
            one([
              { text: 'success', type: 'success', errno: 0 } as const,
              { text: 'failure', type: 'failure', errno: 0 } as const,
              ...errnos.map((errno) => ({ text: String(errno), type: 'error', errno }) as const),
            ]),
          ),
        }
      : {}),
  });

  const rule = (filter: string, index: number): Rule => {
    let made = tests();
    while (Object.keys(made).length === 0) made = tests();
    return { id: `${filter} [${index}]`, stage: chance(50) ? 'process' : 'context', action: chance(75) ? 'drop' : 'keep', tests: made };
  };
  const ruleSet = (filter: string): RuleSet => ({
    rules: Array.from({ length: 1 + random.below(12) }, (_, index) => rule(filter, index)),
    neverDrop: chance(20) ? [{ type: 'exact', text: names.get(one(kinds))! }] : [],
    hasMore: false,
  });

  const record = (): RandomRecord => {
    const kind = one(kinds);
    const isFile = kind <= eventKind.unlink;
    const isPeer = kind >= eventKind.connect && kind <= eventKind.close;
    const ret = chance(60) ? random.below(3) : -one(errnos);
    return {
      kind,
      record: {
        event: names.get(kind)!,
        who: {
          comm: utf8.encode(chance(2) ? '' : comm()),
          executable: chance(90) ? utf8.encode(path()) : undefined,
          uid: number(),
          pid: number(),
          parentPid: number(),
          kernelThread: chance(20),
          nestedPidNamespace: chance(20),
        },
        ret,
        callFlags: (ret < 0 ? callFlag.hasFailed : 0) | (chance(5) ? callFlag.isUnverified : 0),
        ...(isFile ? { path: utf8.encode(chance(2) ? '' : path()) } : {}),
        pathFlags: chance(10)
          ? one([pathFlag.truncated, pathFlag.fault, pathFlag.detached, pathFlag.detached | pathFlag.pseudo, pathFlag.deleted])
          : 0,
        ...(isPeer ? { peer: chance(10) ? new Uint8Array(0) : peer(), peerPort: chance(10) ? 0 : one([22, 53, 443, 8080]) } : {}),
      },
    };
  };
  return { ruleSet, record, below: random.below };
};

export const headFlagsOf = ({ who }: JudgedRecord): number =>
  (who!.kernelThread ? headFlag.kernelThread : 0) | (who!.nestedPidNamespace ? headFlag.nestedPidNs : 0);
