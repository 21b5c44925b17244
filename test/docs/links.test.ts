import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { anchorsOf, linksOf, pages, read, root } from './markdown.ts';

it('finds the pages and their links', () => {
  expect(pages).toContain('docs/components/process.md');
  expect(linksOf(read('README.md'))).toContain('docs/signals.md');
});

it.each(pages)('%s links to what is there', (page) => {
  const broken = linksOf(read(page)).filter((link) => {
    const [target = '', anchor] = link.split('#');
    const file = target === '' ? page : path.join(path.dirname(page), target);
    if (!existsSync(path.join(root, file))) return true;
    return anchor !== undefined && !anchorsOf(read(file)).has(anchor);
  });
  expect(broken).toEqual([]);
});
