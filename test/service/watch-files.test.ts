import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchFiles, type FileWatch, type WatchOptions } from '../../src/service/watch-files.ts';

const NEVER_MS = 1 << 30;

let folder = '';
let watch: FileWatch | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringtail-watch-'));
});
afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true, force: true });
});
const inFolder = (...parts: readonly string[]): string => join(folder, ...parts);

/** Counts changes; `next` resolves at the next one. */
const started = async (files: readonly string[], options: Partial<WatchOptions> = {}) => {
  let changes = 0;
  let waiting = Promise.withResolvers<void>();
  const own = watchFiles({
    debounceMs: 1,
    onChange() {
      changes++;
      waiting.resolve();
      waiting = Promise.withResolvers();
    },
    ...options,
  });
  watch = own;
  await own.follow(files);
  return {
    follow: own.follow,
    changes: () => changes,
    async after(act: () => void): Promise<void> {
      const { promise } = waiting;
      act();
      await promise;
    },
  };
};

/** The kernel tells, or only looking finds it. */
const ways: readonly (readonly [string, Partial<WatchOptions>])[] = [
  ['by the word of the kernel', { lookMs: NEVER_MS }],
  ['by looking', { lookMs: 5, debounceMs: NEVER_MS }],
];

describe.each(ways)('changes of files, %s', (_, options) => {
  it('are seen when a file is written, renamed over, taken away and made again', async () => {
    const file = inFolder('a.yaml');
    writeFileSync(file, 'a');
    const { after, changes } = await started([file], options);
    await after(() => writeFileSync(file, 'ab'));
    writeFileSync(inFolder('new'), 'xy');
    await after(() => renameSync(inFolder('new'), file));
    await after(() => rmSync(file));
    await after(() => writeFileSync(file, 'xyz'));
    expect(changes()).toBe(4);
  });

  it('are seen when a link on the way leads elsewhere, as in a ConfigMap', async () => {
    const version = (name: string, text: string) => {
      mkdirSync(inFolder(name));
      writeFileSync(inFolder(name, 'a.yaml'), text);
    };
    version('..1', 'one');
    symlinkSync('..1', inFolder('..data'));
    symlinkSync('..data/a.yaml', inFolder('a.yaml'));
    const { after, follow, changes } = await started([inFolder('a.yaml')], options);
    for (const round of [2, 3]) {
      version(`..${round}`, 'same size');
      symlinkSync(`..${round}`, inFolder('..data_tmp'));
      await after(() => renameSync(inFolder('..data_tmp'), inFolder('..data')));
      rmSync(inFolder(`..${round - 1}`), { recursive: true });
      await follow([inFolder('a.yaml')]);
    }
    await after(() => writeFileSync(inFolder('..3', 'a.yaml'), 'in place'));
    expect(changes()).toBe(3);
  });

  it('are seen of files that are followed later, and of no others', async () => {
    const [first, second] = [inFolder('first'), inFolder('second')];
    mkdirSync(inFolder('below'));
    const third = inFolder('below', 'third');
    for (const file of [first, second, third]) writeFileSync(file, '');
    const { after, follow, changes } = await started([first], options);
    await follow([second, third]);
    writeFileSync(first, 'not seen');
    await after(() => writeFileSync(third, 'seen'));
    await after(() => writeFileSync(second, 'seen'));
    expect(changes()).toBe(2);
  });
});

describe('a change while the files are taken up again', () => {
  it('is not lost', async () => {
    const file = inFolder('a.yaml');
    writeFileSync(file, 'a');
    const { after, follow, changes } = await started([file], { lookMs: NEVER_MS, debounceMs: 1 });
    await after(() => writeFileSync(file, 'ab'));
    // what is read now is older than what is followed then
    await after(() => {
      writeFileSync(file, 'abc');
      void follow([file]);
    });
    expect(changes()).toBe(2);
  });
});
