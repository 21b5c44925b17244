import { describe, expect, it } from 'vitest';
import { LENGTH_MASK, NOT_UTF8, type StringTable } from '../../src/core/batch.ts';
import { createFrameBuilder } from '../../src/core/frame-builder.ts';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import { eventKind, type ExecColumns } from '../../src/kernel/layouts.gen.ts';

const textOf = ({ bytes, offsets, lengths }: StringTable, id: number): string =>
  Buffer.from(bytes.subarray(offsets[id], offsets[id]! + (lengths[id]! & LENGTH_MASK))).toString('latin1');

describe('createFrameBuilder', () => {
  it('keeps identical actors and equal strings once, and list items as often as they occur', () => {
    const builder = createFrameBuilder({ wallOffsetNs: 5n, sequence: 7 });
    const first = builder.addActor({ pid: 10, comm: 'sh' });
    expect(builder.addActor({ pid: 10, comm: 'sh' })).toBe(first);
    expect(builder.addActor({ pid: 10, comm: 'sh', execId: 1 })).not.toBe(first);
    expect(builder.addString('')).toBe(0);
    expect(builder.addString('sh')).toBe(builder.addString(new TextEncoder().encode('sh')));
    builder.addRow(2, { bootNs: 1n, actor: first, columns: { args: ['a', 'a', ''] } });
    const frame = builder.build();
    const { args, argsKept } = frame.batches[0]!.columns;
    expect(frame).toMatchObject({ sequence: 7, wallOffsetNs: 5n });
    expect(frame.actors.count).toBe(2);
    expect(argsKept![0]).toBe(3);
    expect([0, 1, 2].map((item) => textOf(frame.strings, args![0]! + item))).toEqual(['a', 'a', '']);
    expect(args![0]).toBeGreaterThan(0);
  });

  it('splits 64-bit values, wraps signed ones, fills what a row does not name with 0 and orders kinds', () => {
    const builder = createFrameBuilder({ wallOffsetNs: 0n });
    const actor = builder.addActor({ pid: 1, startNs: 0x1_0000_0002n, cgroupId: 0xffff_ffff_0000_0000n });
    builder.addRow(5, { bootNs: 0x2_0000_0003n, actor, columns: { ret: -2 } });
    builder.addRow(1, { bootNs: 4n, actor, columns: { inode: 0x3_0000_0004n } });
    builder.addRow(5, { bootNs: 5n, actor, columns: { name: 'x' } });
    const { batches, actors, strings } = builder.build();
    expect(batches.map(({ kind, rows }) => [kind, rows])).toEqual([[1, 1], [5, 2]]); // prettier-ignore
    expect([actors.startNsLo[0], actors.startNsHi[0], actors.cgroupIdLo[0], actors.cgroupIdHi[0]]).toEqual([2, 1, 0, 0xffff_ffff]);
    expect([...batches[0]!.columns['inodeLo']!, ...batches[0]!.columns['inodeHi']!]).toEqual([4, 3]);
    expect([...batches[1]!.columns['ret']!].map((value) => value | 0)).toEqual([-2, 0]);
    expect([...batches[1]!.bootNsLo, ...batches[1]!.bootNsHi]).toEqual([3, 5, 2, 0]);
    expect(textOf(strings, batches[1]!.columns['name']![1]!)).toBe('x');
  });

  it('marks bytes that are not UTF-8, and keeps them as they are', () => {
    const builder = createFrameBuilder({ wallOffsetNs: 0n });
    const bad = builder.addString(Uint8Array.of(0x66, 0xff));
    const good = builder.addString('é');
    const { strings } = builder.build();
    expect(strings.lengths[bad]! & NOT_UTF8).not.toBe(0);
    expect(strings.lengths[good]! & NOT_UTF8).toBe(0);
    expect(textOf(strings, bad)).toBe('f\xff');
    expect(strings.lengths[good]).toBe(2);
  });

  it('refuses a row whose actor does not exist', () => {
    expect(() => createFrameBuilder({ wallOffsetNs: 0n }).addRow(1, { bootNs: 0n, actor: 0 })).toThrow('actor 0');
  });

  it('gives an actor the defaults of a plain process', () => {
    const builder = createFrameBuilder({ wallOffsetNs: 0n });
    builder.addActor({ pid: 9, uid: 4 });
    const { actors } = builder.build();
    expect([actors.tid[0], actors.vpid[0], actors.uid[0], actors.euid[0], actors.loginUid[0], actors.comm[0]]).toEqual([
      9, 9, 4, 4, 0xffff_ffff, 0,
    ]);
  });
});

describe('createKernelFrameBuilder', () => {
  it('gives a kind every column of its layout', () => {
    const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
    builder.addRow(eventKind.exec, { bootNs: 1n, actor: builder.addActor({ pid: 1 }), columns: { path: '/bin/sh' } });
    const columns = builder.build().batches[0]!.columns as ExecColumns;
    expect([columns.inodeHi[0], columns.args[0], columns.argsKept[0], columns.argc[0]]).toEqual([0, 0, 0, 0]);
    expect(columns.path[0]).toBeGreaterThan(0);
  });
});
