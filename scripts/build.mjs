/**
 * Builds what changed: BPF objects, addon, JavaScript.
 *
 * usage: build.mjs [--sanitize]     --sanitize builds the addon with ASan and UBSan too, into build/native-asan/
 */
import { fileURLToPath } from 'node:url';
import { realpathSync } from 'node:fs';
import { runMain } from './lib/errors.mjs';
import { inParallel } from './lib/run.mjs';
import { buildBpf } from './build-bpf.mjs';
import { buildLauncher, buildNative } from './build-native.mjs';
import { buildTypescript } from './build-typescript.mjs';

/**
 * @param {(line: string) => void} say
 * @param {{ sanitize?: boolean }} [options]
 */
export const build = async (say, { sanitize = false } = {}) => {
  await inParallel([() => buildTypescript(say), () => buildBpf(say), () => buildNative(say), () => buildLauncher(say)], 2);
  if (sanitize) await buildNative(say, { sanitize: true });
};

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  await runMain(() =>
    build((line) => process.stderr.write(`ringtail build: ${line}\n`), { sanitize: process.argv.includes('--sanitize') }),
  );
}
