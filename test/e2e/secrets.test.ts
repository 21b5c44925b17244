/** Secrets of a configuration stand in nothing that Ringtail writes, shows or answers, whatever goes wrong. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { components } from '../../src/components.ts';
import { badH2Server } from '../exporters/bad-server.ts';
import { deadPort, listening } from '../exporters/loopback.ts';
import { createAuthority } from '../support/certificates.ts';
import { freePorts, projectRoot, temporaryFolder } from './support/places.ts';
import { run, start, until } from './support/processes.ts';
import { parseLog } from './support/ringtail.ts';

/** The sources, with the Node that runs this test: what was built may be older. */
const ringtail = [join(projectRoot, 'src/main.ts')];
const hasZpages = components.some(({ type }) => type === 'zpages');

const canary = (place: string): string => `canary-${place}-8d1f6b`;

/** Everything secret, and where each stands. */
const createSecrets = (folder: string) => {
  const { certFile, keyFile } = createAuthority(folder, 'ours').issue('ringtail');
  const key = readFileSync(keyFile, 'utf8');
  const file = join(folder, 'value');
  const tokenFile = join(folder, 'token');
  writeFileSync(file, canary('file'));
  writeFileSync(tokenFile, `Bearer ${canary('token')}\n`);
  const proxyUser = `user:${canary('proxy')}`;
  return {
    cert: readFileSync(certFile, 'utf8'),
    key,
    file,
    tokenFile,
    proxyUser,
    env: { ...process.env, CANARY: canary('env') },
    words: [
      ...['header', 'env', 'file', 'token', 'proxy'].map(canary),
      Buffer.from(proxyUser).toString('base64'),
      // behind it stands the public key, which is in the certificate too
      key.split('\n')[1]!,
    ],
  };
};

const indent = (text: string): string => text.trim().replaceAll('\n', '\n        ');

/** Says back what it was told, as servers do that want to help. */
const startEcho = async (): Promise<{ readonly http: number; readonly grpc: number }> => {
  const server = createServer((request, response) => {
    const said = `you said ${request.headers.authorization} ${String(request.headers['x-file'])} ${String(request.headers['x-env'])}`;
    request.resume().on('end', () => response.writeHead(400, { 'content-type': 'text/plain' }).end(said));
  });
  const said = { 'grpc-status': '3', 'grpc-message': `you said Bearer ${canary('header')}` };
  const h2 = await badH2Server({ onRequest: (peer, stream) => peer.answer(stream, new Uint8Array(), said) });
  return { http: await listening(server), grpc: h2.port };
};

test('while everything goes wrong: logs, pages, the ledger, print-config', async () => {
  const folder = temporaryFolder();
  const secrets = createSecrets(folder);
  const [metricsPort, zpagesPort] = (await freePorts(2)) as [number, number];
  const echo = await startEcho();
  const dead = await deadPort();
  const refusing = await listening(createServer((_request, response) => response.writeHead(407).end()).on('connect', (_r, socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'))); // prettier-ignore
  const headers = `headers: {authorization: "Bearer ${canary('header')}", x-env: "\${env:CANARY}", x-file: "\${file:${secrets.file}}"}`;
  const quick = 'flush_interval: 10ms\n    timeout: 1s\n    retry_on_failure: {initial_interval: 50ms, max_interval: 1s}';
  const config = join(folder, 'ringtail.yaml');
  const exporters: Readonly<Record<string, string>> = {
    'otlp_http/echo': `endpoint: http://127.0.0.1:${echo.http}\n    ${headers}`,
    'otlp_grpc/echo': `endpoint: http://127.0.0.1:${echo.grpc}\n    ${headers}`,
    'otlp_http/dead': `endpoint: http://127.0.0.1:${dead}\n    ${headers}\n    headers_files: {x-token: ${secrets.tokenFile}}`,
    'otlp_grpc/dead': `endpoint: 127.0.0.1:${dead}\n    headers_files: {authorization: ${secrets.tokenFile}}`,
    'otlp_grpc/tls': `endpoint: https://127.0.0.1:${echo.grpc}\n    ${headers}\n    tls:\n      cert_pem: |\n        ${indent(secrets.cert)}\n      key_pem: |\n        ${indent(secrets.key)}`,
    'otlp_http/proxy': `endpoint: https://gateway.example\n    proxy_url: http://${secrets.proxyUser}@127.0.0.1:${refusing}`,
    'otlp_grpc/proxy': `endpoint: https://gateway.example\n    proxy_url: http://${secrets.proxyUser}@127.0.0.1:${dead}`,
  };
  writeFileSync(
    config,
    `
receivers: {process: }
exporters:
${Object.entries(exporters).map(([id, body]) => `  ${id}:\n    ${quick}\n    ${body}\n`).join('')}
${hasZpages ? `extensions:\n  zpages: {endpoint: "127.0.0.1:${zpagesPort}"}` : ''}
service:
  ${hasZpages ? 'extensions: [zpages]' : ''}
  telemetry: {logs: {level: debug}, metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines:
    logs: {receivers: [process], exporters: [${Object.keys(exporters).join(', ')}]}
`, // prettier-ignore
  );
  const { env } = secrets;
  const running = start(process.execPath, [...ringtail, 'run', '--config', config], { env });
  const warned = (): ReadonlySet<unknown> =>
    new Set(
      parseLog(running.stderr()).flatMap((line) =>
        line['error'] === undefined ? [] : [line['exporter'] ?? line['component'] ?? line['id']],
      ),
    );
  await until(
    async () => {
      if (running.hasEnded()) throw new Error(`it ended\n${running.stderr()}`);
      await run('/bin/sleep', ['0.2']);
      return warned().size >= Object.keys(exporters).length;
    },
    'every exporter to fail',
    { otherwise: running.stderr },
  );
  const page = async (url: string): Promise<string> => await (await fetch(url)).text();
  const shown: Record<string, string> = { metrics: await page(`http://127.0.0.1:${metricsPort}/metrics`) };
  for (const name of hasZpages ? ['pipelinez', 'ledgerz', 'configz'] : [])
    shown[name] = await page(`http://127.0.0.1:${zpagesPort}/debug/${name}`);
  for (const [name, args] of [
    ['ledger', ['ledger', '--address', `127.0.0.1:${metricsPort}`]],
    ['validate', ['validate', '--no-host', '--config', config]],
    ['print-config', ['print-config', '--config', config]],
  ] as const) {
    const { stdout, stderr } = await run(process.execPath, [...ringtail, ...args], { env });
    shown[name] = stdout + stderr;
  }
  running.child.kill('SIGINT');
  await running.ended;
  shown['log'] = running.stdout() + running.stderr();
  expect(shown['print-config']).toContain('authorization: "[REDACTED]"');
  for (const status of ['HTTP status 400', 'gRPC INVALID_ARGUMENT']) expect(shown['log']).toContain(`${status}: you said [REDACTED]`);
  for (const [name, text] of Object.entries(shown)) {
    expect(`${name}: ${text}`.length).toBeGreaterThan(100);
    for (const word of secrets.words) expect(text.includes(word) ? `${name} shows ${word}` : '').toBe('');
  }
});

test.each<[string, (secrets: ReturnType<typeof createSecrets>) => string]>([
  ['another type', () => `otlp_http: {headers: {authorization: [${canary('header')}]}}`],
  ['a line break', () => `otlp_http: {headers: {authorization: "a\\n${canary('header')}"}}`],
  ['a line break from the environment', () => 'otlp_http: {headers: {authorization: "a\\n${env:CANARY}"}}'],
  ['an unknown key', () => `otlp_http: {header: {authorization: ${canary('header')}}}`],
  [
    'a key that is none',
    ({ cert }) => `otlp_http:\n    tls:\n      key_pem: ${canary('header')}\n      cert_pem: |\n        ${indent(cert)}`,
  ],
  ['a key without a certificate', ({ key }) => `otlp_http:\n    tls:\n      key_pem: |\n        ${indent(key)}`],
  ['a proxy that is none', ({ proxyUser }) => `otlp_http: {proxy_url: "socks5://${proxyUser}@x"}`],
  ['a password in the endpoint', ({ proxyUser }) => `otlp_http: {endpoint: "https://${proxyUser}@x"}`],
  ['a file as a number', ({ file }) => `otlp_http: {timeout: "\${file:${file}}"}`],
])('in a configuration with %s', async (_case, exporter) => {
  const folder = temporaryFolder();
  const secrets = createSecrets(folder);
  const config = join(folder, 'ringtail.yaml');
  const pipelines = 'service: {pipelines: {logs: {receivers: [process], exporters: [otlp_http]}}}';
  writeFileSync(config, `receivers: {process: }\nexporters:\n  ${exporter(secrets)}\n${pipelines}\n`);
  for (const command of ['validate', 'run', 'print-config']) {
    const { code, stdout, stderr } = await run(process.execPath, [...ringtail, command, '--config', config], { env: secrets.env });
    expect(`${code} ${stderr}`).toMatch(/^1 .*ringtail\.yaml:\d+:\d+: exporters\.otlp_http/);
    for (const word of secrets.words) expect((stdout + stderr).includes(word) ? `${command} shows ${word}` : '').toBe('');
  }
});

test('when it crashes in the middle of a request', async () => {
  const folder = temporaryFolder();
  const secrets = createSecrets(folder);
  const config = join(folder, 'ringtail.yaml');
  const echo = await startEcho();
  const [metricsPort] = (await freePorts(1)) as [number];
  const crash = join(folder, 'crash.mjs');
  // throws where the headers are being written, out of reach of whoever asked for it
  writeFileSync(
    crash,
    `import http from 'node:http';
const { request } = http;
http.request = (options) => { const made = request(options); process.nextTick(() => { throw new Error('injected', { cause: new Error('deeper') }); }); return made; };`,
  );
  writeFileSync(
    config,
    `
receivers: {process: }
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:${echo.http}
    flush_interval: 10ms
    headers: {authorization: "Bearer ${canary('header')}", x-env: "\${env:CANARY}"}
service:
  telemetry: {logs: {level: debug}, metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines: {logs: {receivers: [process], exporters: [otlp_http]}}
`,
  );
  const running = start(process.execPath, ['--import', crash, ...ringtail, 'run', '--config', config], { env: secrets.env });
  await until(
    async () => {
      await run('/bin/sleep', ['0.2']);
      return running.hasEnded();
    },
    'the crash',
    { otherwise: running.stderr },
  );
  expect((await running.ended).code).toBe(4);
  expect(running.stderr()).toContain('injected');
  for (const word of secrets.words) expect((running.stdout() + running.stderr()).includes(word) ? `it shows ${word}` : '').toBe('');
});
