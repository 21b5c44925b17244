/** Files of our own: made, written, opened again, read and unlinked. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Counts } from './truth.ts';

const PIECE = Buffer.alloc(4096, 'ringtail ');
const MOST_PIECES = 5;

export const createFileClient = (counts: Counts, folder: string) => ({
  async request(index: number): Promise<void> {
    const path = join(folder, `note-${process.pid}-${index}.txt`);
    const written = openSync(path, 'wx', 0o600);
    for (let i = 0; i <= index % MOST_PIECES; i++) counts.writtenBytes += writeSync(written, PIECE);
    closeSync(written);
    const read = openSync(path, 'r');
    const into = Buffer.alloc(PIECE.length);
    for (let got = -1; got !== 0;) counts.readBytes += got = readSync(read, into);
    closeSync(read);
    unlinkSync(path);
    counts.files += 1;
    counts.requests += 1;
  },
  async stop(): Promise<void> {},
});
