/** Where rules about sessions are said to run. */
import { expect, it } from 'vitest';
import type { RuleSet } from '../../../src/core/rules.ts';
import { socketsConfig, type SocketsConfig } from '../../../src/receivers/sockets/config.ts';
import { socketsReceiver } from '../../../src/receivers/sockets/index.ts';

const rules: RuleSet = {
  rules: [{ id: 'filter context.drop[0]', stage: 'context', action: 'drop', tests: { port: [{ text: '443', min: 443, max: 443 }] } }],
  neverDrop: [],
  hasMore: false,
};

it.each([
  ['auto', undefined],
  ['ebpf', undefined],
  ['procfs', 'the mode is procfs, which has no kernel side'],
])('mode %s', (mode, refused) => {
  const config: SocketsConfig = socketsConfig.parse({ mode });
  const report = socketsReceiver.pushDown!(config as never, [rules]);
  expect(report.places).toEqual([
    {
      rule: 'filter context.drop[0]',
      where: refused === undefined ? 'kernel' : 'user',
      ...(refused === undefined ? {} : { why: refused }),
    },
  ]);
  expect(report.refused).toBe(refused);
});
