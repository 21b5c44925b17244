/** A secret of a configuration appears in nothing that Ringtail writes or serves, right or wrong as the configuration may be. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { createWorld } from '../service/fakes.ts';
import { createCli } from './fakes.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CANARY = 'canary7f3a';
const environment = { SECRET: `${CANARY}-env` };
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ringtail-secrets-'));
  writeFileSync(path.join(folder, 'token'), `${CANARY}-file\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

const start = (...argv: string[]) => {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [main, ...argv], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { all: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text.all += String(chunk)));
  return { child, text, closed: once(child, 'close').then(([code]) => code as number | null) };
};
const registry = createRegistry(components);
const run = async (...argv: string[]) => {
  const cli = createCli(createWorld(), undefined, registry, environment);
  return { code: await cli.run(...argv), text: `${cli.stdout()}${cli.stderr()}` };
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const exporters = `exporters:
  otlp_http:
    endpoint: http://127.0.0.1:1
    retry_on_failure: {initial_interval: 10ms, max_interval: 50ms, max_elapsed_time: 200ms}
    headers:
      authorization: Bearer ${CANARY}-inline
      x-env: \${env:SECRET}
      x-file: \${file:token}
    headers_files:
      x-later: ${'token'}
  otlp_grpc:
    endpoint: 127.0.0.1:1
    retry_on_failure: {enabled: false}
    headers: {x-grpc: "${CANARY}-grpc"}
`;
const service = (telemetry: string, extensions = '[]') => `service:
  extensions: ${extensions}
  telemetry: ${telemetry}
  pipelines:
    logs: {receivers: [process], exporters: [otlp_http, otlp_grpc]}
`;

const write = (name: string, text: string): string => {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};

describe('a secret', () => {
  it.each([
    ['print-config'],
    ['validate', '--no-host'],
    ['validate', '--no-host', '--json'],
    ['validate', '--no-host', '--json', '--set', `exporters.otlp_http.headers.more=${CANARY}`],
    ['print-config', '--set', `exporters.otlp_http.headers={a: ${CANARY}}`],
  ])('is not in what is right: %s %s %s %s', async (...argv) => {
    const right = write('right.yaml', `receivers: {process: }\n${exporters}${service('{metrics: {level: none}}')}`);
    const { code, text } = await run(...argv, '--config', right);
    expect(text).not.toContain(CANARY);
    expect([code, text !== '']).toEqual([0, true]);
  });

  it.each([
    ['a value of the wrong type', `headers: {authorization: [${CANARY}]}`],
    ['a value with a line break', `headers: {authorization: "${CANARY}\\n"}`],
    ['a value where a map belongs', `headers: ${CANARY}`],
    ['a value of a list', `headers: [${CANARY}]`],
    ['a key that is none', `tls: {cert_pem: x, key_pem: ${CANARY}}`],
    ['a key from outside that is none', 'tls: {cert_pem: x, key_pem: "${env:SECRET}"}'],
    ['a value from outside in the wrong place', 'timeout: ${env:SECRET}'],
    ['a value from a file in the wrong place', 'compression: ${file:token}'],
    ['a part of a value from outside in the wrong place', 'endpoint: "ftp://${env:SECRET}"'],
    ['a reference that is broken', `headers: {authorization: "${CANARY}\${env:SECRET"}`],
    ['a reference to nothing', `headers: {authorization: "${CANARY}\${env:NOT_SET}"}`],
    ['a value that YAML cannot read', `headers: {authorization: "${CANARY}`],
    ['a proxy', `proxy_url: "socks9://user:${CANARY}@127.0.0.1:1"`],
    ['credentials in an endpoint', `endpoint: "http://user:${CANARY}@127.0.0.1:4318"`],
  ])('is not in what is said of %s', async (_, line) => {
    const file = write(
      'wrong.yaml',
      `receivers: {process: }\nexporters:\n  otlp_http:\n    ${line}\nservice: {pipelines: {logs: {receivers: [process], exporters: [otlp_http]}}}\n`,
    );
    for (const more of [[], ['--json']]) {
      const { code, text } = await run('validate', '--no-host', '--config', file, ...more);
      expect(text).not.toContain(CANARY);
      expect([code, text.includes('wrong.yaml')]).toEqual([1, true]);
    }
  });

  it.each([
    [`exporters.otlp_http.headers.a="${CANARY}`],
    [`exporters.otlp_http.headers=${CANARY}`],
    [`exporters.otlp_http.headers.a b=[${CANARY}]`],
    [`exporters.${CANARY}`],
  ])('is not in what is said of --set %#', async (set) => {
    const right = write('right.yaml', `receivers: {process: }\n${exporters}${service('{metrics: {level: none}}')}`);
    const { code, text } = await run('validate', '--no-host', '--config', right, '--set', set);
    // a key is no secret: without "=" all of it is the key
    expect(text.replaceAll(`exporters.${CANARY}`, '')).not.toContain(CANARY);
    expect(code).not.toBe(0);
  });

  it('is not in the log of a run, its pages and its end', async () => {
    const [metrics, health, pages] = [await freePort(), await freePort(), await freePort()];
    const extensions = `extensions:
  health_check: {endpoint: "127.0.0.1:${health}"}
  zpages: {endpoint: "127.0.0.1:${pages}"}
`;
    const telemetry = `{logs: {level: debug, encoding: json}, metrics: {address: "127.0.0.1:${metrics}"}}`;
    const kernel = 'kernel: {rung: procfs, procfs_interval: 100ms}\n';
    write('run.yaml', `receivers: {process: }\n${exporters}${extensions}${kernel}${service(telemetry, '[health_check, zpages]')}`);
    const { child, closed, text } = start('run', '--config', 'run.yaml');
    const until = async (wanted: string, more: () => void = () => {}) => {
      while (!text.all.includes(wanted)) {
        more();
        const ended = await Promise.race([closed.then(() => true), once(child.stderr!, 'data').then(() => false)]);
        if (ended && !text.all.includes(wanted)) throw new Error(`ended without "${wanted}": ${text.all}`);
      }
    };
    await until('"msg":"ready"');
    // both exporters have something to fail with
    const busy = () => void spawn('sleep', ['0.5'], { stdio: 'ignore' }); // long enough for procfs to see it
    const timer = setInterval(busy, 50);
    await until('127.0.0.1:1');
    clearInterval(timer);
    const served = await Promise.all(
      [
        `${metrics}/metrics`,
        `${health}/`,
        `${health}/health`,
        ...['configz', 'pipelinez', 'ledgerz', 'servicez', 'extensionz'].map((page) => `${pages}/debug/${page}`),
      ].map(async (place) => (await fetch(`http://127.0.0.1:${place}`)).text()),
    );
    for (const page of served) expect(page).not.toContain(CANARY);
    expect(served.join('')).toContain('[REDACTED]');
    child.kill('SIGINT');
    await closed;
    expect(text.all).toContain('stopped');
    expect(text.all).not.toContain(CANARY);
  }, 30_000);
});
