/** A start that fails for what a configuration names tells where it names it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ringtail-start-'));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (text: string) => {
  const file = join(folder, 'c.yaml');
  writeFileSync(file, text);
  const { status, stderr } = spawnSync(process.execPath, [main, 'run', '--config', file], { encoding: 'utf8', timeout: 30_000 });
  return { status, said: stderr.replaceAll(file, 'c.yaml').split('\n') };
};

/** An OTLP file that holds nothing, so that neither kernel nor privilege is needed. */
const empty = join(folder, 'empty.json');
writeFileSync(empty, '');
const service = 'service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [replay], exporters: [out]}}}\n';

test.each([
  [
    'a certificate that is not there',
    `receivers: {replay: {path: ${empty}, format: otlp_json}}
exporters:
  otlp_http/out:
    endpoint: https://localhost:1
    tls:
      ca_file: /nonexistent/ca.pem
${service.replace('[out]', '[otlp_http/out]')}`,
    /^c\.yaml:6:16: exporters\.otlp_http\/out\.tls\.ca_file: cannot read \/nonexistent\/ca\.pem: it is not there \(ENOENT\)$/,
  ],
  [
    'a folder that is not there',
    `receivers: {replay: {path: ${empty}, format: otlp_json}}
exporters:
  file:
    path: /nonexistent/out.json
${service.replace('[out]', '[file]')}`,
    /^c\.yaml:4:11: exporters\.file\.path: the folder \/nonexistent is not there; make it first$/,
  ],
  [
    'a capture that is not there',
    `receivers:
  replay:
    path: /nonexistent/x.ringtail
exporters: {debug: }
${service.replace('[out]', '[debug]')}`,
    /^c\.yaml:3:11: receivers\.replay\.path: cannot read \/nonexistent\/x\.ringtail: it is not there \(ENOENT\)$/,
  ],
])('%s', (_name, text, wanted) => {
  const { status, said } = run(text);
  expect(said.filter((line) => line.startsWith('c.yaml:'))).toEqual([expect.stringMatching(wanted)]);
  expect(said.at(-2)).toBe('ringtail: c.yaml has 1 error on this host; correct the file and check it with "ringtail validate"');
  expect(status).toBe(1);
});

test('a port of an extension, and not the one of its own that was open already', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const own = (free.address() as AddressInfo).port;
  free.close();
  await once(free, 'close');
  const { status, said } = run(`receivers: {replay: {path: ${empty}, format: otlp_json, at_end: wait}}
exporters: {debug: }
extensions:
  health_check: {endpoint: "127.0.0.1:${port}"}
service:
  extensions: [health_check]
  telemetry: {metrics: {address: "127.0.0.1:${own}"}}
  pipelines: {logs: {receivers: [replay], exporters: [debug]}}
`);
  taken.close();
  const problem = new RegExp(`^c\\.yaml:4:28: extensions\\.health_check\\.endpoint: port ${port} is in use by .*; choose a free one$`);
  expect(said.filter((line) => line.startsWith('c.yaml:'))).toEqual([expect.stringMatching(problem)]);
  expect(status).toBe(1);
});
