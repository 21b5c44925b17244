/**
 * Generates the Grafana dashboards in config/grafana/ from scripts/grafana/.
 *
 * usage: gen-dashboards.ts [--check]     --check compares and exits 1 when a committed file is stale
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dashboards } from './grafana/index.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../config/grafana');

const committed = (file: string): string | undefined => {
  try {
    return readFileSync(join(folder, file), 'utf8');
  } catch {
    return undefined;
  }
};

const files = Object.entries(dashboards).map(([file, dashboard]) => [file, `${JSON.stringify(dashboard, undefined, 2)}\n`] as const);
if (process.argv.includes('--check')) {
  const stale = files.filter(([file, text]) => committed(file) !== text).map(([file]) => file);
  const unknown = readdirSync(folder).filter((file) => file.endsWith('.json') && dashboards[file] === undefined);
  for (const file of stale) console.error(`config/grafana/${file} is stale: run scripts/gen-dashboards.ts and commit it`);
  for (const file of unknown) console.error(`config/grafana/${file} is not generated: remove it, or add it to scripts/grafana/index.ts`);
  if (stale.length + unknown.length > 0) process.exitCode = 1;
} else {
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
}
