/** Arguments are what somebody else chose: a terminal gets them escaped, a Collector as valid UTF-8. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { type Value, readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run, until } from './support/processes.ts';
import { readBooks, startRingtail, sumOf, toCollector, writeConfig } from './support/ringtail.ts';
import { startOnTerminal, withoutColours } from './support/terminal.ts';

const collectorBinary = needCollector();

/** As printf(1) makes them: a title, a cleared screen, C1 and C0 controls, a line of its own, bytes that are not UTF-8, a reversed text, nothing. */
const HOSTILE = [
  String.raw`\033]0;owned\007`,
  String.raw`\033[2J\033[1;1H`,
  String.raw`\302\233\063\061m`,
  String.raw`\010\r\t\177`,
  String.raw`line\nanother line`,
  String.raw`\377\376\300\200\355\240\200`,
  String.raw`\342\200\256txt.exe`,
  '',
];
/** What they are as text, by the rules of WHATWG's decoder. */
const decoded = (escaped: string): string => {
  const bytes = escaped.replaceAll(/\\(\d{3}|[nrt])/g, (_, what: string) =>
    what.length === 3 ? String.fromCharCode(Number.parseInt(what, 8)) : ({ n: '\n', r: '\r', t: '\t' }[what] ?? ''),
  );
  return new TextDecoder().decode(Buffer.from(bytes, 'latin1'));
};

/** Runs /bin/true with the word and the hostile arguments; bash's $'…' takes the same escapes, and Node itself can give no invalid UTF-8. */
const runHostile = (word: string) => run('bash', ['-c', `/bin/true ${word} ${HOSTILE.map((text) => `$'${text}'`).join(' ')}`]);

test('reach a terminal escaped', async () => {
  const folder = temporaryFolder();
  const [metricsPort] = (await freePorts(1)) as [number];
  const text = toCollector({ protocol: 'http', port: 1, metricsPort })
    .replace(/ {2}otlp_http:\n[^]*?(?=service:)/, '  debug: {verbosity: detailed}\n')
    .replace('[otlp_http]', '[debug]');
  const word = `hostile-${process.pid}`;
  const running = startOnTerminal([join(import.meta.dirname, '../../bin/ringtail'), 'run', '--config', writeConfig(folder, text)]);
  await until(
    async () => {
      await runHostile(word);
      return running.stdout().includes(word) && running.stdout().includes('another line');
    },
    'the arguments on the terminal',
    { otherwise: running.stdout },
  );
  running.type('\x03');
  expect(await running.ended).toEqual({ code: 0, signal: null });
  const shown = withoutColours(running.stdout());
  // nothing but printable characters and the ends of lines, which the terminal makes \r\n
  const controls = new Set(shown.replaceAll('\r\n', '').match(/[\p{Cc}\p{Bidi_Control}]/gu));
  controls.delete('\x03');
  expect([...controls]).toEqual([]);
  expect(shown).toContain(String.raw`\x1b]0;owned\x07`);
  expect(shown).toContain(String.raw`line\nanother line`);
});

test.for(['grpc', 'http'] as const)('reach a Collector as valid UTF-8, by otlp_%s', async (protocol, context) => {
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(collectorBinary(context), place);
  const ringtail = await startRingtail(
    writeConfig(folder, toCollector({ protocol, port: protocol === 'grpc' ? grpcPort : httpPort, metricsPort })),
  );
  const word = `hostile-${protocol}-${process.pid}`;
  await runHostile(word);
  await until(async () => {
    const books = await readBooks(metricsPort);
    return sumOf(books, 'exporter', 'sent') > 0 && sumOf(books, 'exporter', 'held') === 0;
  }, 'the records to be sent');
  expect((await ringtail.stop()).code).toBe(0);
  await collector.stop();
  const found: Value[] = [];
  // the reader refuses every string that is not valid UTF-8
  await readOtlpFile(place.file, ({ eventName, attributes }) => {
    const args = attributes.get('process.command_args');
    if (eventName === 'ringtail.process.exec' && Array.isArray(args) && args[1] === word) found.push(args);
  });
  expect(found).toEqual([['/bin/true', word, ...HOSTILE.map(decoded)]]);
});
