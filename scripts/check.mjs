/**
 * Everything that can be said about the tree in half a minute and without root: format, lint, imports, types, generated files. Tests are `npm test`.
 *
 * usage: check.mjs [--format]     --format writes the format instead of checking anything
 */
import { existsSync } from 'node:fs';
import { CommandError, runMain } from './lib/errors.mjs';
import { inRoot, pinnedNode } from './lib/paths.mjs';
import { run, runVisibly } from './lib/run.mjs';
import { filesIn } from './lib/stamp.mjs';
import { findClangFormat, toolEnv } from './lib/tools.mjs';
import { setup } from './setup.mjs';

/** @param {string} name @param {string} file */
const npmTool = (name, file) => inRoot('node_modules', name, file);
const oxfmt = npmTool('oxfmt', 'bin/oxfmt');

const cFiles = () => [...filesIn(inRoot('native'), ['.cc', '.c', '.h']), ...filesIn(inRoot('bpf'), ['.c', '.h'])];

/** @returns {[string, string, string[]][]} name, command, arguments */
const checks = () => {
  const layouts = inRoot('scripts/gen-layouts.ts');
  return [
    ['format', pinnedNode, [oxfmt, '--check', '.']],
    ['format of C and C++', findClangFormat(), ['--dry-run', '-Werror', ...cFiles()]],
    ['lint', pinnedNode, [npmTool('oxlint', 'bin/oxlint'), '--deny-warnings']],
    ['imports', pinnedNode, [inRoot('scripts/check-imports.mjs')]],
    ['types', pinnedNode, [npmTool('typescript', 'bin/tsc'), '--noEmit']],
    ['dashboards', pinnedNode, [inRoot('scripts/gen-dashboards.ts'), '--check']],
    ...(existsSync(layouts) ? [/** @type {[string, string, string[]]} */ (['generated files', pinnedNode, [layouts, '--check']])] : []),
  ];
};

await runMain(async () => {
  await setup(['check']);
  const env = toolEnv();
  if (process.argv.includes('--format')) {
    return (await runVisibly(pinnedNode, [oxfmt, '.'], env)) || (await runVisibly(findClangFormat(), ['-i', ...cFiles()], env));
  }
  let failed = 0;
  for (const [name, command, args] of checks()) {
    const start = performance.now();
    try {
      await run(command, args, { env });
      process.stdout.write(`ok      ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
    } catch (error) {
      failed += 1;
      process.stdout.write(`FAILED  ${name}\n${error instanceof CommandError ? error.output : String(error)}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
});
