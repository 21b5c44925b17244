/** The records of system calls as the kernel side writes them, without a receiver. */
import assert from 'node:assert/strict';
import { LENGTH_MASK } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { KernelFacts } from '../../../src/kernel/addon.ts';
import type { CallName, CallNeeds } from '../../../src/kernel/calls/needs.ts';
import { callEventLabels, type KernelCounters, type KernelCounts } from '../../../src/kernel/kernel-counters.ts';
import { callFlag, callId, eventKind, netFlag } from '../../../src/kernel/layouts.gen.ts';
import type { Rung } from '../../../src/kernel/process-programs.ts';
import type { Loss } from '../../../src/otlp/loss.ts';
import { createKernelServices, type KernelServices } from '../../../src/kernel/services.ts';
import { waitFor } from './pipeline.ts';

export type SocketRecord = {
  readonly pid: number;
  readonly bootNs: bigint;
  readonly call: string;
  readonly ret: number;
  readonly flags: number;
  readonly fd: number;
  readonly netnsCookie: bigint;
  /** `call result fd requested family transport local peer flags`; see test/workloads/sockets.c. */
  readonly text: string;
};

export type CallRecorder = {
  readonly kernel: KernelServices;
  readonly records: readonly SocketRecord[];
  /** What the kernel counted of `enum event_kind`. */
  counts(kind: number): KernelCounts;
  /** Closes whose enter was not seen. */
  missed(): number;
  settle(): Promise<void>;
  change(needs: Partial<CallNeeds>): Promise<void>;
  /** Throws when the books are wrong. */
  stop(): Promise<void>;
};

export const socketCalls: readonly CallName[] = [
  'connect', 'accept', 'accept4', 'sendto', 'sendmsg', 'sendmmsg', 'recvfrom', 'recvmsg', 'recvmmsg', 'close',
]; // prettier-ignore

const NOTHING: CallNeeds = {
  events: new Set(),
  failures: new Set(),
  counted: new Set(),
  limit: undefined,
  aggregateWindowMs: undefined,
  ruleSets: [],
};
const KINDS = [eventKind.connect, eventKind.accept, eventKind.send, eventKind.receive, eventKind.close];
const callNames = new Map<number, string>(Object.entries(callId).map(([name, id]) => [id, name]));
const TRANSPORTS = ['other', 'tcp', 'udp', 'unix', 'icmp', 'raw'];
const STOP_MS = 5000;

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const recordCalls = async ({
  rung,
  calls = socketCalls,
  injectedFacts = {},
}: {
  readonly rung: 'auto' | Rung;
  readonly calls?: readonly CallName[];
  readonly injectedFacts?: Partial<KernelFacts>;
}): Promise<CallRecorder> => {
  const records: SocketRecord[] = [];
  const losses: Loss[] = [];
  const counters = createCounters();
  const kernel = createKernelServices({
    ringBytes: 8 << 20,
    flushRows: 8192,
    flushIntervalMs: 5,
    rootPath: '/',
    rung,
    procfsIntervalMs: 100,
    counters,
    logger: silent,
    injectedFacts,
  });
  const claim = kernel.needCalls({ ...NOTHING, events: new Set(calls) });
  const unsubscribe = kernel.hub.subscribe({
    kinds: KINDS,
    onLoss(loss) {
      if (loss.reason !== 'rate_limited') losses.push(loss);
    },
    onBatch({ rows, columns, bootNsHi, bootNsLo, actor }, { actors, strings }) {
      const at = (name: string, row: number): number => columns[name]![row]!;
      const wide = (name: string, row: number): bigint => (BigInt(at(`${name}Hi`, row)) << 32n) | BigInt(at(`${name}Lo`, row));
      const endOf = (name: string, row: number): string => {
        const id = at(name, row);
        const length = strings.lengths[id]! & LENGTH_MASK;
        if (length === 0) return '-';
        const start = strings.offsets[id]!;
        return `${Buffer.from(strings.bytes.subarray(start, start + length)).toString('hex')}:${at(`${name}Port`, row)}`;
      };
      for (let row = 0; row < rows; row++) {
        const call = callNames.get(at('call', row)) ?? '?';
        const ret = at('ret', row) | 0;
        const flags = at('callFlags', row);
        const fd = at('fd', row) | 0;
        const requested = at('netFlags', row) & netFlag.hasSize ? wide('requested', row) : -1n;
        const sure = flags & callFlag.isUnverified ? 'u' : '-';
        const words = [
          call,
          ret,
          fd,
          requested,
          at('family', row),
          TRANSPORTS[at('transport', row)],
          endOf('local', row),
          endOf('peer', row),
        ];
        records.push({
          pid: actors.pid[actor[row]!]!,
          bootNs: (BigInt(bootNsHi[row]!) << 32n) | BigInt(bootNsLo[row]!),
          call,
          ret,
          flags,
          fd,
          netnsCookie: wide('netnsCookie', row),
          text: [...words, sure].join(' '),
        });
      }
    },
  });
  await kernel.start();
  if (rung !== 'auto') assert.equal(kernel.calls().rung, rung, kernel.calls().notes.join('; '));
  const countsOf = (): readonly KernelCounters[] => {
    const ring = kernel.ring()!;
    const counts = [ring.counters, ring.cgroupCounters(), ring.callCounters()].filter((some) => some !== undefined);
    for (const some of counts) some.refresh();
    return counts;
  };
  const settle = (): Promise<void> =>
    waitFor(
      'the ring to be read',
      () => {
        const ring = kernel.ring()!;
        const written = countsOf().reduce((sum, some) => sum + some.total('written'), 0);
        const { read, frames } = ring.stats();
        return read >= written && kernel.hub.pending === 0 && ring.delivered() === frames;
      },
      () => JSON.stringify(kernel.ring()?.stats()),
    );
  return {
    kernel,
    records,
    settle,
    counts: (kind) => countsOf()[1]!.of(kind),
    missed: () => counters.samples().find(({ name }) => name === 'ringtail_calls_missed')!.value,
    async change(needs) {
      claim.change({ ...NOTHING, ...needs });
      await kernel.reconfigure();
    },
    async stop() {
      await kernel.quiesce(STOP_MS);
      const [, counts] = countsOf();
      unsubscribe();
      claim.end();
      await kernel.stop(STOP_MS);
      for (const [kind, event] of callEventLabels) {
        const { seen, filtered, limited, aggregated, lost, written } = counts!.of(kind);
        assert.equal(seen, filtered + limited + aggregated + lost + written, `the books of ${event} do not balance`);
      }
      assert.deepEqual(losses, []);
    },
  };
};
