import { expect, it } from 'vitest';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../../../src/kernel/frames.ts';
import { callId, eventKind } from '../../../src/kernel/layouts.gen.ts';
import { callsOf } from '../../../src/receivers/shared/call-names.ts';
import { createProgramEvents } from '../../../src/receivers/shared/program-events.ts';

const ENOENT = -2;
const EINPROGRESS = -115;

/** An open that worked, one that failed, an unlink, a connect under way and one that was refused, an exec that was refused; of one program. */
const frame = (): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1000n });
  const actor = builder.addActor({ pid: 7, startNs: 70n, execId: 3 });
  const add = (kind: number, bootNs: bigint, columns: Record<string, number | string>) => builder.addRow(kind, { bootNs, actor, columns });
  add(eventKind.open, 5n, { call: callId.openat, ret: 3, path: '/etc/hosts', asked: '/etc/hosts' });
  add(eventKind.open, 2n, { call: callId.openat, ret: ENOENT, asked: '/nope' });
  add(eventKind.unlink, 9n, { call: callId.unlink, ret: 0, asked: '/tmp/x' });
  add(eventKind.connect, 3n, { call: callId.connect, ret: EINPROGRESS });
  add(eventKind.connect, 4n, { call: callId.connect, ret: -111 });
  add(eventKind.execFailed, 1n, { ret: ENOENT, file: '/bin/nope' });
  return builder.build() as KernelFrame;
};

const shown = (calls: ReadonlySet<never>, failures: ReadonlySet<never>) =>
  createProgramEvents(
    { calls, failures },
    'x86_64',
  )(frame()).map(({ atNs, program, read }) => {
    const { unixNs, name, attributes } = read();
    expect(program).toEqual({ pid: 7, startNs: 70n, execId: 3 });
    expect(unixNs).toBe(atNs + 1000n);
    expect(attributes.map(([attribute]) => attribute)).not.toContain('process.pid');
    return `${atNs} ${name} ${String(new Map(attributes).get('error.type') ?? 'done')}`;
  });

it.each([
  ['files', callsOf(['files']), new Set(), ['2 ringtail.file.open ENOENT', '5 ringtail.file.open done', '9 ringtail.file.unlink done']],
  [
    'failures',
    new Set(),
    callsOf(['files', 'network', 'process']),
    ['1 ringtail.process.exec ENOENT', '2 ringtail.file.open ENOENT', '4 ringtail.network.connect ECONNREFUSED'],
  ],
  ['nothing', new Set(), new Set(), []],
] as const)('%s are events of a program, in the order of their times', (_what, calls, failures, events) => {
  expect(shown(calls as ReadonlySet<never>, failures as ReadonlySet<never>)).toEqual(events);
});
