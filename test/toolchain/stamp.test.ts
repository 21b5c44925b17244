import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWhenStale, filesIn, hashInputs } from '../../scripts/lib/stamp.mjs';

let folder = '';
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringtail-stamp-'));
  mkdirSync(at('sub'));
  writeFileSync(at('b.c'), 'b');
  writeFileSync(at('sub/a.c'), 'a');
  writeFileSync(at('c.h'), 'c');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('filesIn', () => {
  it('finds files by ending, in folders too', () => {
    expect(filesIn(folder, ['.c'])).toEqual([at('b.c'), at('sub/a.c')]);
  });

  it('finds nothing in a folder that does not exist', () => {
    expect(filesIn(at('none'), ['.c'])).toEqual([]);
  });
});

describe('hashInputs', () => {
  const hash = (files = [at('b.c'), at('sub/a.c')], facts = ['-O2']) => hashInputs(folder, files, facts);

  it('is the same for the same inputs', () => {
    expect(hash()).toBe(hash());
  });

  it.each([
    ['a content', () => writeFileSync(at('b.c'), 'other')],
    ['what stands in two files, moved by a letter', () => (writeFileSync(at('b.c'), 'ba'), writeFileSync(at('sub/a.c'), ''))],
  ])('changes with %s', (_, change) => {
    const before = hash();
    change();
    expect(hash()).not.toBe(before);
  });

  it('changes with facts and with the set of files', () => {
    expect(new Set([hash(), hash(undefined, ['-O1']), hash([at('b.c')])]).size).toBe(3);
  });
});

describe('buildWhenStale', () => {
  const run = async (hash: string, outputs = [at('out')]) => {
    let built = 0;
    const said = await buildWhenStale(at('stamps/one'), {
      hash,
      outputs,
      build: async () => {
        built += 1;
        for (const output of outputs) writeFileSync(output, '');
      },
    });
    expect(said).toBe(built === 1);
    return built;
  };

  it('builds once for the same inputs, again for others', async () => {
    expect([await run('1'), await run('1'), await run('2'), await run('2')]).toEqual([1, 0, 1, 0]);
  });

  it('builds again when an output is gone', async () => {
    await run('1');
    rmSync(at('out'));
    expect(await run('1')).toBe(1);
  });

  it('leaves no stamp behind when the build fails', async () => {
    const failing = { hash: '1', outputs: [], build: () => Promise.reject(new Error('no')) };
    await expect(buildWhenStale(at('stamps/one'), failing)).rejects.toThrow('no');
    expect(existsSync(at('stamps/one'))).toBe(false);
  });
});
