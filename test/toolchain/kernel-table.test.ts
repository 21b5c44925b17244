import { expect, test } from 'vitest';
import { pageWith, staleIn } from '../kernels/table.mjs';

const rung = (name: string, fields: Record<string, string[]>, refusal = '') => ({ rung: name, refusal, fields });
const old = {
  series: '5.10',
  receivers: {
    process: [rung('tp_btf', { exec: ['a', 'b'] }), rung('procfs', { exec: ['a'] })],
    syscalls: [rung('raw_tp', { open: ['c'] })],
  },
};
const recent = { series: '6.1', receivers: { process: [rung('tp_btf', {}, 'refused'), rung('procfs', { exec: ['a'] })] } };

test('a section tells what each rung gives', () => {
  const page = pageWith('', [recent, old]);
  expect(page.indexOf('## Linux 5.10')).toBeLessThan(page.indexOf('## Linux 6.1'));
  expect(page).toContain('| `exec` | `a` | ✓ | ✓ |\n|  | `b` | ✓ | – |');
  expect(page).toContain('| | works | – | ✓ |');
  expect(page).toContain(
    '### Receiver `syscalls`\n\n| event | attribute | `raw_tp` |\n|---|---|---|\n| | works | ✓ |\n| `open` | `c` | ✓ |',
  );
});

test('sections of kernels that did not run stay', () => {
  const page = pageWith(pageWith('', [old]), [recent]);
  expect(page).toBe(pageWith('', [old, recent]));
  expect(pageWith(page, [])).toBe(page);
});

test('a section that says something else is stale, one that is not there is not judged', () => {
  const page = pageWith('', [old]);
  const changed = { ...old, receivers: { ...old.receivers, syscalls: [rung('raw_tp', { open: ['d'] })] } };
  expect(staleIn(page, [old, recent])).toEqual([]);
  expect(staleIn(page, [changed, recent])).toEqual(['5.10']);
});
