/** What holds for every extension with pages. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ExtensionFactory } from '../../src/core/component.ts';
import { ConfigError } from '../../src/core/errors.ts';
import { healthCheckExtension } from '../../src/extensions/health-check/index.ts';
import { pprofExtension } from '../../src/extensions/pprof/index.ts';
import { zpagesExtension } from '../../src/extensions/zpages/index.ts';
import { ask, createWorld, startExtension, stopExtensions, talk } from './support.ts';

const extensions: readonly (readonly [string, ExtensionFactory, string])[] = [
  ['health_check', healthCheckExtension, '/'],
  ['zpages', zpagesExtension, '/debug/servicez'],
  ['pprof', pprofExtension, '/debug/pprof/heap'],
];

afterEach(stopExtensions);

describe.each(extensions)('%s', (id, factory, path) => {
  it('listens on loopback unless it is told otherwise, and says what it needs', () => {
    const config = factory.config.parse({}) as never;
    expect(factory.hostNeeds!(config)).toEqual([expect.objectContaining({ kind: 'port', host: '127.0.0.1', option: ['endpoint'] })]);
    expect(factory.warnings!(config, { pipelines: [], all: [], graph: [] })).toEqual([]);
    const open = factory.config.parse({ endpoint: '0.0.0.0:80' }) as never;
    expect(factory.warnings!(open, { pipelines: [], all: [], graph: [] })).toEqual([expect.objectContaining({ option: ['endpoint'] })]);
    expect(factory.warnings!(factory.config.parse({ endpoint: '[::1]:80' }) as never, { pipelines: [], all: [], graph: [] })).toEqual([]);
    expect(factory.config.safeParse({ endpoint: 'nowhere' }).success).toBe(false);
    expect(factory.config.safeParse({ endpoint: '127.0.0.1:70000' }).success).toBe(false);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])('refuses %s', async (method) => {
    const response = await ask(await startExtension(factory, createWorld()), path, { method });
    expect([response.status, response.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it('answers HEAD without a body', async () => {
    const response = await ask(await startExtension(factory, createWorld()), path, { method: 'HEAD' });
    expect([response.status, response.body]).toEqual([200, '']);
  });

  it('knows only its own paths', async () => {
    const running = await startExtension(factory, createWorld());
    for (const wrong of ['/nothing', '/../etc/passwd', '//', `${path}/x`]) expect((await ask(running, wrong)).status).toBe(404);
  });

  it('is asked by an address, by localhost, or by a name of the configuration', async () => {
    const running = await startExtension(factory, createWorld(), { hosts: ['node-1.example'] });
    const statusFor = async (host: string) => (await ask(running, path, { method: 'HEAD', headers: { host } })).status;
    for (const host of ['127.0.0.1', 'localhost:18000', 'LOCALHOST', '[::1]:80', '10.1.2.3:80', 'node-1.example', 'Node-1.example:8080'])
      expect([host, await statusFor(host)]).toEqual([host, 200]);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'localhost@evil', 'a b'])
      expect([host, await statusFor(host)]).not.toEqual([host, 200]);
    expect(await statusFor('evil.example')).toBe(421);
  });

  it('serves no pages of other sites', async () => {
    const running = await startExtension(factory, createWorld());
    const statusFor = async (headers: Record<string, string>) => (await ask(running, path, { method: 'HEAD', headers })).status;
    expect(await statusFor({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await statusFor({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await statusFor({ origin: 'http://evil.example' })).toBe(403);
    expect(await statusFor({ 'sec-fetch-site': 'none' })).toBe(200);
    expect(await statusFor({ 'sec-fetch-site': 'same-origin', origin: `http://127.0.0.1:${running.port}` })).toBe(200);
    const { headers } = await ask(running, path, { method: 'HEAD' });
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('takes no large requests and no bodies', async () => {
    const running = await startExtension(factory, createWorld());
    expect((await ask(running, path, { headers: { 'content-length': '5' }, body: 'hello' })).status).toBe(413);
    expect((await ask(running, `${path}?${'x'.repeat(4000)}`)).status).toBe(414);
    expect((await ask(running, path, { headers: { 'x-long': 'x'.repeat(10_000) } })).status).toBe(431);
    expect(await talk(running, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(await talk(running, `GET ${path} HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
    expect((await ask(running, path, { method: 'HEAD' })).status).toBe(200);
  });

  it('a port that is taken ends the start with the option to change', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as { port: number };
    const starting = startExtension(factory, createWorld(), { endpoint: `127.0.0.1:${port}` });
    await expect(starting).rejects.toThrow(ConfigError);
    await expect(starting).rejects.toThrow(`extensions.${id}.endpoint: cannot listen on 127.0.0.1:${port}: the address is in use`);
    blocker.close();
  });

  it('gives its port back when it stops, also with connections that idle, and can stop twice and before it starts', async () => {
    const world = createWorld();
    const running = await startExtension(factory, world);
    const idle = talk(running, `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await ask(running, path, { method: 'HEAD' });
    await Promise.all([running.extension.stop(1000), running.extension.stop(1000)]);
    expect(await idle).toMatch(/^HTTP\/1.1 200 |^$/);
    await expect(ask(running, path)).rejects.toThrow('ECONNREFUSED');
    await startExtension(factory, world, { endpoint: `127.0.0.1:${running.port}` });
    const never = factory.create({ id, logger: console } as never, factory.config.parse({}) as never);
    await expect(never.stop(10)).resolves.toBeUndefined();
  });
});
