/** What the records of a frame say of cgroups. */
import { LENGTH_MASK, type StringTable } from '../../core/batch.ts';
import type { KernelFrame } from '../frames.ts';
import { eventKind, type CgroupAttachedColumns, type CgroupGoneColumns, type CgroupMadeColumns } from '../layouts.gen.ts';

export type CgroupRecords = {
  /** `path` is empty when the kernel did not tell all of it. */
  made(number: number, path: string, pid: number): void;
  gone(number: number, pid: number): void;
  /** `pid`: of the process that was moved. */
  attached(number: number, pid: number): void;
};

const numberAt = (columns: CgroupGoneColumns, row: number): number => columns.cgroupIdHi[row]! * 0x1_0000_0000 + columns.cgroupIdLo[row]!;

const textAt = ({ bytes, offsets, lengths }: StringTable, id: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + offsets[id]!, lengths[id]! & LENGTH_MASK).toString('utf8');

/** First those that were made, then the others: none of them comes before it was made, and numbers are not used again. */
export const readCgroupRecords = ({ batches, strings, actors }: KernelFrame, { made, gone, attached }: CgroupRecords): void => {
  for (const { kind, rows, columns, actor } of batches) {
    if (kind === eventKind.cgroupMade) {
      const each = columns as CgroupMadeColumns;
      for (let row = 0; row < rows; row++) {
        const path = textAt(strings, each.path[row]!);
        if (path !== '') made(numberAt(each, row), path, actors.pid[actor[row]!]!);
      }
    } else if (kind === eventKind.cgroupGone) {
      const each = columns as CgroupGoneColumns;
      for (let row = 0; row < rows; row++) gone(numberAt(each, row), actors.pid[actor[row]!]!);
    } else if (kind === eventKind.cgroupAttached) {
      const each = columns as CgroupAttachedColumns;
      for (let row = 0; row < rows; row++) attached(numberAt(each, row), each.pid[row]!);
    }
  }
};
