import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hostResource } from '../../src/otlp/resource.ts';

const roots: string[] = [];
const rootWith = (files: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(tmpdir(), 'ringtail-root-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
};
afterEach(() => roots.splice(0).forEach((root) => rmSync(root, { recursive: true })));

const id = '0123456789abcdef0123456789abcdef';
const resourceOf = (files: Readonly<Record<string, string>>, options: Parameters<typeof hostResource>[0] = {}) =>
  Object.fromEntries(hostResource({ rootPath: rootWith(files), arch: 'x64', hostName: () => 'from-kernel', ...options }));

describe('hostResource', () => {
  it('tells service, host and system', () => {
    expect(resourceOf({ 'etc/hostname': 'node-7\n', 'etc/machine-id': `${id}\n` })).toEqual({
      'service.name': 'ringtail',
      'host.name': 'node-7',
      'host.id': id,
      'host.arch': 'amd64',
      'os.type': 'linux',
    });
  });

  it.each([
    ['no file', {}, undefined],
    ['an image that never ran', { 'etc/machine-id': 'uninitialized\n' }, undefined],
    ['an empty file and the other one', { 'etc/machine-id': '', 'var/lib/dbus/machine-id': id }, id],
  ])('machine id with %s', (_case, files, wanted) => {
    expect(resourceOf(files as Record<string, string>)['host.id']).toBe(wanted);
  });

  it('falls back to the name that the kernel has', () => {
    expect(resourceOf({})['host.name']).toBe('from-kernel');
    expect(Object.fromEntries(hostResource({ hostName: () => 'live' }))['host.name']).toBe('live');
    expect(resourceOf({}, { hostName: () => '' })).not.toHaveProperty('host.name');
  });

  it.each([
    ['arm64', 'arm64'],
    ['ia32', 'x86'],
    ['riscv64', undefined],
  ])('architecture %s', (arch, wanted) => {
    expect(resourceOf({}, { arch })['host.arch']).toBe(wanted);
  });

  it('takes what the environment configures', () => {
    const env = {
      OTEL_SERVICE_NAME: 'edge',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=a%20b, x = 1%,=no,none',
    };
    expect(resourceOf({}, { env })).toMatchObject({ 'service.name': 'edge', 'deployment.environment.name': 'a b', x: '1%' });
    expect(resourceOf({}, { env: { OTEL_RESOURCE_ATTRIBUTES: 'service.name=other' } })['service.name']).toBe('other');
  });

  it('lets the configuration win', () => {
    const options = { env: { OTEL_SERVICE_NAME: 'edge' }, configured: { 'service.name': 'mine', team: 'x' } };
    expect(resourceOf({}, options)).toMatchObject({ 'service.name': 'mine', team: 'x', 'os.type': 'linux' });
  });
});
