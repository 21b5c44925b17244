/** A secret in the arguments of a real program does not leave Ringtail, without a word of it in the configuration. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run, until } from './support/processes.ts';
import { startRingtail, writeConfig } from './support/ringtail.ts';

/** Takes every request and keeps its bytes. */
const startSink = async () => {
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(Buffer.concat(chunks));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, bytes: () => Buffer.concat(bodies) };
};

test('redaction is on by itself, in every pipeline, and shows what it did', async () => {
  const sink = await startSink();
  const [metricsPort, pagesPort, healthPort] = (await freePorts(3)) as [number, number, number];
  const config = writeConfig(
    temporaryFolder(),
    `
receivers: {process: }
exporters:
  otlp_http: {endpoint: "http://127.0.0.1:${sink.port}", compression: none}
  debug: {format: json}
extensions:
  health_check: {endpoint: "127.0.0.1:${healthPort}"}
  zpages: {endpoint: "127.0.0.1:${pagesPort}"}
service:
  extensions: [health_check, zpages]
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines:
    logs: {receivers: [process], exporters: [otlp_http]}
    logs/shown: {receivers: [process], exporters: [debug]}
`,
  );
  const ringtail = await startRingtail(config);
  const unique = `${process.pid}${Math.random().toString(36).slice(2)}`;
  const canary = `Canary9${unique}`;
  const marker = `marker-${unique}`;
  await run('/bin/true', [`--password=${canary}`, '--token', canary, `postgres://u:${canary}@db/x`, marker]);
  await run('/bin/sh', ['-c', `DB_PASSWORD=${canary} true; false && mysql -p${canary}; exit 0 # ${marker}-script`]);
  await until(
    () => [`${marker}-script`, marker].every((word) => sink.bytes().includes(word) && ringtail.stdout().includes(word)),
    'both commands',
  );

  const health = await fetch(`http://127.0.0.1:${healthPort}/health`);
  expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([200, 'ok']);
  const page = await (await fetch(`http://127.0.0.1:${pagesPort}/debug/pipelinez`)).text();
  expect(page).toMatch(/logs\/shown.*redact/s);
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const counted = (pipeline: string) =>
    Number(new RegExp(`ringtail_redacted_values_total\\{[^}]*pipeline="${pipeline}"[^}]*\\} (\\d+)`).exec(metrics)?.[1]);
  expect(counted('logs')).toBeGreaterThanOrEqual(4);
  expect(counted('logs/shown')).toBe(counted('logs'));
  expect(await ringtail.stop()).toEqual({ code: 0, signal: null });

  expect(sink.bytes().includes(canary)).toBe(false);
  expect(ringtail.stdout() + ringtail.stderr()).not.toContain(canary);
  const args = ringtail
    .stdout()
    .split('\n')
    .filter((line) => line.includes(marker))
    .map((line) => (JSON.parse(line) as { attributes: Record<string, unknown> }).attributes['process.command_args']);
  expect(args).toContainEqual(['/bin/true', '--password=[REDACTED]', '--token', '[REDACTED]', 'postgres://u:[REDACTED]@db/x', marker]);
});
