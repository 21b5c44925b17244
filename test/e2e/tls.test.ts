/** TLS to a real Collector that asks for certificates: who gets through, who does not and why, and certificates that change under load. */
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { imbalance, itemsOf, settingsFor, textBatch } from '../exporters/support.ts';
import { createAuthority, type Certificate } from '../support/certificates.ts';
import { needCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { start, until } from './support/processes.ts';

const collectorBinary = needCollector();

type Protocol = 'grpc' | 'http';
const factories = { grpc: otlpGrpcExporter, http: otlpHttpExporter } as const;
const here = ['DNS:localhost', 'IP:127.0.0.1'];

/** An authority, and a Collector with a certificate of it that asks for another. `server` may be replaced; it is read again each second. */
const collectorWith = async (binary: string, days = 30) => {
  const folder = temporaryFolder();
  const ours = createAuthority(folder, 'ours');
  const [grpc, http] = (await freePorts(2)) as [number, number];
  const server = { certFile: join(folder, 'server.pem'), keyFile: join(folder, 'server-key.pem') };
  const issued = ours.issue('collector', { names: here, days });
  copyFileSync(issued.certFile, server.certFile);
  copyFileSync(issued.keyFile, server.keyFile);
  const file = join(folder, 'logs.bin');
  const tls = `{cert_file: ${server.certFile}, key_file: ${server.keyFile}, client_ca_file: ${ours.caFile}, reload_interval: 1s}`;
  const config = join(folder, 'collector.yaml');
  writeFileSync(
    config,
    `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${grpc}", tls: ${tls}}
      http: {endpoint: "127.0.0.1:${http}", tls: ${tls}}
exporters:
  file: {path: ${file}, format: proto}
service:
  telemetry: {metrics: {level: none}, logs: {level: info}}
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
`,
  );
  const running = start(binary, ['--config', config]);
  await until(() => running.stderr().includes('Everything is ready'), 'the Collector to be ready', { otherwise: running.stderr });
  const stop = async (): Promise<void> => {
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  };
  return { folder, ours, server, ports: { grpc, http }, file, stop };
};

const exporterTo = async (protocol: Protocol, endpoint: string, config: object) => {
  const { settings, counters, warnings } = settingsFor(`otlp_${protocol}`);
  const factory = factories[protocol];
  const parsed = factory.config.parse({ endpoint, flush_interval: '1ms', ...config });
  const exporter = factory.create(settings, parsed as never);
  await exporter.start();
  onTestFinished(() => exporter.stop(0));
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

/** What becomes of one record without a second try. */
const trySending = async (protocol: Protocol, endpoint: string, tls: object): Promise<string> => {
  const { exporter, warnings, items } = await exporterTo(protocol, endpoint, { tls, retry_on_failure: { enabled: false } });
  exporter.logs!(textBatch(1));
  const outcomes = ['sent', 'failed/retry_disabled', 'failed/permanent'];
  await until(() => outcomes.some((outcome) => items()[outcome] === 1), 'an outcome');
  return items()['sent'] === 1 ? 'sent' : String(warnings.at(-1)!.fields['error']);
};

const filesOf = ({ certFile, keyFile }: Certificate) => ({ cert_file: certFile, key_file: keyFile });

describe.each(['grpc', 'http'] as const)('otlp_%s to a Collector that asks for a certificate', (protocol) => {
  test('gets through with one, by every compression', async (context) => {
    const { ours, ports, file, stop } = await collectorWith(collectorBinary(context));
    const tls = { ca_file: ours.caFile, ...filesOf(ours.issue('ringtail')) };
    const compressions = [{}, { compression: 'gzip' }, { compression: 'zstd', compression_params: { level: 3 } }];
    for (const [i, compression] of compressions.entries()) {
      const { exporter, counters, items, warnings } = await exporterTo(protocol, `https://localhost:${ports[protocol]}`, {
        tls,
        ...compression,
      });
      exporter.logs!(textBatch(1000, 100, i * 1000));
      await exporter.stop(10_000);
      expect(warnings).toEqual([]);
      expect(items()).toEqual({ accepted: 1000, sent: 1000 });
      expect(imbalance(counters)).toBe(0);
    }
    await stop();
    const seen = new Set<number>();
    expect(await readOtlpFile(file, ({ attributes }) => seen.add(Number.parseInt(String(attributes.get('text')), 10)))).toBe(3000);
    expect(seen.size).toBe(3000);
  });

  test('says what is wrong, and which option or file has to do with it', async (context) => {
    const { folder, ours, ports, stop } = await collectorWith(collectorBinary(context));
    const others = createAuthority(folder, 'others');
    const own = filesOf(ours.issue('ringtail'));
    const stranger = others.issue('stranger');
    const late = ours.issue('late', { days: -1 });
    const address = `localhost:${ports[protocol]}`;
    const ca_file = ours.caFile;
    const cases: readonly (readonly [object, RegExp])[] = [
      [{ ca_file: others.caFile, ...own }, /not signed by an authority that is trusted, those in tls\.ca_file \(.*others\/ca\.pem\)/],
      [own, /not signed by an authority that is trusted, those in the system/],
      [{ ca_file, ...own, server_name_override: 'gateway.example' }, /is not for gateway\.example, but for DNS:localhost.*tls\.server_name_override/],
      [{ ca_file }, /wants? a certificate of ours.*tls\.cert_file/],
      [{ ca_file, ...filesOf(stranger) }, /not (?:know the authority of|take) the certificate in tls\.cert_file \(.*stranger/],
      [{ ca_file, ...filesOf(late) }, /(?:the certificate in tls\.cert_file .* has expired|not take the certificate in tls\.cert_file)/],
    ]; // prettier-ignore
    for (const [tls, message] of cases) {
      const said = await trySending(protocol, `https://${address}`, tls);
      expect(said).toMatch(message);
      expect(said).toContain(address);
    }
    expect(await trySending(protocol, `http://${address}`, {})).toMatch(/TLS|HTTPS/);
    expect(await trySending(protocol, `https://${address}`, { ca_file, ...own })).toBe('sent');
    await stop();
  });

  test('says that the certificate of the Collector has expired', async (context) => {
    const { ours, ports, stop } = await collectorWith(collectorBinary(context), -1);
    const address = `localhost:${ports[protocol]}`;
    const tls = { ca_file: ours.caFile, ...filesOf(ours.issue('ringtail')) };
    expect(await trySending(protocol, `https://${address}`, tls)).toContain(`the certificate of ${address} has expired`);
    await stop();
  });

  test('loses nothing while both sides get other certificates', async (context) => {
    const { folder, ours, server, ports, file, stop } = await collectorWith(collectorBinary(context));
    const own = { certFile: join(folder, 'own.pem'), keyFile: join(folder, 'own-key.pem') };
    const replace = (place: Certificate, by: Certificate): void => {
      // the two files change one after the other, so that for a moment they do not belong together
      renameSync(by.keyFile, place.keyFile);
      renameSync(by.certFile, place.certFile);
    };
    replace(own, ours.issue('ringtail'));
    const { exporter, counters, items, warnings } = await exporterTo(protocol, `https://localhost:${ports[protocol]}`, {
      tls: { ca_file: ours.caFile, ...filesOf(own), reload_interval: '50ms' },
      retry_on_failure: { initial_interval: '50ms', max_interval: '200ms' },
    });
    const rotations = 5;
    const perRotation = 2000;
    let sent = 0;
    for (let rotation = 0; rotation < rotations; rotation++) {
      replace(own, ours.issue('ringtail'));
      replace(server, ours.issue('collector', { names: here }));
      for (let i = 0; i < perRotation; i += 100) {
        exporter.logs!(textBatch(100, 50, sent));
        sent += 100;
        // a request or two are on their way at any time
        await until(() => (items()['held'] ?? 0) < 300, 'the queue to move', { otherwise: () => JSON.stringify(warnings) });
      }
    }
    await exporter.stop(10_000);
    expect(items()).toEqual({ accepted: sent, sent });
    expect(imbalance(counters)).toBe(0);
    await stop();
    const seen = new Set<number>();
    await readOtlpFile(file, ({ attributes }) => seen.add(Number.parseInt(String(attributes.get('text')), 10)));
    expect(seen.size).toBe(rotations * perRotation);
  });
});
