/**
 * CPU of looking through 1 MiB of arguments, beside a copy of the same bytes and a loop that looks each of them up in a table, in interleaved
 * rounds of one run. `node bench/redact.ts [rounds]`
 */
import { readFileSync } from 'node:fs';
import type { Batch, Frame } from '../src/core/batch.ts';
import { createFrameBuilder } from '../src/core/frame-builder.ts';
import { createBatchRedactor } from '../src/processors/redact/batches.ts';
import { redactConfig } from '../src/processors/redact/config.ts';
import { execSchema } from '../src/receivers/shared/process-schemas.ts';
import { cpuNs, quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const TARGET_BYTES = 2 ** 20;
/** Small work is done several times a round. */
const REPEATS = 8;

type Command = readonly string[];
const corpus = (name: string): readonly Command[] =>
  JSON.parse(readFileSync(new URL(`../test/processors/redaction/corpus-${name}.json`, import.meta.url), 'utf8')) as Command[];

const harmless = corpus('harmless');
const secret = corpus('secret').map((command) => command.map((word) => word.replace(/[«»]/g, '')));
const build: readonly Command[] = Array.from({ length: 50 }, (_, i) => [
  'gcc', '-O2', '-Wall', '-fPIC', `-DVERSION=${i}`, '-I/usr/include/glib-2.0', '-c', `src/lib/module-${i}.c`, '-o', `build/obj/module-${i}.o`,
]); // prettier-ignore

const workloads: Readonly<Record<string, readonly Command[]>> = {
  'a build': build,
  'one secret in a hundred': Array.from({ length: 100 }, (_, i) => (i === 0 ? secret[0]! : build[i % build.length]!)),
  'harmless corpus': harmless,
  'both corpora, half secret': [...harmless, ...secret],
  'a different secret in each': Array.from({ length: 40_000 }, (_, i) =>
    secret[i % secret.length]!.map((word) => (word.length > 4 ? `${word}${i}` : word)),
  ),
  'one argument of 32 KiB': [['program', 'x'.repeat(32_000)]],
};

const batchOf = (commands: readonly Command[]): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: 0n });
  const actor = builder.addActor({ pid: 1 });
  for (let bytes = 0, i = 0; bytes < TARGET_BYTES; i++) {
    const args = commands[i % commands.length]!;
    builder.addRow(0, { bootNs: 0n, actor, columns: { args, execFlags: 0 } });
    for (const word of args) bytes += Buffer.byteLength(word);
  }
  const frame = builder.build();
  const { rows, bootNsLo, bootNsHi, actor: actors, columns } = frame.batches[0]!;
  return {
    kind: execSchema(true), receiver: 'bench', frame, rows, bootNsLo, bootNsHi, actor: actors, columns, selection: undefined, actorAttributes: [], rowAttributes: [],
    resource: undefined, omitted: undefined,
  }; // prettier-ignore
};

const table = new Uint8Array(256).map((_, byte) => (byte * 7) & 0xff);
let sink = 0;
const lookUp = (bytes: Uint8Array): number => {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += table[bytes[i]!]!;
  return sum;
};

/** The same frame again as one that was not seen before. */
const anew = (batch: Batch): Batch => ({ ...batch, frame: { ...batch.frame } satisfies Frame });

for (const [name, commands] of Object.entries(workloads)) {
  const batch = batchOf(commands);
  const redactor = createBatchRedactor(redactConfig.parse({}));
  const { bytes } = batch.frame.strings;
  const subjects: Readonly<Record<string, () => void>> = {
    'look-up': () => void (sink += lookUp(bytes)),
    copy: () => void (sink += bytes.slice().length),
    redact: () => void (sink += redactor.redact(anew(batch)).values),
  };
  const measured = new Map<string, number[]>(Object.keys(subjects).map((subject) => [subject, []]));
  for (let round = -5; round < rounds; round++) {
    for (const [subject, run] of Object.entries(subjects)) {
      const ns = await cpuNs(() => {
        for (let i = 0; i < REPEATS; i++) run();
      });
      if (round >= 0) measured.get(subject)!.push(ns / REPEATS / (bytes.length / TARGET_BYTES));
    }
  }
  const { closeLooks, commands: looked } = redactor.work;
  console.log(`${name}: ${((100 * closeLooks) / looked).toFixed(1)} % of ${batch.rows} commands are looked at closer`);
  for (const [subject, values] of measured) {
    const ms = quartiles(values.map((ns) => ns / 1e6));
    console.log(`  ${subject.padEnd(8)} ${show(ms, 2)} ms a MiB, ${show(ratios(values, measured.get('look-up')!), 2)} x the look-up`);
  }
}
if (sink === 0) console.log('nothing was done');
