/** What `ringtail init` writes fits what is there, and is right. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { askGrpc, askHttp, findCollector, findRuntimes } from '../../src/commands/init/discovery.ts';
import { type Findings, initialText } from '../../src/commands/init/text.ts';
import { components } from '../../src/components.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { createWorld } from '../service/fakes.ts';
import { createCli, fullProbe } from './fakes.ts';

const registry = createRegistry(components);
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringtail-init-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const open: { close(): void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});
const listen = async (server: Server): Promise<number> => {
  open.push(server);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
};

/** Answers an export request of logs over HTTP as a Collector does. */
const httpCollector = (status = 200, type = 'application/x-protobuf') =>
  listen(
    http.createServer((request, response) => {
      const right = request.method === 'POST' && request.url === '/v1/logs' && request.headers['content-type'] === 'application/x-protobuf';
      response.writeHead(right ? status : 400, { 'content-type': type }).end();
    }),
  );

/** The same over gRPC; `early`: in the headers, as for a call that was refused. */
const grpcCollector = (status: string, early = false) => {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    const asked: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => asked.push(chunk));
    stream.on('end', () => {
      const right =
        headers[':path'] === '/opentelemetry.proto.collector.logs.v1.LogsService/Export' && Buffer.concat(asked).equals(Buffer.alloc(5));
      const answer = right ? status : '3';
      if (early) {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': answer }, { endStream: true });
        return;
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': answer }));
      stream.end(Buffer.alloc(5));
    });
  });
  return listen(server);
};

describe('who answers', () => {
  it('tells gRPC from HTTP by asking', async () => {
    const [overHttp, overGrpc, silent] = [await httpCollector(), await grpcCollector('0'), await listen(createServer())];
    expect(await askHttp('127.0.0.1', overHttp)).toBe('logs');
    expect(await askGrpc('127.0.0.1', overGrpc)).toBe('logs');
    expect(await askHttp('127.0.0.1', overGrpc)).toBe('none');
    expect(await askGrpc('127.0.0.1', overHttp)).toBe('none');
    expect(await findCollector('127.0.0.1', { grpcPort: overGrpc, httpPort: overHttp })).toEqual({ http: 'logs', grpc: 'logs' });
    // takes the connection and says nothing
    expect(await findCollector('127.0.0.1', { grpcPort: silent, httpPort: silent })).toEqual({ http: 'none', grpc: 'none' });
  });

  it('does not take a Collector without logs, or another server, for one with logs', async () => {
    expect(await askHttp('127.0.0.1', await httpCollector(404, 'text/plain'))).toBe('other');
    expect(await askHttp('127.0.0.1', await httpCollector(200, 'text/html'))).toBe('none');
    expect(await askGrpc('127.0.0.1', await grpcCollector('12', true))).toBe('other');
    expect(await askHttp('127.0.0.1', await httpCollector(401, 'text/plain'))).toBe('other');
    expect(await askGrpc('127.0.0.1', await grpcCollector('16', true))).toBe('other');
    expect(await askGrpc('127.0.0.1', await grpcCollector('13', true))).toBe('none');
  });

  it('finds container runtimes below a root', () => {
    const root = path.join(folder, 'root');
    mkdirSync(path.join(root, 'run/k3s/containerd'), { recursive: true });
    writeFileSync(path.join(root, 'run/k3s/containerd/containerd.sock'), '');
    mkdirSync(path.join(root, 'var/lib/docker'), { recursive: true });
    expect(findRuntimes(root)).toEqual([
      { name: 'docker', place: '/var/lib/docker' },
      { name: 'containerd', place: '/run/k3s/containerd/containerd.sock' },
    ]);
  });
});

describe('ringtail init', () => {
  const init = async (...argv: string[]) => {
    const cli = createCli(createWorld(), fullProbe, registry);
    return { code: await cli.run('init', ...argv), stdout: cli.stdout(), stderr: cli.stderr() };
  };
  const validates = async (file: string) => {
    const cli = createCli(createWorld(), fullProbe, registry);
    const code = await cli.run('validate', '--no-host', '--deny-warnings', '--config', file);
    return [code, cli.stderr()];
  };

  it('writes what validate has nothing against, and does not write it twice', async () => {
    const file = path.join(folder, 'new.yaml');
    const port = await grpcCollector('0');
    expect(await init('--output', file, '--endpoint', `127.0.0.1:${port}`)).toMatchObject({ code: 0, stderr: '' });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(`  # It takes logs over gRPC.\n  otlp_grpc:\n    endpoint: 127.0.0.1:${port}\n`);
    expect(text).toContain('Linux 6.1.0');
    expect(text).toContain('\n  control:\n    required: false\n');
    expect(text).toContain('\n  extensions: [control]\n');
    expect(text).toContain('"ringtail top"');
    expect(await validates(file)).toEqual([0, '']);
    const again = await init('--output', file, '--endpoint', 'https://collector.example');
    expect(again).toMatchObject({
      code: 2,
      stderr: `ringtail: ${file} is there already; choose another name with --output, or overwrite it with --force\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe(text);
    const forced = await init('--output', file, '--endpoint', 'https://collector.example', '--force');
    expect(forced.stdout).toContain(`wrote ${file}: every process of this host to https://collector.example (otlp_http)\n`);
    expect(readFileSync(file, 'utf8')).toContain('  otlp_http:\n    endpoint: https://collector.example\n');
    expect(await validates(file)).toEqual([0, '']);
    expect(readdirSync(folder).filter((name) => name.startsWith('new.yaml'))).toEqual(['new.yaml']);
  });

  it('does not write through a link that hangs', async () => {
    const link = path.join(folder, 'link.yaml');
    symlinkSync(path.join(folder, 'elsewhere.yaml'), link);
    expect((await init('--output', link, '--endpoint', 'localhost:1')).code).toBe(2);
    expect(() => statSync(path.join(folder, 'elsewhere.yaml'))).toThrow('ENOENT');
  });

  it.each([
    ['https://c.example:4318', 'otlp_http', 'https://c.example:4318'],
    ['https://c.example:4317', 'otlp_grpc', 'https://c.example:4317'],
    ['c.example:4317', 'otlp_grpc', 'c.example:4317'],
  ])('takes %s for %s', async (endpoint, exporter, written) => {
    const { code, stdout } = await init('--output', '-', '--endpoint', endpoint);
    expect(code).toBe(0);
    expect(stdout).toContain(`  ${exporter}:\n    endpoint: ${written}\n`);
    expect(loadConfig([{ file: 'x', text: stdout }], registry, {}).problems).toEqual([]);
  });

  it('asks what an address without a scheme speaks', async () => {
    const port = await httpCollector();
    const { stdout } = await init('--output', '-', '--endpoint', `localhost:${port}`);
    expect(stdout).toContain(`  otlp_http:\n    endpoint: http://localhost:${port}\n`);
  });

  it('says what is wrong', async () => {
    expect(await init('--endpoint', 'a b')).toMatchObject({ code: 2, stderr: expect.stringContaining('"a b" is not an endpoint') });
    expect(await init('--endpoint', 'https://u:p@c.example')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not an endpoint: credentials'),
    });
    expect(await init('--root-path', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('not an absolute path') });
    expect(await init('--output', path.join(folder, 'none/x.yaml'), '--endpoint', 'localhost:1')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('ENOENT'),
    });
  });
});

it('the text is right for whatever is found', () => {
  const words = fc.stringMatching(/^[ -~]{0,30}$/);
  const destination = fc.record({
    exporter: fc.constantFrom('otlp_http' as const, 'otlp_grpc' as const),
    endpoint: fc.constantFrom('http://127.0.0.1:4318', 'http://[::1]:4318', 'https://c.example', 'http://c.example:1'),
    insecure: fc.constant(true),
    why: words,
  });
  const findings: fc.Arbitrary<Findings> = fc.record({
    file: words,
    destination: fc.option(destination, { nil: undefined }),
    refused: fc.boolean(),
    runtimes: fc.array(fc.record({ name: words, place: words }), { maxLength: 3 }),
    kernel: fc.array(words, { maxLength: 3 }),
    rootPath: fc.stringMatching(/^\/[ -~]{0,20}$/),
    implicit: fc.constantFrom([], ['redact']),
    healthCheck: fc.boolean(),
    control: fc.boolean(),
    packets: fc.constant(registry.find('receiver', 'packets') !== undefined),
  });
  fc.assert(
    fc.property(findings, (found) => {
      const text = initialText(found);
      const { config, problems } = loadConfig([{ file: 'x', text }], registry, {});
      expect(problems).toEqual([]);
      expect(config?.kernel.root_path).toBe(found.rootPath);
      // what it offers in comments is right too
      const offered = text
        .replace(
          /^( *)# (debug:|otlp_http:|sockets:|packets:|extensions:|extensions: \[health_check\]|health_check:|metrics:| {2}(?:endpoint|health_check|receivers|exporters):.*)$/gm,
          '$1$2',
        )
        .replace('receivers: [process]', 'receivers: [process, sockets]')
        .replace('extensions: [control]', found.healthCheck ? 'extensions: [control, health_check]' : '$&');
      const whole = loadConfig([{ file: 'x', text: offered }], registry, {});
      expect(whole.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect([...whole.config!.extensions.keys()]).toEqual([
        ...(found.control ? ['control'] : []),
        ...(found.healthCheck ? ['health_check'] : []),
      ]);
      expect([...whole.config!.receivers.keys()]).toEqual(['process', 'sockets', ...(found.packets ? ['packets'] : [])]);
      expect(whole.problems.map(({ path: place }) => place)).toEqual([
        found.destination === undefined ? 'exporters.otlp_http' : 'exporters.debug',
      ]);
    }),
  );
});
