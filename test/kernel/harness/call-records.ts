/** The records of system calls as the kernel side writes them, without a receiver. */
import assert from 'node:assert/strict';
import { LENGTH_MASK } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { KernelFacts } from '../../../src/kernel/addon.ts';
import type { CallName, CallNeeds } from '../../../src/kernel/calls/needs.ts';
import { callFlag, callId, eventKind, netFlag } from '../../../src/kernel/layouts.gen.ts';
import type { Rung } from '../../../src/kernel/process-programs.ts';
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
    onLoss: (loss) => assert.fail(`lost: ${JSON.stringify(loss)}`),
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
  const samples = (name: string) => counters.samples().filter((sample) => sample.name === name);
  const settle = (): Promise<void> =>
    waitFor(
      'the ring to be read',
      () => {
        const ring = kernel.ring()!;
        ring.counters.refresh();
        const written = samples('ringtail_kernel_events').filter(({ labels }) => labels['outcome'] === 'written');
        const total = written.reduce((sum, { value }) => sum + value, 0);
        const { read, frames } = ring.stats();
        return read >= total && kernel.hub.pending === 0 && ring.delivered() === frames;
      },
      () => JSON.stringify(kernel.ring()?.stats()),
    );
  return {
    kernel,
    records,
    settle,
    missed() {
      const { values } = kernel.ring()!.calls.read('call_missed')!;
      let sum = 0n;
      for (let at = 0; at < values.length; at += 8) sum += values.readBigUInt64LE(at);
      return Number(sum);
    },
    async change(needs) {
      claim.change({ ...NOTHING, ...needs });
      await kernel.reconfigure();
    },
    async stop() {
      await settle();
      const sums = new Map<string, Record<string, number>>();
      for (const { labels, value } of samples('ringtail_kernel_events')) {
        const event = labels['event']!;
        sums.set(event, { ...sums.get(event), [labels['outcome']!]: value });
      }
      for (const [event, { seen, filtered, limited, aggregated, lost, written }] of sums)
        assert.equal(seen, filtered! + limited! + aggregated! + lost! + written!, `the books of ${event} do not balance`);
      unsubscribe();
      claim.end();
      await kernel.stop(STOP_MS);
    },
  };
};
