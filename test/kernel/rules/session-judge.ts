/** The rules of the kernel, asked about sessions that are made up: test/workloads/session-rules.bpf.c. Knows no vitest: it runs in guests too. */
import { createCounters } from '../../../src/core/counters.ts';
import type { RuleSet } from '../../../src/core/rules.ts';
import { mapLayout, netTransport, sessionFlag } from '../../../src/kernel/layouts.gen.ts';
import { createSessionRules } from '../../../src/kernel/sockets/rules.ts';
import { openJudgeSession } from './judge-session.ts';

const CASES = 4096;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** A session as the kernel keeps it. */
export type MadeSession = {
  /** `enum session_want`: of which record. */
  readonly want: number;
  /** 4, 16 or no bytes: IPv4, IPv6, a unix socket; both ends have as many. */
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly peer: Uint8Array;
  readonly peerPort: number;
  readonly manyPeers: boolean;
  /** What stands for ports is none. */
  readonly isEcho: boolean;
};

const encodeSession = ({ want, local, localPort, peer, peerPort, manyPeers, isEcho }: MadeSession): Uint8Array => {
  const at = mapLayout.session;
  const bytes = new Uint8Array(at.size);
  const view = new DataView(bytes.buffer);
  view.setUint16(at.family, local.length === 0 ? AF_UNIX : local.length === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(at.localPort, localPort, true);
  view.setUint16(at.peerPort, peerPort, true);
  view.setUint32(at.flags, manyPeers ? sessionFlag.manyPeers : 0, true);
  view.setUint8(at.transport, local.length === 0 ? netTransport.unix : isEcho ? netTransport.icmp : netTransport.tcp);
  view.setUint32(at.mark, want, true);
  bytes.set(local, at.local);
  bytes.set(peer, at.peer);
  return bytes;
};

/** `folder` is where the workloads were built. */
export const openSessionRules = (folder: string) => {
  const { session, object } = openJudgeSession(folder, 'session-rules');
  const counters = createCounters();
  const rules = createSessionRules({ session, object, counters });
  const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
  return {
    set: (ruleSets: readonly (RuleSet | undefined)[]) => rules.set(ruleSets),
    /** True for each record that is dropped. */
    async judge(sessions: readonly MadeSession[]): Promise<readonly boolean[]> {
      const first = CASES - sessions.length;
      const keys = new Uint8Array(Uint32Array.from(sessions, (_, index) => first + index).buffer);
      await session.putEntries(object, 'cases', keys, Buffer.concat(sessions.map(encodeSession)));
      session.putEntry(object, 'verdicts', u32(CASES), new Uint8Array(BigUint64Array.of(BigInt(first)).buffer));
      let judged = 0;
      let values: Buffer;
      do {
        session.runIterator(object, 'on_cases');
        values = session.readEntries(object, 'verdicts').values;
        judged = Number(values.readBigUInt64LE(8 * CASES));
      } while (judged < CASES);
      return sessions.map((_, index) => Number(values.readBigUInt64LE(8 * (first + index))) === 2);
    },
    counts: () => counters.samples().filter(({ name }) => name === 'ringtail_rule_matches'),
    close() {
      rules.close();
      session.close();
    },
  };
};
