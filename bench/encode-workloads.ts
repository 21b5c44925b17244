/** Rows for the encoder's benchmark, made up but shaped like what a busy host gives. */
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { AttributeSource, Batch, EventSchema } from '../src/core/batch.ts';
import { createFrameBuilder } from '../src/core/frame-builder.ts';
import { attributesOf, unixNsOf } from '../src/otlp/log-text.ts';
import { encodeAttributes } from '../src/otlp/wire.ts';

/** `exec`: every row has a process of its own, nothing is cached. `small`: 32 processes, a common head and five attributes. */
export type Workload = 'exec' | 'small';

const schemas: Readonly<Record<Workload, EventSchema>> = {
  exec: {
    eventName: 'ringtail.process.exec',
    fields: [
      { name: 'process.executable.path', type: 'string', column: 'path' },
      { name: 'process.command_args', type: 'strings', column: 'args', count: 'argsKept' },
      { name: 'process.args_count', type: 'u32', column: 'argc' },
      { name: 'process.working_directory', type: 'string', column: 'cwd' },
      { name: 'process.session_leader.pid', type: 'u32', column: 'leader' },
      { name: 'ringtail.args.truncated', type: 'bool', column: 'flags', mask: 1 },
    ],
  },
  small: {
    eventName: 'ringtail.file.read',
    fields: [
      { name: 'ringtail.fd', type: 'u32', column: 'fd' },
      { name: 'ringtail.io.transferred', type: 'i32', column: 'ret' },
      { name: 'ringtail.io.requested', type: 'u64', column: 'bytes' },
      { name: 'file.name', type: 'string', column: 'name' },
      { name: 'ringtail.syscall.name', type: 'constant', value: 'read' },
    ],
  },
};

/** A processor's column: a name of the owner, encoded once. */
const owners: AttributeSource = (() => {
  const attributes = [
    ['process.owner', 'builder'],
    ['ringtail.attribution', 'ebpf'],
  ] as const;
  const bytes = encodeAttributes(attributes);
  return {
    size: () => bytes.length,
    write(_id, out, at) {
      out.set(bytes, at);
      return at + bytes.length;
    },
    entries: () => attributes,
  };
})();

export const batchesOf = (workload: Workload, rows: number, sequence: number): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 1_790_000_000_000_000_000n, sequence });
  const actors = Array.from({ length: workload === 'exec' ? rows : 32 }, (_, i) =>
    builder.addActor({
      pid: 10_000 + i,
      ppid: 4711,
      execId: i,
      startNs: 5_000_000_000n + BigInt(i) * 12_345n,
      cgroupId: 4242n,
      uid: 1000,
      comm: `worker-${i % 50}`,
    }),
  );
  for (let i = 0; i < rows; i++) {
    const columns =
      workload === 'exec'
        ? {
            path: `/usr/lib/some/where/bin/tool-${i % 40}`,
            args: ['tool', '--verbose', `--unique=${i}`, '/var/tmp/input.txt'],
            argc: 4,
            cwd: '/home/builder/src/project',
            leader: 999,
            flags: 0,
          }
        : { fd: i % 200, ret: 4096, bytes: 65_536n, name: `segment-${i % 100}.log` };
    builder.addRow(0, { bootNs: 6_000_000_000n + BigInt(i) * 1000n, actor: actors[i % actors.length]!, columns });
  }
  const frame = builder.build();
  const batch = frame.batches[0]!;
  return {
    kind: schemas[workload],
    receiver: 'bench',
    frame,
    rows: batch.rows,
    bootNsLo: batch.bootNsLo,
    bootNsHi: batch.bootNsHi,
    actor: batch.actor,
    columns: batch.columns,
    selection: undefined,
    actorAttributes: [{ source: owners, ids: new Uint32Array(frame.actors.count).fill(1) }],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
  };
};

/** The same records as the OpenTelemetry SDK has them. */
export const readableRecords = (batch: Batch): ReadableLogRecord[] => {
  const resource = { attributes: { 'service.name': 'ringtail', 'host.name': 'bench' }, merge: () => resource, getRawAttributes: () => [] };
  const instrumentationScope = { name: 'ringtail/bench', version: '0.0.0' };
  return Array.from({ length: batch.rows }, (_, row) => {
    const ns = unixNsOf(batch, row);
    const hrTime: [number, number] = [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
    return {
      hrTime,
      hrTimeObserved: hrTime,
      severityNumber: 9,
      severityText: 'INFO',
      eventName: batch.kind.eventName,
      attributes: Object.fromEntries(attributesOf(batch, row)),
      droppedAttributesCount: 0,
      resource,
      instrumentationScope,
    } as unknown as ReadableLogRecord;
  });
};
