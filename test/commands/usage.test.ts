/** Whatever stands on the command line: an answer with an exit code of the contract, never a defect of ours. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.ts';
import { exitCode } from '../../src/core/errors.ts';
import { createWorld } from '../service/fakes.ts';
import { createCli } from './fakes.ts';

const { commands } = createProgram({} as never, () => {});
/** Those that end by themselves and write no files. */
const harmless = ['validate', 'print-config', 'schema', 'components', 'doctor', 'completion', 'help'];
const flags = [...new Set(commands.flatMap(({ options }) => options.flatMap(({ short, long }) => [short, long])))].filter(
  (flag) => flag !== undefined,
);

const right = `receivers: {source: }
exporters: {sink: }
service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [source], exporters: [sink]}}}
`;
const value = fc.oneof(
  fc.constantFrom(
    '',
    '-',
    '--',
    '=',
    '/',
    '.',
    'yaml:',
    `yaml:${right}`,
    'yaml:receivers::source:',
    'env:',
    'env:TOKEN',
    'file:',
    '/proc/self/mem',
    '/dev/null',
    '/',
  ),
  fc.constantFrom(
    'kernel.rung=tp',
    'kernel.rung',
    'kernel..rung=tp',
    'a["b',
    'a["b"]=1',
    'processors.stage.keep=5',
    'receivers={',
    'service=[]',
    '=x',
    'bash',
    'validate',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const flag = fc.oneof(
  fc.constantFrom(...flags),
  fc.string({ maxLength: 6 }).map((text) => `--${text}`),
);
const argv = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...harmless) }, { weight: 1, arbitrary: fc.string({ maxLength: 8 }) }),
    fc.array(fc.oneof(flag, value), { maxLength: 6 }),
  )
  .map(([command, rest]) => [command, ...rest])
  .filter(([command]) => !['run', 'record', 'init', 'ledger'].includes(command!));

it('any command line', async () => {
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(argv, async (line) => {
      const cli = createCli(createWorld());
      const code = await cli.run(...line);
      seen.add(code);
      expect(Object.values(exitCode)).toContain(code);
      expect(cli.stderr()).not.toContain('internal error');
      // who gets no answer is told why
      expect(code === exitCode.done || `${cli.stdout()}${cli.stderr()}` !== '').toBe(true);
    }),
    { numRuns: 600, examples: [[['validate', '-c', `yaml:${right}`]], [['validate', '-c', 'yaml:receivers: 5']], [['validate']]] },
  );
  expect([...seen]).toEqual(expect.arrayContaining([exitCode.done, exitCode.config, exitCode.usage]));
}, 30_000);
