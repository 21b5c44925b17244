import { describe, expect, it } from 'vitest';
import { importProblems, importsIn } from '../../scripts/check-imports.mjs';

const problems = (sources: Record<string, string>) => importProblems(new Map(Object.entries(sources)), new Set(['rxjs', '@grpc/grpc-js']));
const imports = (specifier: string) => `import { x } from '${specifier}';\n`;

describe('importsIn', () => {
  it('sees every form, and no comment', () => {
    const text = [
      "import a from 'a';",
      "import type { B } from './b.ts';",
      "import {\n  c,\n} from '../c.ts';",
      "export * from './d.ts';",
      "import './e.ts';",
      "const f = await import('./f.ts');",
      "// import g from 'g';",
      "/** import h from 'h'; */",
    ].join('\n');
    expect(importsIn(text)).toEqual(['a', './b.ts', '../c.ts', './d.ts', './e.ts', './f.ts']);
  });
});

describe('importProblems', () => {
  it.each([
    ['main.ts', './commands/run.ts'],
    ['commands/run.ts', '../service/service.ts'],
    ['commands/run.ts', '../config/load.ts'],
    ['service/graph.ts', '../components.ts'],
    ['components.ts', './receivers/process/index.ts'],
    ['receivers/process/index.ts', '../../kernel/frames.ts'],
    ['receivers/process/index.ts', './config.ts'],
    ['exporters/otlp-grpc/index.ts', '../shared/queue.ts'],
    ['exporters/otlp-grpc/index.ts', '@grpc/grpc-js'],
    ['kernel/frames.ts', '../otlp/wire.ts'],
    ['core/batch.ts', 'node:fs'],
  ])('%s may import %s', (file, specifier) => {
    expect(problems({ [file]: imports(specifier) })).toEqual([]);
  });

  it.each([
    ['core/batch.ts', '../otlp/wire.ts'],
    ['otlp/wire.ts', '../kernel/frames.ts'],
    ['kernel/frames.ts', '../receivers/process/index.ts'],
    ['config/load.ts', '../components.ts'],
    ['receivers/process/index.ts', '../../service/service.ts'],
    ['receivers/process/index.ts', '../files/index.ts'],
    ['receivers/process/index.ts', '../../exporters/shared/queue.ts'],
    ['exporters/shared/queue.ts', '../otlp-grpc/index.ts'],
    ['service/graph.ts', '../commands/run.ts'],
    ['service/graph.ts', '../receivers/process/index.ts'],
    ['components.ts', './receivers/process/rungs.ts'],
    ['core/batch.ts', '../../scripts/setup.mjs'],
    ['core/batch.ts', 'vitest'],
    ['core/batch.ts', 'fs'],
  ])('%s may not import %s', (file, specifier) => {
    expect(problems({ [file]: imports(specifier) })).not.toEqual([]);
  });

  it('finds a circle and names it once', () => {
    const sources = { 'core/a.ts': imports('./b.ts'), 'core/b.ts': imports('./c.ts'), 'core/c.ts': imports('./b.ts') };
    expect(problems(sources)).toEqual(['imports go in a circle: core/b.ts → core/c.ts → core/b.ts']);
  });

  it('lets only the kernel part load the addon', () => {
    const text = "createRequire(import.meta.url)('../build/native/ringtail.node');";
    expect(problems({ 'kernel/addon.ts': text })).toEqual([]);
    expect(problems({ 'service/addon.ts': text })).toEqual(['service/addon.ts: only src/kernel/ loads the addon']);
  });
});
