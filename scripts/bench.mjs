/**
 * Sets up and runs the benchmarks one after another, each in a process of its own.
 *
 * usage: bench.mjs [name...]     all that are listed below when none is named
 */
import { runMain } from './lib/errors.mjs';
import { inRoot, pinnedNode } from './lib/paths.mjs';
import { runVisibly } from './lib/run.mjs';
import { toolEnv } from './lib/tools.mjs';
import { setup } from './setup.mjs';

/** Files of bench/ that are benchmarks; all others there help them. */
const benches = [
  'process-table',
  'encode',
  'redact',
  'attributes',
  'filter',
  'resources',
  'metrics-encode',
  'pipeline',
  'delivery',
  'overhead',
  'calls',
  'call-flood',
  'sockets',
  'metrics-cost',
  'packets',
  'who',
  'live-sessions',
  'trace',
  'trace-storm',
];

await runMain(async () => {
  const named = process.argv.slice(2);
  const unknown = named.filter((name) => !benches.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`no such benchmark: ${unknown.join(', ')}; there are ${benches.join(', ')}\n`);
    return 2;
  }
  await setup(['e2e', 'bench']);
  let failed = 0;
  for (const name of benches.filter((bench) => named.length === 0 || named.includes(bench))) {
    process.stdout.write(`\n== ${name}\n`);
    if ((await runVisibly(pinnedNode, [inRoot('bench', `${name}.ts`)], toolEnv())) !== 0) failed += 1;
  }
  return failed === 0 ? 0 : 1;
});
