import fc from 'fast-check';
import { of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { AttributeValue, Batch, BatchResource } from '../../../src/core/batch.ts';
import { createCounters } from '../../../src/core/counters.ts';
import type { MetricBatch } from '../../../src/core/metric-batch.ts';
import { createLogWriter } from '../../../src/otlp/log-writer.ts';
import { redactConfig } from '../../../src/processors/redact/config.ts';
import { redactProcessor } from '../../../src/processors/redact/index.ts';
import { resolveProcessProcessor } from '../../../src/processors/resolve-process/index.ts';
import { createLookups, runThrough, settingsOf } from '../harness.ts';
import {
  argsOf, batchesOf, createTestRedactor, expectedOf, plainOf, readCorpus, redactCommands, secretsOf, valuesOf, type Command,
} from './support.ts'; // prettier-ignore

const secret = readCorpus('secret');
const harmless = readCorpus('harmless');

const otlpBytes = (batches: readonly Batch[]): Buffer => {
  const requests: Buffer[] = [];
  const writer = createLogWriter({ resource: [], version: '0', onRequest: ({ bytes }) => void requests.push(Buffer.from(bytes)) });
  for (const batch of batches) writer.append(batch);
  writer.flush();
  return Buffer.concat(requests);
};

describe('the corpus', () => {
  it('is large enough to say something', () => {
    expect(secret.length).toBeGreaterThanOrEqual(110);
    expect(harmless.length).toBeGreaterThanOrEqual(90);
    expect(secret.every((command) => secretsOf(command).length > 0)).toBe(true);
  });

  it.each(secret.map((command) => [command.join(' '), command] as const))('%s', (_name, command) => {
    expect(redactCommands([plainOf(command)])).toEqual([expectedOf(command)]);
  });

  it('leaves no secret in the bytes that are sent', () => {
    const [batch] = batchesOf(secret.map((command) => ({ args: plainOf(command) })));
    const before = otlpBytes([batch]);
    const after = otlpBytes([createTestRedactor().redact(batch).batch]);
    const kept = (bytes: Buffer) =>
      secret.flatMap((command) =>
        secretsOf(command).filter((one) => one.length > 7 && bytes.includes(one) && !expectedOf(command).join(' ').includes(one)),
      );
    expect(kept(before).length).toBeGreaterThan(100);
    expect(kept(after)).toEqual([]);
  });

  it('touches at most one harmless word in a hundred', () => {
    const words = harmless.flat();
    const touched = redactCommands(harmless)
      .flat()
      .filter((word, index) => word !== words[index]);
    expect(touched.length / words.length).toBeLessThanOrEqual(0.01);
  });
});

/** Text that could be a password: no blanks, no quotes, nothing that refers to a value elsewhere. */
const password = fc
  .stringMatching(/^[A-Za-z0-9][A-Za-z0-9!#%^*_+~.-]{8,30}[A-Za-z0-9]$/)
  .filter((text) => /\d/.test(text) && /[A-Za-z]{2}/.test(text) && !/^[%x*.]/.test(text) && !text.includes('.') && !text.includes('%'));
const carriers: readonly ((value: string) => Command)[] = [
  (value) => ['--password', value],
  (value) => [`--password=${value}`],
  (value) => [`--api-key=${value}`],
  (value) => ['--auth-token', value],
  (value) => [`DB_PASSWORD=${value}`],
  (value) => [`postgres://user:${value}@db:5432/app`],
  (value) => ['-H', `Authorization: Bearer ${value}`],
  (value) => [`{"user": "bob", "secret": "${value}"}`],
  (value) => [`Server=db;User Id=sa;Password=${value};Encrypt=true`],
  (value) => [`https://example.com/?access_token=${value}&page=2`],
  (value) => ['sh', '-c', `TOKEN=${value} ./deploy --now && echo done`],
  (value) => ['sh', '-c', `cd /srv; curl -fsSu ci:${value} https://example.com/a | tar x`],
  (value) => ['sh', '-c', `mysql -uroot -p'${value}' app < dump.sql`],
];
const harmlessWord = fc.constantFrom(
  '-v',
  '--verbose',
  '/var/lib/app',
  'run',
  '42',
  'name=value',
  'a,b;c',
  '--level=info',
  'é',
  "it's",
  '"quoted"',
  '',
);

it('finds a secret of any text in any place', () => {
  fc.assert(
    fc.property(
      fc.array(harmlessWord, { maxLength: 5 }),
      fc.constantFrom(...carriers),
      password,
      fc.array(harmlessWord, { maxLength: 5 }),
      (before, carry, value, after) => {
        const command = ['program', ...before, ...carry(value), ...after];
        const [redacted] = redactCommands([command]);
        const expected = ['program', ...before, ...carry('[REDACTED]'), ...after];
        // a word behind an option may belong to it, so only what carries the secret is compared
        expect(redacted!.join('\0')).not.toContain(value);
        expect(redacted!.slice(0, before.length + 1)).toEqual(expected.slice(0, before.length + 1));
        expect(redacted!.length).toBe(expected.length);
      },
    ),
    { numRuns: 500 },
  );
});

it('changes nothing but what it marks, whatever the bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  const piece = fc.oneof(
    bytes,
    fc
      .constantFrom(
        '--password=',
        'token:',
        '://a:',
        '@',
        '"',
        "'",
        ' ',
        ';',
        'Bearer ',
        'eyJ',
        '-----BEGIN RSA PRIVATE KEY-----',
        '=',
        'pass',
        '$(',
        '\\',
      )
      .map((text) => Buffer.from(text)),
  );
  const redactor = createTestRedactor({ replacement: '\u0001' });
  const word = fc.array(piece, { maxLength: 6 }).map((pieces) => Uint8Array.from(Buffer.concat(pieces)).filter((byte) => byte > 1));
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }), (commands) => {
      const [batch] = batchesOf(commands.map((args) => ({ args })));
      const { batch: redacted, values } = redactor.redact(batch);
      let marks = 0;
      commands.forEach((command, row) => {
        command.forEach((original, index) => {
          const id = redacted.columns['args']![row]! + index;
          const { strings } = redacted.frame;
          const start = strings.offsets[id]!;
          const text = Buffer.from(strings.bytes.subarray(start, start + (strings.lengths[id]! & 0x7fff_ffff))).toString('latin1');
          const parts = text.split('\u0001');
          marks += parts.length - 1;
          // what is left stands in the original in the same order
          let at = 0;
          for (const part of parts) {
            at = Buffer.from(original).toString('latin1').indexOf(part, at);
            expect(at).toBeGreaterThanOrEqual(0);
            at += part.length;
          }
        });
      });
      expect(values).toBe(marks);
    }),
    { numRuns: 1000 },
  );
});

describe('a frame', () => {
  const commands = [
    ['ls', '-l'],
    ['mysql', '-phunter2'],
    ['login', '--token=abc1', '--password', 'x y'],
  ];

  it('is copied when something in it must be replaced, and the original stays as it is', () => {
    const [batch, failed] = batchesOf(commands.map((args) => ({ args, file: '/bin/x' })));
    const redactor = createTestRedactor();
    const { batch: redacted, values } = redactor.redact(batch);
    expect(values).toBe(3);
    expect(argsOf(batch)).toEqual(commands);
    expect(redacted.frame.actors).toBe(batch.frame.actors);
    expect(argsOf(redacted)).toEqual([
      ['ls', '-l'],
      ['mysql', '-p[REDACTED]'],
      ['login', '--token=[REDACTED]', '--password', '[REDACTED]'],
    ]);
    // the other batches of the frame go on with the same copy, so that later stages see one frame
    expect(redactor.redact(failed).batch.frame).toBe(redacted.frame);
  });

  it('is passed on as it is when there is nothing to replace', () => {
    const [batch, failed] = batchesOf([{ args: ['ls', '--password-file', '/x'] }]);
    const redactor = createTestRedactor();
    expect(redactor.redact(batch)).toEqual({ batch, values: 0 });
    expect(redactor.redact(batch).batch).toBe(batch);
    expect(redactor.redact(failed).batch).toBe(failed);
  });

  it('is looked through once for all pipelines and batches', () => {
    const [batch] = batchesOf(commands.map((args) => ({ args })));
    const redactor = createTestRedactor();
    const first = redactor.redact(batch);
    const again = redactor.redact({ ...batch, selection: Uint32Array.of(0, 1) });
    expect(again.batch.frame).toBe(first.batch.frame);
    expect(again.values).toBe(1);
    expect(redactor.work.commands).toBe(3);
  });

  it('is looked at closer only where the first look found something, and once for the same command', () => {
    const ordinary = Array.from({ length: 1000 }, (_, i) => [
      'gcc',
      '-O2',
      `-DVERSION=${i}`,
      '-c',
      `src/module-${i}.c`,
      '-o',
      `obj/module-${i}.o`,
    ]);
    const redactor = createTestRedactor();
    redactor.redact(batchesOf(ordinary.map((args) => ({ args })))[0]);
    expect(redactor.work).toEqual({ commands: 1000, closeLooks: 0 });
    const health = { args: ['redis-cli', '-a', 'r3dis', 'PING'] };
    for (let frame = 1; frame <= 3; frame++) {
      const { batch, values } = redactor.redact(batchesOf([health, health], frame)[0]);
      expect(values).toBe(2);
      expect(argsOf(batch)).toEqual([
        ['redis-cli', '-a', '[REDACTED]', 'PING'],
        ['redis-cli', '-a', '[REDACTED]', 'PING'],
      ]);
    }
    expect(redactor.work).toEqual({ commands: 1006, closeLooks: 1 });
  });

  it('gives the same for a command that is remembered, forgotten, or new', () => {
    const redactor = createTestRedactor();
    const plain = secret.map(plainOf);
    const expected = secret.map((command) => expectedOf(command));
    for (let round = 0; round < 3; round++) {
      expect(redactCommands(plain, redactor)).toEqual(expected);
      const closeLooks = redactor.work.closeLooks;
      expect(redactCommands(plain, redactor)).toEqual(expected);
      // those that fall on full places aside
      expect(redactor.work.closeLooks - closeLooks).toBeLessThan(plain.length / 10);
      const others = Array.from({ length: 6000 }, (_, i) => ['app', `--password=${round}-${i}`]);
      expect(redactCommands(others, redactor)).toEqual(others.map(() => ['app', '--password=[REDACTED]']));
    }
  });

  it('of many sizes after each other leaves nothing of the one before', () => {
    const redactor = createTestRedactor();
    for (const size of [1, 3000, 2, 500]) {
      const args = Array.from({ length: size }, (_, i) => ['app', `--password=secret-${size}-${i}`, 'x'.repeat(i % 50)]);
      const { batch } = redactor.redact(
        batchesOf(
          args.map((one) => ({ args: one })),
          size,
        )[0],
      );
      expect(argsOf(batch)).toEqual(args.map(([app, , x]) => [app, '--password=[REDACTED]', x]));
    }
  });
});

it('takes a secret out that was cut off, where the arguments say that they are', () => {
  const args = ['deploy', 'ghp_abc123'];
  const cut = (isCut: boolean) => argsOf(createTestRedactor().redact(batchesOf([{ args, isCut }])[0]).batch)[0];
  expect(cut(true)).toEqual(['deploy', '[REDACTED]']);
  expect(cut(false)).toEqual(args);
  const line = (isCut: boolean, ...words: string[]) =>
    argsOf(createTestRedactor().redact(batchesOf([{ args: words, isCut }])[0]).batch)[0]!.at(-1);
  expect(line(true, 'app', '{"password": "hun')).toBe('{"password": "[REDACTED]');
  expect(line(true, 'app', '-----BEGIN PRIVATE KEY-----\nMIIE')).toBe('-----BEGIN PRIVATE KEY-----[REDACTED]');
});

it('keeps bytes that are no UTF-8 beside what it replaces', () => {
  const args = [
    Buffer.from('app'),
    Buffer.from([0xff, 0xfe, ...Buffer.from('-x --password=é')]),
    Buffer.from([...Buffer.from('TOKEN='), 0x80, 0x81]),
  ];
  const [batch] = batchesOf([{ args }]);
  expect(argsOf(createTestRedactor().redact(batch).batch)).toEqual([['app', '\ufffd\ufffd-x --password=[REDACTED]', 'TOKEN=[REDACTED]']]);
});

describe('options', () => {
  it('args: false leaves arguments alone', () => {
    const command = ['mysql', '-phunter2'];
    expect(redactCommands([command], createTestRedactor({ args: false }))).toEqual([command]);
  });

  it('keys add names in any spelling', () => {
    const redactor = createTestRedactor({ keys: ['session_id'] });
    const commands = [
      ['app', '--session-id', 'abc'],
      ['app', 'SESSION_ID=abc'],
      ['app', '{"sessionId":"abc"}'],
      ['app', '--sessions=3'],
    ];
    expect(redactCommands(commands, redactor)).toEqual([
      ['app', '--session-id', '[REDACTED]'], ['app', 'SESSION_ID=[REDACTED]'], ['app', '{"sessionId":"[REDACTED]"}'], ['app', '--sessions=3'],
    ]); // prettier-ignore
    expect(redactCommands(commands)).toEqual(commands);
  });

  it('patterns take out the first group, or the whole match, of bytes', () => {
    const redactor = createTestRedactor({ patterns: ['badge-\\d{4}', 'pin (\\d+)', 'ü+'] });
    expect(redactCommands([['é', 'badge-1234 badge-12', 'pin 99 pin x', 'aüüb']], redactor)).toEqual([
      ['é', '[REDACTED] badge-12', 'pin [REDACTED] pin x', 'a[REDACTED]b'],
    ]);
  });

  it.each([
    ['a(b', 'missing closing ) at character 1'],
    ['secret-(?=x)', 'invalid or unsupported Perl syntax at character 8; RE2 has no look-ahead and no look-behind'],
    ['(a)\\1', 'invalid escape sequence at character 4; RE2 has no back-references'],
    ['x{5000}', 'invalid repeat count at character 2'],
    ['x*', 'matches the empty text, and so everywhere; it must match something'],
  ])('the pattern %s is refused with the place', (pattern, message) => {
    const { error } = redactConfig.safeParse({ patterns: ['fine', pattern] });
    expect(error?.issues.map((issue) => [issue.path, issue.message])).toEqual([[['patterns', 1], message]]);
  });

  it('attributes are looked through where they stand, and what has the same text elsewhere stays', () => {
    const url = 'https://bob:hunter2@example.com/x';
    const [exec, failed] = batchesOf([
      { args: ['ls'], file: url, comm: url },
      { args: ['ls'], file: '/bin/ls' },
      { args: ['ls'], file: url },
    ]);
    const redactor = createTestRedactor({ attributes: ['ringtail.file.requested'] });
    const { batch, values } = redactor.redact(failed);
    expect(valuesOf(batch, 'ringtail.file.requested')).toEqual([
      'https://bob:[REDACTED]@example.com/x',
      '/bin/ls',
      'https://bob:[REDACTED]@example.com/x',
    ]);
    expect(values).toBe(2);
    expect(valuesOf(batch, 'ringtail.thread.comm')[0]).toBe(url);
    expect(valuesOf(failed, 'ringtail.file.requested')[0]).toBe(url);
    expect(argsOf(redactor.redact(exec).batch)).toEqual([['ls'], ['ls'], ['ls']]);
    expect(valuesOf(createTestRedactor().redact(failed).batch, 'ringtail.file.requested')[0]).toBe(url);
  });

  it('replacement stands where the secret was', () => {
    expect(redactCommands([['mysql', '-phunter2']], createTestRedactor({ replacement: '<gone>' }))).toEqual([['mysql', '-p<gone>']]);
  });
});

type Label = readonly [key: string, value: AttributeValue];

describe('labels of containers', () => {
  const labelled = (...labels: readonly Label[]): BatchResource => ({
    attributes: [['container.id', 'c'], ...labels.map(([key, value]) => [`container.label.${key}`, value] as const), ['host.name', 'password=abc123']],
  }); // prettier-ignore
  const processorOf = (options: object) => {
    const counters = createCounters();
    const settings = { ...settingsOf(createLookups(), 'redact'), counters };
    const processor = redactProcessor.create(settings as never, redactConfig.parse(options) as never);
    return { processor, replaced: () => counters.samples()[0]!.value };
  };
  const valuesIn = ({ attributes }: BatchResource) => attributes.slice(1, -1).map(([, value]) => value);
  const redacted = (options: object, ...labels: readonly Label[]) => {
    const { processor } = processorOf(options);
    const [batch] = runThrough(processor, [{ ...batchesOf([{ args: ['ls'] }])[0], resource: labelled(...labels) }]);
    expect(batch!.resource!.attributes.at(-1)).toEqual(['host.name', 'password=abc123']);
    return valuesIn(batch!.resource!);
  };

  it.each([
    ['com.example.db-password', 'correct horse battery', '[REDACTED]'],
    ['API_TOKEN', 'grün-7f3a', '[REDACTED]'],
    ['auth', 'admin:s3cr3t', 'admin:[REDACTED]'],
    ['com.example.authorization', 'Bearer abc.def', 'Bearer [REDACTED]'],
    ['url', 'postgres://shöp:hunter2@db/shöp', 'postgres://shöp:[REDACTED]@db/shöp'],
    ['command', 'run --password=hunter22 --now', 'run --password=[REDACTED] --now'],
    ['db.password', '/run/secrets/db', '/run/secrets/db'],
    ['pull-secret', 'registry', 'registry'],
    ['com.docker.compose.project', 'shop', 'shop'],
  ])('of %s: %s', (key, value, expected) => expect(redacted({}, [key, value])).toEqual([expected]));

  it('are looked at with further names and patterns, in lists too, and only where it is wanted', () => {
    expect(redacted({ keys: ['badge'], patterns: ['pin=([0-9]+)'] }, ['my-badge', 'x1'], ['badge', 'x2'], ['note', 'é pin=77 pin=78'])).toEqual(
      ['x1', '[REDACTED]', 'é pin=[REDACTED] pin=[REDACTED]'],
    ); // prettier-ignore
    expect(redacted({}, ['tokens', ['a', 'curl https://x:hunter2@h/']])).toEqual([['a', 'curl https://x:[REDACTED]@h/']]);
    expect(redacted({ labels: false }, ['password', 'hunter2'])).toEqual(['hunter2']);
    expect(redacted({ labels: false, attributes: ['container.label.password'] }, ['password', 'hunter2'])).toEqual(['[REDACTED]']);
    expect(redacted({}, ['count', 5])).toEqual([5]);
  });

  it('are redacted wherever the resource stands, once, and are one object then', () => {
    const { processor, replaced } = processorOf({});
    const secretLabels = labelled(['password', 'hunter2']);
    const harmlessLabels = labelled(['tier', 'web']);
    const rowResources = { ids: Uint32Array.of(0, 1), list: [undefined, secretLabels, harmlessLabels] };
    const [plain] = batchesOf([{ args: ['ls'] }, { args: ['mysql', '-phunter2'] }]);
    const [first, second, untouched] = runThrough(processor, [
      { ...plain, rowResources },
      { ...plain, rowResources, resource: secretLabels },
      { ...plain, rowResources: { ids: rowResources.ids, list: [undefined, harmlessLabels] } },
    ]);
    const [none, clean, same] = first!.rowResources!.list;
    expect([none, same]).toEqual([undefined, harmlessLabels]);
    expect(same).toBe(harmlessLabels);
    expect(valuesIn(clean!)).toEqual(['[REDACTED]']);
    expect(first!.resource).toBeUndefined();
    expect(second!.resource).toBe(clean);
    expect(second!.rowResources!.list).toBe(first!.rowResources!.list);
    expect(untouched!.rowResources!.list[1]).toBe(harmlessLabels);
    const growing: (BatchResource | undefined)[] = [undefined, harmlessLabels];
    const [short] = runThrough(processor, [{ ...plain, rowResources: { ids: rowResources.ids, list: growing } }]);
    expect(short!.rowResources!.list).toBe(growing);
    growing.push(secretLabels);
    const [long] = runThrough(processor, [{ ...plain, rowResources: { ids: Uint32Array.of(2, 1), list: growing } }]);
    expect(long!.rowResources!.list).toEqual([undefined, harmlessLabels, clean]);
    const point = { attributes: [], startUnixNs: 0n, timeUnixNs: 1n, value: 1n };
    const metric = { name: 'a', description: '', unit: '', type: 'gauge' as const };
    const out: MetricBatch[] = [];
    const batchOf = (...resources: readonly (BatchResource | undefined)[]): MetricBatch => ({
      receiver: 'r',
      resource: undefined,
      metrics: [{ ...metric, points: resources.map((resource) => ({ ...point, resource })) }],
    });
    const whole = batchOf(undefined, harmlessLabels);
    processor.metrics!(of(batchOf(undefined, secretLabels, harmlessLabels), whole)).subscribe((one) => void out.push(one));
    expect(out[0]!.metrics[0]!.points.map(({ resource }) => resource)).toEqual([undefined, clean, harmlessLabels]);
    expect(out[1]).toBe(whole);
    // five times the argument, once the label
    expect(replaced()).toBe(6);
  });
});

describe('the processor', () => {
  it('is in every pipeline by itself, counts, and leaves the actors to those behind it', () => {
    expect(redactProcessor.implicit).toBe(true);
    const kernel = createLookups();
    const counters = createCounters();
    const processor = redactProcessor.create(
      { ...settingsOf(kernel, 'redact'), pipeline: 'logs/a', counters } as never,
      redactConfig.parse({}) as never,
    );
    const [batch] = batchesOf([{ args: ['mysql', '-phunter2'] }, { args: ['ls'] }]);
    const [redacted] = runThrough(processor, [batch]);
    expect(argsOf(redacted!)).toEqual([['mysql', '-p[REDACTED]'], ['ls']]);
    expect(counters.samples()).toEqual([
      { name: 'ringtail_redacted_values', labels: { processor: 'redact', pipeline: 'logs/a' }, kind: 'counter', value: 1 },
    ]);
    // what is known about the actors of a frame is not looked up again for the copy
    expect(kernel.processes.resolve(redacted!.frame)).toBe(kernel.processes.resolve(batch.frame));
    const resolve = resolveProcessProcessor.create(settingsOf(kernel, 'resolve_process') as never, { ancestors: 0 } as never);
    const [resolved] = runThrough(resolve, [redacted!]);
    expect(argsOf(resolved!)).toEqual(argsOf(redacted!));
  });

  it('emits within the next of its source, one batch for one', () => {
    const processor = redactProcessor.create(settingsOf(createLookups(), 'redact') as never, redactConfig.parse({}) as never);
    const source$ = new Subject<Batch>();
    let seen = 0;
    processor.logs!(source$).subscribe(() => void seen++);
    const [batch] = batchesOf([{ args: ['ls'] }]);
    source$.next(batch);
    expect(seen).toBe(1);
  });
});

it.each([
  ['one name after another', 'password='.repeat(20_000)],
  ['names that stand for nothing', 'token: a '.repeat(20_000)],
  ['signs of mail', '@'.repeat(100_000)],
  ['users without a host', 'a:@'.repeat(50_000)],
  ['URLs', 'http://a:b@'.repeat(20_000)],
  ['tokens without an end', 'eyJ-'.repeat(40_000)],
  ['keys that begin and do not go on', '-----BEGIN PRIVATE KEY-----'.repeat(5_000)],
  ['quotes that are never closed', `"'`.repeat(50_000)],
  ['quotes within quotes', 'sh -c "'.repeat(20_000)],
  ['escapes', '\\"password\\": \\"'.repeat(10_000)],
  ['statements', "identified by ' login a password ".repeat(5_000)],
  ['keywords', 'passpwdsecrettoken'.repeat(10_000)],
  ['blanks', `password${' '.repeat(100_000)}=`],
  ['cookies', 'Cookie: a=b;'.repeat(10_000)],
  ['separators', 'echo a | sudo ; '.repeat(10_000)],
])('%s: long hostile text ends', (_name, text) => {
  expect(redactCommands([['app', text, '--password', 'x1']])[0]!.at(-1)).toBe('[REDACTED]');
});
