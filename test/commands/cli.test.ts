import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { components } from '../../src/components.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { KernelError } from '../../src/core/errors.ts';
import { version } from '../../src/service/version.ts';
import { batchOf, createWorld } from '../service/fakes.ts';
import { createCli, fullProbe } from './fakes.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ringtail-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
const fileOf = async (text: string): Promise<string> => {
  const file = path.join(folder, `${files++}.yaml`);
  await writeFile(file, text);
  return file;
};

const configFor = (telemetry: string) => `receivers: {source: }
processors: {stage: }
exporters: {sink: }
service:
  telemetry: {logs: {encoding: json}, metrics: ${telemetry}}
  pipelines: {logs: {receivers: [source], processors: [stage], exporters: [sink]}}
`;
const quietConfig = configFor('{level: none}');

/** A port that somebody listens on. */
const takenPort = async () => {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
};

describe('help and usage', () => {
  it('prints version and help', async () => {
    const cli = createCli();
    expect(await cli.run('--version')).toBe(0);
    expect(cli.stdout()).toBe(`${version}\n`);
    for (const argv of [['--help'], ['help'], ['run', '--help'], ['help', 'ledger']]) expect(await cli.run(...argv)).toBe(0);
    expect(cli.stdout()).toContain('ringtail run --config config/collector.yaml');
    expect(cli.stdout()).toContain('Exit codes: 0 done, 1 configuration, 2 usage');
    expect(cli.stderr()).toBe('');
  });

  it.each([
    [[], 'Usage: ringtail'],
    [['rum'], "unknown command 'rum'"],
    [['run', '--conf', 'x'], "unknown option '--conf'"],
    [['run', 'x'], 'too many arguments'],
    [['run', '--config'], 'argument missing'],
    [['validate'], 'required option'],
    [['validate', '-c', 'x', '--deny-warning'], '(Did you mean --deny-warnings?)'],
    [['run', '--set', 'kernel.rung'], 'there is no "="; write --set key=value'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['compnents'], '(Did you mean components?)'],
    [['doctor', '--root-path', 'here'], 'not an absolute path'],
    [['record', '--output', 'x', '--root-path', 'here'], 'not an absolute path'],
    [['record', '--output', 'x', '--set', 'kernel.rung=tp'], '--set changes a configuration, and none is given'],
    [['record'], 'required option'],
    [['ledger', '--address', 'here'], '"here" is not an address'],
  ])('%j is wrong usage', async (argv, text) => {
    const cli = createCli();
    expect(await cli.run(...argv)).toBe(2);
    expect(cli.stderr()).toContain(text);
    expect(cli.stdout()).toBe('');
  });
});

describe('ringtail validate', () => {
  it('is content', async () => {
    const cli = createCli();
    const file = await fileOf(quietConfig);
    expect(await cli.run('validate', '--config', file)).toBe(0);
    expect(cli.stdout()).toBe(
      `syntax: passed\ngraph: passed; 1 pipeline, 1 receiver, 1 processor, 1 exporter\nhost: passed\n${file} is valid\n`,
    );
    expect(cli.world.events).toEqual([]);
  });

  it('warns', async () => {
    const cli = createCli();
    const file = await fileOf(quietConfig.replace('{sink: }', '{sink: , sink/unused: }'));
    expect(await cli.run('validate', '--config', file)).toBe(0);
    expect(cli.stderr()).toBe(`${file}:3:21: warning: exporters.sink/unused: no pipeline names this exporter; it will not be started\n`);
    expect(cli.stdout()).toContain('graph: passed; 1 warning; 1 pipeline');
    const strict = createCli();
    expect(await strict.run('validate', '--config', file, '--deny-warnings', '--no-host')).toBe(1);
    expect(strict.stderr()).toContain(`ringtail: ${file} has 1 warning, and --deny-warnings is given\n`);
    expect(strict.stdout()).toContain('host: skipped; --no-host\n');
  });

  it('tells every problem and what to do', async () => {
    const cli = createCli();
    const file = await fileOf(quietConfig.replace('{sink: }', '{snk: }').replace('logs: {encoding', 'lgs: {encoding'));
    expect(await cli.run('validate', '--config', file)).toBe(1);
    expect(cli.stderr().split('\n')).toEqual([
      `${file}:3:13: exporters.snk: unknown exporter "snk"; allowed is sink; did you mean "sink"?`,
      `${file}:5:15: service.telemetry.lgs: unknown key; allowed are logs, metrics, traces and resource; did you mean "logs"?`,
      `ringtail: ${file} has 2 errors; correct the file and check it with "ringtail validate"`,
      '',
    ]);
    expect(cli.stdout()).toBe(
      'syntax: failed; 2 errors\ngraph: skipped; nothing wrong in what can be read of it\nhost: skipped; the configuration is wrong\n',
    );
  });

  it('tells it all to tools', async () => {
    const cli = createCli();
    const file = await fileOf(quietConfig.replace('[sink]', '[snk]'));
    expect(await cli.run('validate', '--config', file, '--json')).toBe(1);
    expect(cli.stderr()).toBe('');
    expect(JSON.parse(cli.stdout())).toEqual({
      valid: false,
      tiers: [
        { tier: 'syntax', result: 'passed', detail: '' },
        { tier: 'graph', result: 'failed', detail: '1 error' },
        { tier: 'host', result: 'skipped', detail: 'the configuration is wrong' },
      ],
      problems: [
        {
          tier: 'graph',
          severity: 'error',
          file,
          line: 6,
          column: 76,
          path: 'service.pipelines.logs.exporters[0]',
          message: 'exporter "snk" is not defined; allowed is sink; did you mean "sink"?',
        },
      ],
    });
  });

  it('tells tools that there is no file', async () => {
    const cli = createCli();
    expect(await cli.run('validate', '--json', '--config', path.join(folder, 'none'))).toBe(1);
    expect(JSON.parse(cli.stdout())).toMatchObject({ valid: false, problems: [{ message: expect.stringContaining('ENOENT') }] });
    expect(cli.stderr()).toBe('');
  });

  it('tells that there is no file', async () => {
    const cli = createCli();
    expect(await cli.run('validate', '--config', path.join(folder, 'none'))).toBe(1);
    expect(cli.stderr()).toMatch(
      /^ringtail: cannot read the configuration .*none: ENOENT.*; give the path of a YAML file with --config\n$/,
    );
  });
});

describe('several sources', () => {
  it('are merged in their order, single values last', async () => {
    const cli = createCli();
    const first = await fileOf(quietConfig);
    const second = await fileOf('processors: {stage: {keep: 5}}\n');
    const sets = ['--set', 'processors.stage.keep=7', '--set', 'kernel.ring_bytes=64KiB', '--root-path', '/host'];
    expect(await cli.run('print-config', '-c', first, '-c', second, ...sets)).toBe(0);
    expect(parse(cli.stdout())).toMatchObject({ processors: { stage: { keep: 7 } }, kernel: { ring_bytes: '64KiB', root_path: '/host' } });
  });

  it('come from the environment and from the command line too', async () => {
    const cli = createCli();
    expect(await cli.run('validate', '--no-host', '-c', `yaml:${quietConfig}`, '--set', 'processors.stage.kep=7')).toBe(1);
    expect(cli.stderr()).toContain(
      '--set processors.stage.kep:1:18: processors.stage.kep: unknown key; allowed are keep and fail; did you mean "keep"?\n',
    );
    const relative = createCli();
    expect(await relative.run('validate', '-c', `yaml:${quietConfig}`, '--root-path', 'a$b: c')).toBe(1);
    expect(relative.stderr()).toContain('--root-path:1:1: kernel.root_path: not an absolute path\n');
    const unset = createCli();
    expect(await unset.run('validate', '-c', 'env:NOT_SET')).toBe(1);
    expect(unset.stderr()).toContain('NOT_SET');
  });
});

describe('ringtail print-config', () => {
  it('prints what loads again to the same, without secrets', async () => {
    const text = `receivers: {process: }
exporters: {otlp_http: {headers: {authorization: 'Bearer canary-\${env:TOKEN}'}}}
service: {pipelines: {logs: {receivers: [process], exporters: [otlp_http]}}}
`;
    const registry = createRegistry(components);
    const cli = createCli(createWorld(), undefined, registry);
    expect(await cli.run('print-config', '--config', await fileOf(text))).toBe(0);
    expect(cli.stdout()).not.toContain('canary');
    expect(parse(cli.stdout())).toMatchObject({ exporters: { otlp_http: { headers: { authorization: '[REDACTED]' }, timeout: '5s' } } });
    const again = createCli(createWorld(), undefined, registry);
    expect(await again.run('print-config', '--config', await fileOf(cli.stdout()))).toBe(0);
    expect(again.stdout()).toBe(cli.stdout());
  });

  it('tells what is wrong like the others', async () => {
    const cli = createCli();
    expect(await cli.run('print-config', '--config', await fileOf('receivers: {source: }\n'))).toBe(1);
    expect(cli.stderr()).toContain('missing; a section "exporters" is needed');
    expect(cli.stdout()).toBe('');
  });
});

it('ringtail schema prints a JSON Schema', async () => {
  const cli = createCli();
  expect(await cli.run('schema')).toBe(0);
  expect(JSON.parse(cli.stdout())).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    required: ['receivers', 'exporters', 'service'],
  });
});

describe('ringtail components', () => {
  it('lists what there is', async () => {
    const cli = createCli();
    expect(await cli.run('components')).toBe(0);
    expect(cli.stdout()).toBe(
      `KIND       TYPE    ALIASES  SIGNALS        STABILITY  WHAT IT DOES
receiver   source  -        logs, metrics  alpha      a subject
processor  stage   -        logs, metrics  alpha      what the test says
exporter   sink    drain    logs, metrics  stable     keeps what comes
`,
    );
  });

  it('lists it for tools', async () => {
    const cli = createCli();
    expect(await cli.run('components', '--json')).toBe(0);
    expect(JSON.parse(cli.stdout())).toContainEqual({
      kind: 'exporter',
      type: 'sink',
      aliases: ['drain'],
      signals: ['logs', 'metrics'],
      stability: 'stable',
      summary: 'keeps what comes',
    });
  });
});

describe('ringtail doctor', () => {
  const [btf, tp, procfs] = fullProbe.checks;
  const withChecks = (...checks: (typeof fullProbe.checks)[number][]) => ({ ...fullProbe, checks });

  it('is content', async () => {
    const cli = createCli();
    expect(await cli.run('doctor')).toBe(0);
    expect(cli.stdout()).toBe(`Linux 6.1.0 on x86_64

CHECK   STATE  WHAT WAS FOUND
btf     works  is there
tp      works  can be attached
procfs  works  readable

Everything works here.
`);
  });

  it('says what is limited and what to do', async () => {
    const cli = createCli(createWorld(), withChecks(btf!, { ...tp!, ok: false, detail: 'ENOENT', advice: 'mount tracefs' }, procfs!));
    expect(await cli.run('doctor')).toBe(0);
    expect(cli.stdout()).toContain('tp      limited  ENOENT\n');
    expect(cli.stdout()).toContain('What to do:\n  tp: mount tracefs\n\nRingtail works here, with less where it says limited (1).\n');
  });

  it('says that only procfs works', async () => {
    const cli = createCli(createWorld(), withChecks({ ...btf!, ok: false, detail: 'no' }, procfs!));
    expect(await cli.run('doctor')).toBe(0);
    expect(cli.stdout()).toContain('btf     missing  no\n');
    expect(cli.stdout()).toContain('Only procfs can be read here');
  });

  it('says that nothing works', async () => {
    const report = withChecks({ ...btf!, ok: false }, { ...procfs!, ok: false });
    const cli = createCli(createWorld(), report);
    expect(await cli.run('doctor')).toBe(3);
    expect(cli.stdout()).toContain('Nothing works here until');
    const json = createCli(createWorld(), report);
    expect(await json.run('doctor', '--json')).toBe(3);
    expect(JSON.parse(json.stdout())).toEqual(report);
  });
});

describe('ringtail run', () => {
  it('runs until a signal and closes the books', async () => {
    const cli = createCli();
    const done = cli.run('run', '--config', await fileOf(`${quietConfig}kernel: {ring_bytes: 64KiB}\n`));
    await cli.says('"ready"');
    cli.world.sources.get('source')!.next(batchOf(5));
    cli.signal('SIGTERM');
    expect(await done).toBe(0);
    expect(cli.log().map(({ msg }) => msg)).toEqual(['ready', 'stopping', 'stopped; the books balance']);
    expect(cli.log()[1]).toMatchObject({ reason: 'SIGTERM' });
    expect(cli.log()[2]).toMatchObject({ read: 5, sent: 5 });
    expect(cli.kernelOptions()).toMatchObject({ config: { ring_bytes: 65_536 }, version });
    expect(cli.handlers()).toBe(0);
    expect(cli.stdout()).toBe('');
  });

  it('stops in order when the reader of the output goes away', async () => {
    const cli = createCli();
    const done = cli.run('run', '--config', await fileOf(quietConfig));
    await cli.says('"ready"');
    cli.closeOutput();
    cli.closeOutput();
    expect(await done).toBe(0);
    expect(cli.world.events.at(-1)).toBe('stop sink');
    expect(cli.log()[1]).toMatchObject({ msg: 'stopping', reason: 'output closed' });
  });

  it('stops at once at the second signal', async () => {
    const world = createWorld();
    world.hooks.set('stop source', () => new Promise(() => {}));
    const cli = createCli(world);
    const done = cli.run('run', '--config', await fileOf(quietConfig));
    await cli.says('"ready"');
    cli.signal('SIGINT');
    await cli.says('"stopping"');
    cli.pass(250);
    cli.signal('SIGINT');
    expect(await done).toBe(4);
    expect(cli.log().at(-1)).toMatchObject({ level: 'warn', msg: 'stopped at once; what was under way is lost' });
  });

  it('stops at once while it starts', async () => {
    const world = createWorld();
    const started = Promise.withResolvers<void>();
    world.hooks.set('start kernel', () => {
      started.resolve();
      return new Promise(() => {});
    });
    const cli = createCli(world);
    const done = cli.run('run', '--config', await fileOf(quietConfig));
    await started.promise;
    cli.signal('SIGINT');
    cli.pass(250);
    cli.signal('SIGTERM');
    expect(await done).toBe(4);
  });

  it('takes a signal that npm forwards for the one that the terminal sent', async () => {
    const cli = createCli();
    const done = cli.run('run', '--config', await fileOf(quietConfig));
    await cli.says('"ready"');
    cli.signal('SIGINT');
    cli.pass(249);
    cli.signal('SIGINT');
    expect(await done).toBe(0);
    expect(cli.log().at(-1)).toMatchObject({ msg: 'stopped; the books balance' });
  });

  it('stops after the start when the signal came before its end', async () => {
    const world = createWorld();
    const cli = createCli(world);
    world.hooks.set('start kernel', () => cli.signal('SIGINT'));
    expect(await cli.run('run', '--config', await fileOf(quietConfig))).toBe(0);
    expect(world.events.at(-1)).toBe('stop sink');
  });

  it.each([
    [
      new KernelError('no BTF', { advice: 'use a newer kernel', cause: new Error('ENOENT') }),
      3,
      'ringtail: no BTF: ENOENT; use a newer kernel\n',
    ],
    [new Error('odd'), 4, 'ringtail: cannot start the receiver source: odd\n'],
  ])('ends with the exit code of what failed: %s', async (error, code, text) => {
    const world = createWorld();
    world.hooks.set('start source', () => {
      throw error;
    });
    const cli = createCli(world);
    expect(await cli.run('run', '--config', await fileOf(quietConfig))).toBe(code);
    expect(cli.stderr()).toBe(text);
    expect(world.events.at(-1)).toBe('stop sink');
  });

  it('tells what it did not expect with its place in the code', async () => {
    const cli = createCli();
    cli.world.hooks.set('create kernel', () => {
      throw new Error('odd');
    });
    expect(await cli.run('run', '--config', await fileOf(quietConfig))).toBe(4);
    expect(cli.stderr()).toMatch(/^ringtail: internal error: odd\nError: odd\n {4}at /);
    expect(cli.handlers()).toBe(0);
  });

  it('runs what is built in when no file is given', async () => {
    const cli = createCli();
    expect(await cli.run('run')).toBe(1);
    expect(cli.stderr()).toContain('(built-in configuration):9:3: receivers.process: unknown receiver "process"');
  });

  it('passes warnings on', async () => {
    const cli = createCli();
    const done = cli.run('run', '--config', await fileOf(quietConfig.replace('{sink: }', '{sink: , sink/unused: }')));
    await cli.says('"ready"');
    cli.signal('SIGINT');
    expect(await done).toBe(0);
    expect(cli.stderr()).toContain('no pipeline names this exporter');
  });

  it('does not take a port that is taken when the configuration names it', async () => {
    const { port, close } = await takenPort();
    const cli = createCli();
    expect(await cli.run('run', '--config', await fileOf(configFor(`{address: "127.0.0.1:${port}"}`)))).toBe(1);
    expect(cli.stderr()).toMatch(
      new RegExp(
        `^\\S+:\\d+:\\d+: service\\.telemetry\\.metrics\\.address: port ${port} is in use by .*\\nringtail: \\S+ has 1 error on this host; .*\\n$`,
      ),
    );
    expect(cli.world.events).toEqual([]);
    close();
  });

  it('goes on without metrics when the port of the default is taken', async () => {
    // Either this server or some other process has the port; both are the case to test.
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    server.once('error', () => resolve());
    server.listen(18_888, '127.0.0.1', resolve);
    await promise;
    const cli = createCli();
    const done = cli.run('run', '--config', await fileOf(configFor('{level: normal}')));
    await cli.says('"ready"');
    cli.signal('SIGINT');
    expect(await done).toBe(0);
    expect(cli.log()[0]).toMatchObject({
      level: 'warn',
      msg: 'running without the metrics page; choose a free address with service.telemetry.metrics.address',
    });
    server.close();
  });
});

describe('ringtail ledger', () => {
  /** Runs an instance with its metrics on a free port, hands the address to `use`, and stops it. */
  const withInstance = async (use: (address: string, cli: ReturnType<typeof createCli>) => Promise<void>) => {
    const cli = createCli();
    const config = configFor('{address: "127.0.0.1:0"}').replace('{encoding: json}', '{encoding: json, level: debug}');
    const done = cli.run('run', '--config', await fileOf(config));
    await cli.says('"ready"');
    const { address } = cli.log().find(({ msg }) => msg === 'metrics are served') as { readonly address: string };
    await use(address, cli);
    cli.signal('SIGINT');
    await done;
  };

  it('prints the books of a running instance', () =>
    withInstance(async (address, { world }) => {
      world.sources.get('source')!.next(batchOf(12));
      const cli = createCli();
      expect(await cli.run('ledger', '--address', address)).toBe(0);
      expect(cli.stdout()).toBe(`PIPELINE  READ  FILTERED  REFUSED  ACCEPTED  DIFFERENCE
logs        12         0        0        12           0
pipeline: read = filtered + refused + accepted: balanced

EXPORTER  ACCEPTED  SENT  REJECTED  FAILED  DROPPED  HELD  DIFFERENCE
sink            12    12         0       0        0     0           0
exporter: accepted = sent + rejected + failed + dropped + held: balanced
`);
      const json = createCli();
      expect(await json.run('ledger', '--address', address, '--json')).toBe(0);
      expect(JSON.parse(json.stdout())).toMatchObject({
        balanced: true,
        rows: [
          { book: 'pipeline', total: 12 },
          { book: 'exporter', total: 12 },
        ],
      });
    }));

  const pages = async (texts: readonly string[], status = 200) => {
    let requests = 0;
    const server = http.createServer((_, response) => {
      response.writeHead(status).end(texts[Math.min(requests++, texts.length - 1)]);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests, close: () => server.close() };
  };
  const page = (seen: number, written: number) =>
    `ringtail_kernel_events_total{receiver="process",event="exec",outcome="seen"} ${seen}\nringtail_kernel_events_total{receiver="process",event="exec",outcome="written"} ${written}\n`;

  it('looks again when something was just under way', async () => {
    const server = await pages([page(2, 1), page(2, 2)]);
    const cli = createCli();
    expect(await cli.run('ledger', '--address', server.address)).toBe(0);
    expect(server.requests()).toBe(2);
    expect(cli.stdout()).toContain('kernel: seen = filtered + limited + aggregated + lost + written: balanced\n');
    server.close();
  });

  it('says when the books do not balance', async () => {
    const server = await pages([page(2, 1)]);
    const cli = createCli();
    expect(await cli.run('ledger', '--address', server.address)).toBe(4);
    expect(cli.stdout()).toBe(`RECEIVER EVENT  SEEN  FILTERED  LIMITED  AGGREGATED  LOST  WRITTEN  DIFFERENCE
process exec       2         0        0           0     0        1           1
kernel: seen = filtered + limited + aggregated + lost + written: NOT balanced in 1 of 1 rows
`);
    server.close();
  });

  it('shows an outcome that no book knows', async () => {
    const server = await pages([`${page(2, 1)}ringtail_kernel_events_total{receiver="process",event="exec",outcome="vanished"} 1\n`]);
    const cli = createCli();
    expect(await cli.run('ledger', '--address', server.address)).toBe(0);
    expect(cli.stdout()).toContain('VANISHED');
    server.close();
  });

  it('says when there is no Ringtail', async () => {
    const nothing = createCli();
    const { port, close } = await takenPort();
    close();
    expect(await nothing.run('ledger', '--address', `127.0.0.1:${port}`)).toBe(4);
    expect(nothing.stderr()).toMatch(
      /^ringtail: cannot read the metrics of 127\.0\.0\.1:\d+: .*ECONNREFUSED.*; is Ringtail running there\?/,
    );
    const other = await pages(['hello']);
    const cli = createCli();
    expect(await cli.run('ledger', '--address', other.address)).toBe(4);
    expect(cli.stderr()).toContain('there are no books on the page of');
    other.close();
    const broken = await pages(['no'], 503);
    const again = createCli();
    expect(await again.run('ledger', '--address', broken.address)).toBe(4);
    expect(again.stderr()).toContain('it answers with status 503');
    broken.close();
    const huge = await pages(['x'.repeat(2 ** 24 + 1)]);
    const third = createCli();
    expect(await third.run('ledger', '--address', huge.address)).toBe(4);
    expect(third.stderr()).toContain('the page is larger than 16777216 bytes');
    huge.close();
  });
});
