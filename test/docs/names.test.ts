/** docs/signals.md and the code have the same names, and no page speaks of others. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/commands/program.ts';
import type { AttributeField, EventSchema } from '../../src/core/batch.ts';
import { exitCode } from '../../src/core/errors.ts';
import { attributeName, attributionSource, eventName, metricAttributeName, metricName, resourceName } from '../../src/otlp/names.ts';
import { lossSchema } from '../../src/otlp/loss.ts';
import type { CallName } from '../../src/kernel/calls/needs.ts';
import { callNameOf, kindsOf } from '../../src/receivers/shared/call-names.ts';
import { callSchemas } from '../../src/receivers/shared/call-schemas.ts';
import { connectionStates } from '../../src/receivers/shared/session-names.ts';
import { processSpanSchema } from '../../src/receivers/shared/process-spans.ts';
import { sessionSpanSchema } from '../../src/receivers/shared/session-spans.ts';
import { sessionSchemas } from '../../src/receivers/shared/session-schemas.ts';
import { execSchema, exitSchema, failedExecSchema, forkSchema } from '../../src/receivers/shared/process-schemas.ts';
import { books, totalName } from '../../src/service/ledger.ts';
import { createCli } from '../commands/fakes.ts';
import { codesOf, pages, read, root, sectionOf, tableOf } from './markdown.ts';

const signals = 'docs/signals.md';
const firstCodes = (text: string, title: string): readonly string[] => tableOf(text, title).rows.flatMap(([cell]) => codesOf(cell!));

const source = globSync('src/**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('metric-descriptions.ts'))
  .map((file) => readFileSync(`${root}${file}`, 'utf8'))
  .join('\n');
const occurring = (pattern: RegExp): readonly string[] =>
  [...new Set(Array.from(source.matchAll(pattern), ([, name]) => name!))].toSorted();

const types: Readonly<Record<AttributeField['type'], string>> = {
  u32: 'int',
  i32: 'int',
  u64: 'int',
  string: 'string',
  decimal: 'string',
  octal: 'string',
  fileName: 'string',
  address: 'string',
  socketName: 'string',
  enum: 'string',
  constant: 'string',
  strings: 'string[]',
  flags: 'string[]',
  bool: 'bool',
};
const attributesOf = (...schemas: readonly EventSchema[]): readonly string[] => [
  ...new Set(schemas.flatMap(({ fields }) => fields.map(({ name, type }) => `${name} ${types[type]}`))),
];
const schemasOfCalls = Map.groupBy(callSchemas('x86_64').values(), ({ eventName: event }) => event);
const attributesByEvent = {
  ...Object.fromEntries(Array.from(schemasOfCalls, ([event, schemas]) => [event, attributesOf(...schemas)])),
  [eventName.processExec]: [...attributesOf(execSchema(true), failedExecSchema), `${attributeName.callerExecutablePath} string`],
  [eventName.processFork]: attributesOf(forkSchema(true)),
  [eventName.processExit]: attributesOf(exitSchema),
  ...Object.fromEntries(Array.from(sessionSchemas.values(), (schema) => [schema.eventName, attributesOf(schema)])),
  [eventName.loss]: attributesOf(lossSchema),
};
const schemasOfSpans = { process: processSpanSchema(true), session: sessionSpanSchema };
/** Of the process on other records, on sessions of the socket. */
const ofSocketsToo: ReadonlySet<string> = new Set([attributeName.cgroupId, attributeName.attribution]);

/** Events that have the same attributes share one. */
const headings = Array.from(sectionOf(signals, '## Events').matchAll(/^### `.*`$/gm), ([heading]) => heading);

describe('docs/signals.md', () => {
  it('has the attributes of the resource', () => {
    expect(firstCodes(sectionOf(signals, '## Resource'), 'attribute')).toEqual(Object.values(resourceName));
  });

  it('has the events', () => {
    expect(headings.flatMap(codesOf).toSorted()).toEqual(Object.values(eventName).toSorted());
  });

  it.each(Object.entries(attributesByEvent))('has the attributes of %s with their types', (event, attributes) => {
    const { rows } = tableOf(
      sectionOf(
        signals,
        headings.find((heading) => codesOf(heading).includes(event))!,
      ),
      'attribute',
    );
    expect(rows.map(([name, type]) => `${codesOf(name!)[0]} ${type}`).toSorted()).toEqual(attributes.toSorted());
  });

  it('has all other attributes as common ones', () => {
    const owned = new Set(
      [...Object.values(attributesByEvent).flat(), ...attributesOf(...Object.values(schemasOfSpans))].map(
        (attribute) => attribute.split(' ')[0],
      ),
    );
    const common = Object.values(attributeName).filter((name) => !owned.has(name) || ofSocketsToo.has(name));
    expect(firstCodes(sectionOf(signals, '### Common attributes'), 'attribute').toSorted()).toEqual(common.toSorted());
  });

  it('has the attributes of the spans of processes with their types', () => {
    const { rows } = tableOf(sectionOf(signals, '### Process'), 'attribute');
    expect(rows.map(([name, type]) => `${codesOf(name!)[0]} ${type}`).toSorted()).toEqual(attributesOf(schemasOfSpans.process).toSorted());
  });

  it('says of spans of sessions what they are', () => {
    const ofEnd = attributesOf(...Array.from(sessionSchemas.values()).filter((schema) => schema.eventName === eventName.sessionEnd));
    expect(attributesOf(schemasOfSpans.session).toSorted()).toEqual(
      ofEnd.filter((attribute) => !attribute.startsWith(attributeName.durationNs)).toSorted(),
    );
    expect(sectionOf(signals, '### Session')).toContain(`without \`${attributeName.durationNs}\``);
  });

  it('has the values of ringtail.attribution', () => {
    const told = firstCodes(sectionOf(signals, '### Common attributes'), '`ringtail.attribution`');
    expect(told.toSorted()).toEqual(attributionSource.toSorted());
  });

  it('has the reasons of ringtail.loss', () => {
    const told = firstCodes(sectionOf(signals, '### `ringtail.loss`'), '`ringtail.reason`');
    expect(told.toSorted()).toEqual(occurring(/(?:\['(?:lost|limited)', |\btell\(|\{ reason: )'([a-z_]+)'(?:\]|, (?:lost|skipped))/g));
  });

  it('has the metrics', () => {
    const text = sectionOf(signals, '## Metrics');
    expect(firstCodes(text, 'metric')).toEqual(Object.values(metricName));
    const points = new Set(Object.values(metricAttributeName) as readonly string[]);
    expect(firstCodes(text, 'attribute').filter((name) => points.has(name))).toEqual([...points]);
  });

  it('has the own metrics', () => {
    const told = firstCodes(sectionOf(signals, '## Own metrics'), 'metric').filter((name) => /^(ringtail|otelcol)_/.test(name));
    expect(told.toSorted()).toEqual(occurring(/'((?:ringtail|otelcol)_[a-z_]+)'/g));
  });

  it('has the books', () => {
    const told = tableOf(sectionOf(signals, '### The books'), 'book').rows.map(([name, equation]) => `${codesOf(name!)[0]}: ${equation}`);
    expect(told).toEqual(books.map(({ book, metric, parts }) => `${metric}: ${totalName(book)} = ${parts.join(' + ')}`));
  });
});

it('the page of the process receiver has the events', () => {
  const { rows } = tableOf(sectionOf('docs/components/process.md', '## Events'), 'EventName');
  const told = rows.map(([event, , attributes]) => `${codesOf(event!).join(' ')}: ${codesOf(attributes!).toSorted().join(' ')}`);
  const row = (event: string, ...attributes: readonly string[]) => `${event}: ${attributes.toSorted().join(' ')}`;
  const namesOf = ({ fields }: EventSchema) => fields.map(({ name }) => name);
  expect(told).toEqual([
    row(eventName.processExec, ...namesOf(execSchema(true)), attributeName.callerExecutablePath),
    row(`${eventName.processExec} ${attributeName.errorType}`, ...namesOf(failedExecSchema)),
    row(eventName.processFork, ...namesOf(forkSchema(true)), 'threads'),
    row(eventName.processExit, ...namesOf(exitSchema)),
    row(eventName.loss, ...namesOf(lossSchema)),
  ]);
});

it('the page of the syscalls receiver has the events and their calls', () => {
  const { rows } = tableOf(sectionOf('docs/components/syscalls.md', '## Events'), 'EventName');
  const told = rows.map(([event, calls]) => `${codesOf(event!).join(' ')}: ${codesOf(calls!).toSorted().join(' ')}`);
  const eventOf = (call: CallName) => kindsOf(new Set([call])).map((kind) => callSchemas('x86_64').get(kind)!.eventName)[0];
  const calls = Map.groupBy(callNameOf.values() as Iterable<CallName>, eventOf);
  calls.delete(undefined); // told by the process receiver
  expect(told.toSorted()).toEqual(
    [...Array.from(calls, ([event, names]) => `${event}: ${names.toSorted().join(' ')}`), `${eventName.loss}: `].toSorted(),
  );
});

it('the page of the sockets receiver has the events, and the name of every state', () => {
  const page = 'docs/components/sockets.md';
  const told = firstCodes(sectionOf(page, '## Events'), 'EventName');
  expect(told).toEqual([...Array.from(sessionSchemas.values(), ({ eventName: event }) => event), eventName.loss]);
  const states = tableOf(sectionOf(signals, '### `ringtail.session.state`'), 'attribute').rows.find(([name]) =>
    name!.includes('connection.state'),
  )!;
  expect(codesOf(states[2]!).toSorted()).toEqual([...connectionStates].toSorted());
});

describe('exit codes', () => {
  const rows = tableOf(sectionOf(signals, '## Exit codes'), 'code').rows;
  const sentence = `Exit codes: ${rows.map(([code, meaning]) => `${code} ${meaning}`).join(', ')}`;

  it('are those of the code', () => {
    expect(rows.map(([code]) => Number(code))).toEqual(Object.values(exitCode).toSorted());
  });

  it('are told the same in the README and by the help', async () => {
    const cli = createCli();
    expect(await cli.run('--help')).toBe(exitCode.done);
    expect(cli.stdout()).toContain(sentence);
    expect(read('README.md')).toContain(sentence);
  });
});

it('the README has the commands, in the order of the help', () => {
  const commands = createProgram({} as never, () => {}).commands.map((command) => command.name());
  const told = firstCodes(read('README.md'), 'command').map((code) => code.split(' ')[1]);
  expect(commands).not.toEqual([]);
  expect(told).toEqual(commands);
});

it('CONTRIBUTING has the scripts of package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
  const told = firstCodes(read('CONTRIBUTING.md'), 'command').map((code) => code.replace(/^npm (run )?/, ''));
  expect(told.toSorted()).toEqual(Object.keys(scripts).toSorted());
});

const names: ReadonlySet<string> = new Set([
  ...Object.values(resourceName),
  ...Object.values(attributeName),
  ...Object.values(eventName),
  // as filters of live events take them
  ...Object.values(eventName).map((name) => name.replace('ringtail.', '')),
  ...Object.values(metricName),
  ...Object.values(metricAttributeName),
  ...occurring(/'((?:ringtail|otelcol)_[a-z_]+)'/g),
  // options of the filter
  'process.drop',
  'process.keep',
]);

/** As they stand on the page for Prometheus. */
const scraped: ReadonlySet<string> = new Set(Object.values(metricName).map((name) => name.replaceAll('.', '_')));
const isScraped = (name: string): boolean =>
  scraped.has(name) || scraped.has(name.replace(/(?:_bytes|_seconds)?(?:_total|_bucket|_sum|_count|_created)?$/, ''));

/** Wrong configurations, and what is said of them, spell names wrong on purpose. */
const withoutWrong = (text: string): string => text.replace(/^```yaml wrong\n[^]*?^```\n\n```text\n[^]*?^```\n/gm, '');

describe.each(pages)('%s', (page) => {
  it('spells no name that the code does not have', () => {
    // As `code` or anywhere else; a name with `*` stands for several.
    const text = withoutWrong(read(page));
    const told = [
      ...Array.from(
        text.matchAll(/`((?:ringtail|process|host|os|error)\.(?!(?:bpf|yaml|schema|md)\b)[a-z_.]+|(?:ringtail|otelcol)_[a-z_]+)(?=[`{])/g),
        ([, name]) => name!,
      ),
      ...Array.from(
        text.matchAll(/(?<![\w./-])((?:ringtail|process)\.(?!(?:bpf|yaml|schema|md)\b)[a-z_]+(?:\.[a-z_]+)*)(?![\w./*-])/g),
        ([, name]) => name!,
      ),
    ];
    // options take names of events without their first part
    const isEvent = (name: string): boolean => page === 'docs/cli.md' && names.has(`ringtail.${name}`);
    expect(told.filter((name) => !names.has(name.replace(/_total$/, '')) && !isScraped(name) && !isEvent(name))).toEqual([]);
  });
});
