/** TLS with servers that ask for certificates and show good and bad ones; both protocols. */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { type Authority, type Certificate, createAuthority } from '../support/certificates.ts';
import { encodeResponse } from '../support/otlp.ts';
import { listening } from './loopback.ts';
import { imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

let folder = '';
let ours: Authority;
let others: Authority;
let server: Certificate;
let client: Certificate;
const here = ['DNS:localhost', 'IP:127.0.0.1'];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringtail-tls-'));
  ours = createAuthority(folder, 'ours');
  others = createAuthority(folder, 'others');
  server = ours.issue('server', { names: here });
  client = ours.issue('client');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Serving = Certificate & { readonly asksFor?: Authority; readonly maxVersion?: 'TLSv1.2' };

const grpcAnswer = Buffer.concat([Buffer.from([0, 0, 0, 0, encodeResponse().length]), encodeResponse()]);

/** Answers everything with success; tells the serial numbers of the certificates that it saw, one a connection. */
const serve = async (protocol: 'grpc' | 'http', { certFile, keyFile, asksFor, maxVersion }: Serving) => {
  const options = {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ...(asksFor && { ca: readFileSync(asksFor.caFile), requestCert: true, rejectUnauthorized: true }),
    ...(maxVersion && { maxVersion }),
  };
  const running =
    protocol === 'http'
      ? https.createServer(options, (request, response) => void request.resume().on('end', () => response.end()))
      : http2.createSecureServer(options);
  const seen: string[] = [];
  const names: (string | false | null)[] = [];
  running.on('secureConnection', (socket: TLSSocket) => {
    seen.push(socket.getPeerCertificate().serialNumber);
    names.push(socket.servername);
  });
  running.on('tlsClientError', () => {});
  running.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(grpcAnswer);
    });
  });
  return { port: await listening(running as Server), seen, names, server: running };
};

const exporterTo = async (protocol: 'grpc' | 'http', endpoint: string, tls: object, config: object = {}) => {
  const { settings, counters, warnings } = settingsFor(`otlp_${protocol}`);
  const factory = protocol === 'grpc' ? otlpGrpcExporter : otlpHttpExporter;
  const parsed = factory.config.parse({ endpoint, tls, flush_interval: '1ms', retry_on_failure: { enabled: false }, ...config });
  const exporter = factory.create(settings, parsed as never);
  await exporter.start();
  onTestFinished(() => exporter.stop(0));
  return { exporter, counters, warnings, items: () => itemsOf(counters) };
};

/** What becomes of one record, and what is said of it. */
const trySending = async (protocol: 'grpc' | 'http', endpoint: string, tls: object): Promise<string> => {
  const { exporter, counters, warnings, items } = await exporterTo(protocol, endpoint, tls);
  exporter.logs!(textBatch(1));
  await until(() => items()['sent'] === 1 || items()['failed/retry_disabled'] === 1);
  expect(imbalance(counters)).toBe(0);
  return items()['sent'] === 1 ? 'sent' : String(warnings.at(-1)!.fields['error']).replace('gRPC UNAVAILABLE: ', '');
};

describe.each(['grpc', 'http'] as const)('otlp_%s', (protocol) => {
  it('sends to who proves itself', async () => {
    const { port, names } = await serve(protocol, server);
    const ca = { ca_file: ours.caFile };
    expect(await trySending(protocol, `https://localhost:${port}`, ca)).toBe('sent');
    expect(await trySending(protocol, `https://127.0.0.1:${port}`, ca)).toBe('sent');
    expect(await trySending(protocol, `https://localhost:${port}`, { ca_pem: readFileSync(ours.caFile, 'utf8') })).toBe('sent');
    expect(await trySending(protocol, `https://localhost:${port}`, { ...ca, include_system_ca_certs_pool: true })).toBe('sent');
    expect(await trySending(protocol, `https://localhost:${port}`, { insecure_skip_verify: true })).toBe('sent');
    // an address is not asked for
    expect(names.slice(0, 2)).toEqual(['localhost', false]);
  });

  it('says who is not trusted, and by what', async () => {
    const { port } = await serve(protocol, server);
    const endpoint = `https://localhost:${port}`;
    const said = `the certificate of localhost:${port} is not signed by an authority that is trusted, those in`;
    expect(await trySending(protocol, endpoint, { ca_file: others.caFile })).toBe(`${said} tls.ca_file (${others.caFile})`);
    expect(await trySending(protocol, endpoint, {})).toBe(`${said} the system`);
  });

  it('says that a certificate has expired', async () => {
    const { port } = await serve(protocol, ours.issue('late', { names: here, days: -1 }));
    expect(await trySending(protocol, `https://localhost:${port}`, { ca_file: ours.caFile })).toBe(
      `the certificate of localhost:${port} has expired; its owner must renew it`,
    );
  });

  it('says that a certificate is for another name, and takes the one that is set', async () => {
    const { port } = await serve(protocol, ours.issue('elsewhere', { names: ['DNS:elsewhere.example'] }));
    const endpoint = `https://localhost:${port}`;
    expect(await trySending(protocol, endpoint, { ca_file: ours.caFile })).toBe(
      `the certificate of localhost:${port} is not for localhost, but for DNS:elsewhere.example; tls.server_name_override names another`,
    );
    expect(await trySending(protocol, endpoint, { ca_file: ours.caFile, server_name_override: 'elsewhere.example' })).toBe('sent');
  });

  it.each(['TLSv1.2', undefined] as const)('proves itself to who asks (%s)', async (maxVersion) => {
    const { port, seen } = await serve(protocol, { ...server, asksFor: ours, ...(maxVersion && { maxVersion }) });
    const endpoint = `https://localhost:${port}`;
    const ca = { ca_file: ours.caFile };
    expect(await trySending(protocol, endpoint, { ...ca, cert_file: client.certFile, key_file: client.keyFile })).toBe('sent');
    const text = { cert_pem: readFileSync(client.certFile, 'utf8'), key_pem: readFileSync(client.keyFile, 'utf8') };
    expect(await trySending(protocol, endpoint, { ...ca, ...text })).toBe('sent');
    expect(seen).toHaveLength(2);
    expect(await trySending(protocol, endpoint, ca)).toMatch(/certificate of ours.*tls\.cert_file/);
    const stranger = others.issue('stranger');
    expect(await trySending(protocol, endpoint, { ...ca, cert_file: stranger.certFile, key_file: stranger.keyFile })).toMatch(
      /not (?:know the authority of|take) the certificate in tls\.cert_file \(.*stranger.*\)/,
    );
  });

  it('speaks no version that is not wanted', async () => {
    const { port } = await serve(protocol, { ...server, maxVersion: 'TLSv1.2' });
    const endpoint = `https://localhost:${port}`;
    const cipher_suites = ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'];
    expect(await trySending(protocol, endpoint, { ca_file: ours.caFile, cipher_suites })).toBe('sent');
    expect(await trySending(protocol, endpoint, { ca_file: ours.caFile, min_version: 1.3 })).toMatch(/tls\.min_version/);
  });

  it('takes certificates that changed, keeps those that were good, and loses nothing', async () => {
    const { port, seen } = await serve(protocol, { ...server, asksFor: ours });
    const own = { cert: join(folder, `${protocol}-own.pem`), key: join(folder, `${protocol}-own-key.pem`) };
    copyFileSync(client.certFile, own.cert);
    copyFileSync(client.keyFile, own.key);
    const tls = { ca_file: ours.caFile, cert_file: own.cert, key_file: own.key, reload_interval: '1ms' };
    const { exporter, items, warnings } = await exporterTo(protocol, `https://localhost:${port}`, tls);
    let sent = 0;
    const send = async (): Promise<void> => {
      exporter.logs!(textBatch(1));
      sent++;
      await until(() => items()['sent'] === sent);
    };
    await send();
    writeFileSync(own.cert, 'no certificate');
    // read again with some request after the interval
    while (warnings.length === 0) await send();
    expect(warnings[0]).toMatchObject({
      message: 'changed certificates cannot be used; the ones before stay',
      fields: { error: `tls.cert_file (${own.cert}) holds no certificate in PEM` },
    });
    const next = ours.issue('client');
    renameSync(next.keyFile, own.key);
    renameSync(next.certFile, own.cert);
    while (new Set(seen).size < 2) await send();
    await send();
    expect(items()).toEqual({ accepted: sent, sent });
    expect(warnings.every(({ message }) => message === 'changed certificates cannot be used; the ones before stay')).toBe(true);
  });

  it.each<[string, () => object, RegExp]>([
    ['a file that is not there', () => ({ ca_file: '/nonexistent/ca.pem' }), /^tls\.ca_file cannot be read: ENOENT/],
    ['a file without a certificate', () => ({ ca_file: client.keyFile }), /^tls\.ca_file \(.*\) holds no certificate in PEM$/],
    ['the key of another', () => ({ cert_file: client.certFile, key_file: server.keyFile }), /^tls\.key_file \(.*\) is not the key of tls\.cert_file \(.*\)$/],
    ['a key that is none', () => ({ cert_file: client.certFile, key_file: client.certFile }), /^tls\.key_file \(.*\) holds no private key in PEM$/],
  ])('does not start with %s', async (_case, tls, message) => {
    await expect(exporterTo(protocol, 'https://localhost:1', tls())).rejects.toThrow(message);
  }); // prettier-ignore
});

it('says that the own certificate has expired', async () => {
  const late = ours.issue('client', { days: -1 });
  const { warnings } = await exporterTo('http', 'https://localhost:1', { cert_file: late.certFile, key_file: late.keyFile });
  expect(warnings).toMatchObject([{ message: 'the own certificate has expired', fields: { option: `tls.cert_file (${late.certFile})` } }]);
});

it('says that gRPC wants HTTP/2 in TLS', async () => {
  const { port } = await serve('http', server);
  expect(await trySending('grpc', `https://localhost:${port}`, { ca_file: ours.caFile })).toMatch(
    /no HTTP\/2 in TLS.*otlp_http|ALPN|no application protocol/i,
  );
});
