import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { defaultConfig } from '../../src/config/default-config.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { loadConfig, requireConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { readConfigSource } from '../../src/config/read-source.ts';
import { ConfigError, messageOf } from '../../src/core/errors.ts';
import { fakeRegistry } from './fakes.ts';

const load = (text: string, environment = {}) => loadConfig([{ file: 'c.yaml', text }], fakeRegistry, environment);

const pipeline = `
service:
  pipelines:
    logs:
      receivers: [process]
      exporters: [otlp_grpc]
`;

describe('a right configuration', () => {
  it('takes every default for what is not written, and for nothing', () => {
    const { config, problems } = load(
      'receivers: {process: }\nexporters:\n  debug:\n    verbosity:\nservice: {telemetry: , pipelines: {logs: {receivers: [process], processors: , exporters: [debug]}}}\nkernel:\n',
    );
    expect(problems).toEqual([]);
    expect(config?.pipelines).toEqual([{ id: 'logs', signal: 'logs', receivers: ['process'], processors: [], exporters: ['debug'] }]);
    expect(config?.exporters.get('debug')?.config).toEqual({ verbosity: 'normal', format: 'text' });
    expect(config?.receivers.get('process')?.config).toEqual({
      events: ['exec', 'fork', 'exit'],
      args: { enabled: true, max_bytes: 32_768 },
      interval: 1000,
      threads: false,
    });
    expect(config?.kernel).toEqual({
      ring_bytes: 8 * 2 ** 20,
      flush_rows: 8192,
      flush_interval: 50,
      rung: 'auto',
      procfs_interval: 1000,
      trace_context: 'auto',
      root_path: '/',
    });
    expect(config?.telemetry).toEqual({ logs: { level: 'info' }, metrics: { level: 'normal' }, traces: { insecure: true }, resource: {} });
  });

  it('knows aliases, warns of them, and goes on with the name of today', () => {
    const text = (exporter: string, named: string) =>
      `receivers: {process: }\nexporters: {${exporter}: {endpoint: 'a:1'}}\nservice: {pipelines: {logs: {receivers: [process], exporters: [${named}]}}}\n`;
    const { config, problems } = load(text('otlp/a', 'otlp/a'));
    expect(problems.map(formatProblem)).toEqual([
      'c.yaml:2:13: warning: exporters.otlp/a: "otlp" is an older name of otlp_grpc; write otlp_grpc',
    ]);
    expect([...config!.exporters.keys()]).toEqual(['otlp_grpc/a']);
    expect(config?.exporters.get('otlp_grpc/a')).toMatchObject({ id: 'otlp_grpc/a', factory: { type: 'otlp_grpc' } });
    expect(config?.pipelines[0]?.exporters).toEqual(['otlp_grpc/a']);
    expect(load(text('otlp', 'otlp_grpc')).config?.pipelines[0]?.exporters).toEqual(['otlp_grpc']);
    expect(load(text('otlp_grpc', 'otlp')).problems.map(formatProblem)).toEqual([
      'c.yaml:3:64: warning: service.pipelines.logs.exporters[0]: "otlp" is an older name of otlp_grpc; write otlp_grpc',
    ]);
  });

  it('expands references by what the option wants', () => {
    const { config, problems } = load(
      `receivers: {process: {threads: "\${env:YES}"}}
exporters:
  otlp_grpc:
    endpoint: http://\${env:HOST}:\${env:PORT}/$$x
    headers: {token: "\${env:DIGITS}", flag: "\${env:YES}", empty: "\${env:EMPTY}", price: $5, short: "\${HOST}", absent: "\${env:NONE:-by default}", blank: "\${env:EMPTY:-set}"}
    queue: {consumers: "\${env:NONE:-7}", bytes: "\${env:SIZE}"}
${pipeline}`,
      { HOST: 'h', PORT: '4317', DIGITS: '0123', YES: 'true', EMPTY: '', SIZE: '1MiB' },
    );
    expect(problems).toEqual([]);
    expect(config?.receivers.get('process')?.config).toMatchObject({ threads: true });
    expect(config?.exporters.get('otlp_grpc')?.config).toMatchObject({
      endpoint: 'http://h:4317/$x',
      headers: { token: '0123', flag: 'true', empty: '', price: '$5', short: 'h', absent: 'by default', blank: 'set' },
      queue: { consumers: 7, bytes: 2 ** 20 },
    });
  });

  it('does not let the value of a variable change the structure, nor expands it again', () => {
    const { config } = load(
      `receivers: {process: }\nexporters: {otlp_grpc: {endpoint: "\${env:EVIL}", headers: {a: "\${env:AGAIN}"}}}\n${pipeline}`,
      {
        EVIL: '[a, {b: c}]',
        AGAIN: '${env:EVIL}',
      },
    );
    expect(config?.exporters.get('otlp_grpc')?.config).toMatchObject({ endpoint: '[a, {b: c}]', headers: { a: '${env:EVIL}' } });
  });

  it('never shows the value of a variable', () => {
    const { problems } = load(
      `receivers: {process: {interval: "\${env:SECRET}"}}\nexporters: {otlp_grpc: {endpoint: x, queue: {consumers: "\${env:SECRET}"}}}\n${pipeline}`,
      { SECRET: 'hunter2' },
    );
    expect(problems).toHaveLength(2);
    expect(problems.map(formatProblem).join('\n')).not.toContain('hunter2');
  });

  it('follows aliases and merge keys; what is written wins', () => {
    const { config, problems } = load(`receivers:
  process: &base
    threads: true
    interval: 2s
  process/2: *base
  process/3: {<<: *base, interval: 3s}
  process/4: {interval: 4s, <<: [*base, {args: {enabled: false}}]}
exporters: {debug: }
service: {pipelines: {logs: {receivers: [process, process/2, process/3, process/4], exporters: [debug]}}}
`);
    expect(problems).toEqual([]);
    expect(Array.from(config!.receivers.values(), ({ config: own }) => own)).toMatchObject([
      { threads: true, interval: 2000 },
      { threads: true, interval: 2000 },
      { threads: true, interval: 3000 },
      { threads: true, interval: 4000, args: { enabled: false } },
    ]);
  });

  it('warns of what no pipeline names, and leaves it out', () => {
    const { config, problems } = load(
      'receivers: {process: , process/2: }\nexporters: {debug: }\nservice: {pipelines: {logs: {receivers: [process], exporters: [debug]}}}\n',
    );
    expect(problems.map(formatProblem)).toEqual([
      'c.yaml:1:24: warning: receivers.process/2: no pipeline names this receiver; it will not be started',
    ]);
    expect([...config!.receivers.keys()]).toEqual(['process']);
  });

  it('reads addresses', () => {
    const address = (text: string) =>
      load(
        `receivers: {process: }\nexporters: {debug: }\nservice: {telemetry: {metrics: {address: "${text}"}}, pipelines: {logs: {receivers: [process], exporters: [debug]}}}`,
      ).config?.telemetry.metrics.address;
    expect(address('127.0.0.1:1')).toEqual({ host: '127.0.0.1', port: 1 });
    expect(address('localhost:65535')).toEqual({ host: 'localhost', port: 65_535 });
    expect(address('[::1]:18888')).toEqual({ host: '::1', port: 18_888 });
    expect(address('localhost:65536')).toBeUndefined();
    expect(address(':18888')).toBeUndefined();
  });
});

describe('bombs', () => {
  it('stops at aliases that stand for too much', () => {
    const level = (name: string, of: string) => `  ${name}: &${name} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`;
    const text = `x:\n${level('a', '1')}${level('b', '*a')}${level('c', '*b')}${level('d', '*c')}${level('e', '*d')}${level('f', '*e')}`;
    // With the aliases themselves b, c and d stand for 90, 900 and 8,190 values; the first entry of e passes the limit.
    expect(load(text).problems.map(formatProblem)).toEqual([
      'c.yaml:6:10: x.e[0]: the aliases stand for more than 10000 values; write them out or nest them less',
    ]);
  });

  it('tells an anchor that contains itself', () => {
    const { problems } = load(
      'receivers:\n  process: &p\n    args: *p\nexporters: {debug: }\nservice: {pipelines: {logs: {receivers: [process], exporters: [debug]}}}\n',
    );
    expect(problems.map(formatProblem)).toEqual(['c.yaml:3:11: receivers.process.args: this alias stands inside its own anchor']);
  });

  it.each<readonly [levels: number, line: string]>([
    [70, 'c.yaml:1:76: receivers[0][0]: nested too deeply; allowed are 64 levels'],
    [500, 'c.yaml:1:140: nested too deeply; allowed are 64 levels'],
  ])('tells nesting of %d levels', (levels, line) => {
    const { problems } = load(`receivers: ${'['.repeat(levels)}${']'.repeat(levels)}\n`);
    expect(problems.map(formatProblem)).toContain(line);
  });

  it('survives nesting that no parser does', () => {
    const { config, problems } = load(`receivers: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`);
    expect(config).toBeUndefined();
    expect(problems.map(({ message }) => message)).toEqual(['nested too deeply; allowed are 64 levels']);
  });
});

describe('requireConfig', () => {
  it('throws all errors at once and passes warnings on', () => {
    const warnings: string[] = [];
    const loaded = load(
      'receivers: {process: , process/2: }\nexporters: {debug: }\nservice: {pipelines: {logs: {receivers: [process], exporters: [debug]}}}\n',
    );
    expect(requireConfig(loaded, 'c.yaml', (line) => warnings.push(line))).toBe(loaded.config);
    expect(warnings).toHaveLength(1);
    const wrong = load('receivers: {a: , b: }\nexporters: {debug: }\n');
    const thrown: unknown[] = [];
    try {
      requireConfig(wrong, 'c.yaml', () => {});
    } catch (error) {
      thrown.push(error);
    }
    expect(thrown).toEqual([expect.any(ConfigError)]);
    expect(thrown[0]).toMatchObject({ message: 'c.yaml has 3 errors', problems: { length: 3 } });
  });
});

describe('files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ringtail-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('reads a file', async () => {
    const file = path.join(folder, 'a.yaml');
    await writeFile(file, 'a: ü\n');
    expect(await readConfigSource(file)).toEqual({ file, path: file, text: 'a: ü\n', folder });
  });

  it('tells which files a configuration was read from, those that it refers to included', async () => {
    const [first, second] = [path.join(folder, 'first.yaml'), path.join(folder, 'second.yaml')];
    await writeFile(first, 'a: ${file:one}\nb: [x, "${file:sub/two} ${file:one}"]\n');
    await writeFile(second, 'a: ${file:/none/three}\n');
    const sources = [await readConfigSource(first), await readConfigSource('yaml:c: ${file:four}'), await readConfigSource(second)];
    const { files } = loadConfig(sources, fakeRegistry, {});
    expect(files).toEqual([first, second, path.join(folder, 'one'), path.join(folder, 'sub/two'), path.resolve('four'), '/none/three']);
  });

  it('says why a file cannot be read', async () => {
    const why = (file: string) => readConfigSource(file).then(() => 'read', messageOf);
    const binary = path.join(folder, 'b.yaml');
    await writeFile(binary, Uint8Array.of(0x61, 0xff, 0xfe));
    expect(await why(path.join(folder, 'none.yaml'))).toMatch(/^cannot read the configuration .*none\.yaml: ENOENT/);
    expect(await why(folder)).toMatch(/: it is a directory$/);
    expect(await why('/dev/zero')).toMatch(/: it is larger than 1048576 bytes$/);
    expect(await why(binary)).toMatch(/b\.yaml: it is not UTF-8 text$/);
    await expect(readConfigSource(binary)).rejects.toBeInstanceOf(ConfigError);
  });

  it('runs without a file by what config/default.yaml shows', async () => {
    expect(await readFile(new URL('../../config/default.yaml', import.meta.url), 'utf8')).toBe(defaultConfig.text);
    const { config, problems } = loadConfig([defaultConfig], createRegistry(components), {});
    expect(problems).toEqual([]);
    expect(config?.pipelines).toEqual([
      {
        id: 'logs',
        signal: 'logs',
        receivers: ['process', 'sockets'],
        processors: ['resolve_container', 'resolve_process', 'resolve_user', 'redact'],
        exporters: ['debug'],
      },
    ]);
  });
});
