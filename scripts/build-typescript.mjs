import { existsSync, renameSync, rmSync } from 'node:fs';
import { inRoot, pinnedNode, root } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { buildWhenStale, filesIn, hashInputs } from './lib/stamp.mjs';

/**
 * src/ → dist/. Types are left to `npm run check`: a build takes what is there.
 * @param {(line: string) => void} say
 */
export const buildTypescript = async (say) => {
  const inputs = [
    ...filesIn(inRoot('src'), ['.ts']),
    ...['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((name) => inRoot(name)),
  ];
  await buildWhenStale(inRoot('build/stamps/typescript'), {
    hash: hashInputs(root, inputs, []),
    outputs: [inRoot('dist')],
    build: async () => {
      say('compiling TypeScript');
      // Beside the old files first: what was renamed leaves nothing behind, and a failure leaves the old build whole.
      const fresh = inRoot(`build/dist.${process.pid}`);
      const old = `${fresh}.old`;
      try {
        await run(pinnedNode, [inRoot('node_modules/typescript/bin/tsc'), '-p', inRoot('tsconfig.build.json'), '--outDir', fresh]);
        if (existsSync(inRoot('dist'))) renameSync(inRoot('dist'), old);
        renameSync(fresh, inRoot('dist'));
      } finally {
        for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
      }
    },
  });
};
