/** CPU of the process table a lifecycle record: processes that are forked, exec and exit, 2,730 a frame. `node bench/process-table.ts` */
import { createFrameBuilder } from '../src/core/frame-builder.ts';
import { createKernelFrameBuilder } from '../src/kernel/frame-builder.ts';
import type { KernelFrame } from '../src/kernel/frames.ts';
import { eventKind } from '../src/kernel/layouts.gen.ts';
import { createProcessTable } from '../src/kernel/lifecycle/process-table.ts';

const PROCESSES_PER_FRAME = 2730;
const FRAMES = 40;
const ROUNDS = 15;
const SHELL = { pid: 100, startNs: 1_000n, execId: 3 } as const;

/** One frame; `unique` gives every process an executable of its own. */
const frameOf = (sequence: number, unique: boolean): KernelFrame => {
  const builder = createKernelFrameBuilder({ wallOffsetNs: 1_760_000_000_000_000_000n, sequence });
  const shell = builder.addActor(SHELL);
  for (let i = 0; i < PROCESSES_PER_FRAME; i++) {
    const number = sequence * PROCESSES_PER_FRAME + i;
    const bootNs = 10_000_000_000n + BigInt(number) * 10_000n;
    const pid = 1000 + (number % 30_000);
    const parent = { ppid: SHELL.pid, parentStartNs: SHELL.startNs, parentExecId: SHELL.execId };
    const child = builder.addActor({ pid, startNs: bootNs, execId: 4, comm: 'true', ...parent });
    builder.addRow(eventKind.fork, {
      bootNs,
      actor: shell,
      columns: { childPid: pid, childTid: pid, childStartNs: bootNs, childExecId: 3 },
    });
    const path = unique ? `/usr/bin/program-${number}` : `/usr/bin/program-${i % 8}`;
    builder.addRow(eventKind.exec, { bootNs: bootNs + 1n, actor: child, columns: { path, args: [`true`, `${number}`] } });
    builder.addRow(eventKind.exit, { bootNs: bootNs + 2n, actor: child });
  }
  return builder.build();
};

const quartiles = (values: number[]): string => {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((part) => sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(0)).join(' / ');
};

const measure = (name: string, frames: readonly KernelFrame[], out: Uint8Array): void => {
  const absorb: number[] = [];
  const write: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const table = createProcessTable();
    const start = createFrameBuilder({ wallOffsetNs: 0n });
    start.addActor(SHELL);
    table.insert(start.build(), 0, { path: new TextEncoder().encode('/bin/sh'), pathFlags: 0 });
    let absorbUs = 0;
    let writeUs = 0;
    for (const frame of frames) {
      const begin = process.cpuUsage();
      table.absorb(frame);
      const ids = table.resolve(frame);
      const middle = process.cpuUsage();
      let at = 0;
      for (const id of ids) at = table.source.write(id, out, at);
      const end = process.cpuUsage();
      absorbUs += middle.user + middle.system - begin.user - begin.system;
      writeUs += end.user + end.system - middle.user - middle.system;
    }
    absorb.push((absorbUs * 1000) / (frames.length * PROCESSES_PER_FRAME * 3));
    write.push((writeUs * 1000) / (frames.length * (PROCESSES_PER_FRAME + 1)));
  }
  console.log(
    `${name}: absorb + resolve ${quartiles(absorb)} ns a record, attributes ${quartiles(write)} ns an actor (quartiles of ${ROUNDS} rounds)`,
  );
};

const out = new Uint8Array(4 * 2 ** 20);
for (const [name, unique] of [
  ['8 executables', false],
  ['an executable a process', true],
] as const) {
  measure(name, Array.from({ length: FRAMES }, (_, sequence) => frameOf(sequence, unique)), out); // prettier-ignore
}
