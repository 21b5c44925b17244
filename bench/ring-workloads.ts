/** Records as the kernel programs write them, for the memory ring of the benchmarks. */
import type { EventSchema } from '../src/core/batch.ts';
import { eventLayouts } from '../src/kernel/layouts.gen.ts';
import { offsets, recordOf } from './records.ts';

/** Three frames of 8,192 rows: less than the process table holds, several times what fits the caches. */
export const RECORDS = 24_576;
const BOOT_NS = 900_000_000_000n;

export type RingWorkload = {
  readonly name: string;
  /** RECORDS records one behind the other: the garbage collector has one object to look at, and filling makes none. */
  readonly records: Buffer;
  /** Makes new processes of them, so that nothing is known from the round before. */
  renew(round: number): void;
  /** Turns the kind into events when it is not the process receiver's. */
  readonly schema?: EventSchema;
};

const joined = (make: (index: number) => Buffer): { readonly records: Buffer; readonly starts: Uint32Array } => {
  const single = Array.from({ length: RECORDS }, (_, index) => make(index));
  const starts = new Uint32Array(RECORDS);
  for (let i = 1; i < RECORDS; i++) starts[i] = starts[i - 1]! + single[i - 1]!.length;
  return { records: Buffer.concat(single), starts };
};

export const execs = (): RingWorkload => {
  const { records, starts } = joined((i) =>
    recordOf(eventLayouts.exec, {
      bootNs: BOOT_NS + BigInt(i) * 1000n,
      actor: {
        tid: 10_000 + i,
        ppid: 4711,
        execId: 3,
        startNs: 0n,
        parentStartNs: 77n,
        cgroupId: 4242n,
        uid: 0,
        euid: 0,
        loginUid: 0xffff_ffff,
        comm: `tool-${i % 40}`,
      },
      fields: {
        inode: 1234n,
        sessionLeaderPid: 999,
        argc: 4,
        argsTotal: 60,
        syscallNr: 59,
        path: `/usr/lib/some/where/bin/tool-${i % 40}`,
        cwd: '/home/builder/src/project',
        file: `/usr/lib/some/where/bin/tool-${i % 40}`,
        args: ['tool', '--verbose', `--unique=${i}`, '/var/tmp/input.txt'],
      },
    }),
  );
  const renew = (round: number): void =>
    starts.forEach((start, i) => {
      records.writeUInt32LE(10_000 + i, start + offsets.pid);
      records.writeBigUInt64LE(BigInt(round * RECORDS + i) * 1000n + 1n, start + offsets.startNs);
    });
  return { name: 'exec records, every one of a new process', records, renew };
};

export const small = (): RingWorkload => {
  const { records } = joined((i) =>
    recordOf(eventLayouts.sample, {
      bootNs: BOOT_NS + BigInt(i) * 1000n,
      actor: {
        pid: 1,
        tid: 1,
        ppid: 0,
        execId: i % 32,
        startNs: 1n,
        cgroupId: 4242n,
        uid: 0,
        euid: 0,
        loginUid: 0xffff_ffff,
        comm: `worker-${i % 32}`,
      },
      fields: { bytes: 65_536n, ret: 4096, fd: i % 200, flags: 1, name: `segment-${i % 100}.log` },
    }),
  );
  return {
    name: 'small records of 32 processes: a common head and five attributes',
    records,
    renew: () => {},
    schema: {
      eventName: 'bench.sample',
      fields: [
        { name: 'bench.bytes', type: 'u64', column: 'bytes' },
        { name: 'bench.return', type: 'i32', column: 'ret' },
        { name: 'bench.fd', type: 'u32', column: 'fd' },
        { name: 'bench.flags', type: 'u32', column: 'flags' },
        { name: 'bench.name', type: 'string', column: 'name' },
      ],
    },
  };
};
