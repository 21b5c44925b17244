import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { createHandMade } from '../../../src/kernel/containers/hand-made.ts';
import type { StateProblem } from '../../../src/kernel/containers/json-state.ts';
import { readState } from '../../../src/kernel/containers/read-state.ts';
import { createReport } from '../../../src/kernel/containers/report.ts';
import { hasFolder, isFileName, listBelow, readBelow } from '../../../src/kernel/containers/safe-files.ts';
import { createStateFiles } from '../../../src/kernel/containers/state-files.ts';
import type { ContainerRuntime } from '../../../src/kernel/containers/types.ts';
import { containerFolders, createStateRoot, dockerFile, dockerState, type StateRoot } from '../../support/container-state.ts';

const id = 'ab'.repeat(32);
const other = 'cd'.repeat(32);

let disk: StateRoot;
let problems: (readonly [StateProblem, string])[];
let nowMs: number;
beforeEach(() => {
  disk = createStateRoot();
  problems = [];
  nowMs = 0;
});
afterEach(() => disk.dispose());

const read = async (runtime: ContainerRuntime | undefined = 'docker', containerId = id) => {
  const files = createStateFiles({
    root: disk.root,
    folders: containerFolders,
    report: (problem, where) => problems.push([problem, where]),
    wantsLabel: () => true,
    nowMs: () => nowMs,
  });
  return readState(
    files,
    createHandMade(disk.root, () => nowMs),
    { containerId, ...(runtime === undefined ? {} : { runtime }) },
  );
};
const reasons = () => problems.map(([problem]) => problem);
const secret = { ...dockerState(id, 'secret') };

describe('what stands in place of a file', () => {
  it('is read when it is one', async () => {
    disk.write(dockerFile(id), dockerState(id, 'web'));
    expect(await read()).toMatchObject({ runtime: 'docker', name: 'web', imageName: 'nginx', imageTags: ['1.27'] });
    expect(problems).toEqual([]);
  });

  it('may be missing without a word', async () => {
    expect(await read()).toBeUndefined();
    disk.folder('var/lib/docker/containers');
    nowMs = 2_000;
    expect(await read()).toBeUndefined();
    expect(problems).toEqual([]);
  });

  it.each([
    ['half-written', 'not_json', JSON.stringify(secret).slice(0, 40)],
    ['empty', 'not_json', ''],
    ['no JSON', 'not_json', 'ID=1\n'],
    ['no UTF-8', 'not_json', undefined],
    ['a list', 'wrong_type', '[]'],
    ['a text', 'wrong_type', '"x"'],
    ['deep', 'too_deep', `{"Config":${'['.repeat(500_000)}${']'.repeat(500_000)}}`],
  ] as const)('is counted and not used when it is %s', async (_, reason, content) => {
    disk.write(dockerFile(id), content ?? '');
    if (content === undefined) writeFileSync(`${disk.root}/${dockerFile(id)}`, Buffer.from([0x22, 0xff, 0x22]));
    expect(await read()).toBeUndefined();
    expect(reasons()).toEqual([reason]);
  });

  it('is not followed when it is a link, to a file or a folder, out of the folder or within it', async () => {
    disk.write('etc/secret.json', secret);
    disk.link(dockerFile(id), `${disk.root}/etc/secret.json`);
    expect(await read()).toBeUndefined();
    disk.remove(`var/lib/docker/containers/${id}`);
    disk.write(dockerFile(other), secret);
    disk.link(`var/lib/docker/containers/${id}`, other);
    expect(await read()).toBeUndefined();
    disk.remove('var/lib/docker/containers');
    disk.write(`elsewhere/${id}/config.v2.json`, secret);
    disk.link('var/lib/docker/containers', `${disk.root}/elsewhere`);
    expect(await read()).toBeUndefined();
    expect(reasons()).toEqual(['link', 'link', 'link']);
  });

  it('is not opened when it is a pipe, a folder or a device', async () => {
    disk.pipe(dockerFile(id));
    expect(await read()).toBeUndefined();
    disk.remove(dockerFile(id));
    disk.folder(dockerFile(id));
    expect(await read()).toBeUndefined();
    expect(reasons()).toEqual(['not_a_file', 'not_a_file']);
    expect(await readBelow('', '/dev', ['null'], 100)).toEqual({ ok: false, reason: 'not_a_file' });
  });

  it('is not read when it is too large', async () => {
    disk.large(dockerFile(id), 2 ** 30);
    const before = process.memoryUsage().rss;
    expect(await read()).toBeUndefined();
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
    disk.large(dockerFile(id), (1 << 20) + 1);
    expect(await read()).toBeUndefined();
    expect(reasons()).toEqual(['too_large', 'too_large']);
  });

  it('leads nowhere by a name', async () => {
    disk.write('var/lib/lxc/config', 'lxc.uts.name = outside\n');
    for (const name of ['..', '.', '', 'a/../..', `../../${id}`, 'a\0b', 'n'.repeat(300)]) {
      expect(isFileName(name)).toBe(false);
      expect(await read('lxc', name)).toBeUndefined();
      expect(await read('docker', name)).toBeUndefined();
    }
    expect(problems).toEqual([]);
  });
});

describe('the folder of a runtime', () => {
  it('may be reached by links of root, which lead nowhere outside the root of the host', async () => {
    disk.write(`data/docker/containers/${id}/config.v2.json`, dockerState(id, 'moved'));
    disk.link('var/lib/docker', '/data/docker');
    expect(await read()).toMatchObject({ name: 'moved' });
    disk.remove('var/lib/docker');
    disk.link('var/lib/docker', '../../../../../../data/docker');
    expect(await read()).toMatchObject({ name: 'moved' });
    expect(problems).toEqual([]);
  });

  it('is not looked for for ever when links go round', async () => {
    disk.link('var/lib/docker', '/var/lib/podman');
    disk.link('var/lib/podman', '/var/lib/docker');
    expect(await read()).toBeUndefined();
    expect(reasons()).toEqual(['link']);
  });

  it('may be exchanged while it is read: what was opened counts', async () => {
    disk.write('safe/a/file', 'right');
    disk.write('wrong/file', 'wrong');
    const stop = { now: false };
    const exchange = (async () => {
      for (let round = 0; !stop.now; round++) {
        renameSync(`${disk.root}/safe/a`, `${disk.root}/safe/b`);
        disk.link('safe/a', `${disk.root}/wrong`);
        await new Promise(setImmediate);
        disk.remove('safe/a');
        renameSync(`${disk.root}/safe/b`, `${disk.root}/safe/a`);
        await new Promise(setImmediate);
      }
    })();
    const seen = new Set<string>();
    for (let n = 0; n < 300; n++) {
      const result = await readBelow(disk.root, '/safe', ['a', 'file'], 100);
      seen.add(result.ok ? Buffer.from(result.value).toString() : result.reason);
    }
    stop.now = true;
    await exchange;
    expect(seen.has('wrong')).toBe(false);
    expect(seen.has('right')).toBe(true);
  });

  it('may be a file, or not there', async () => {
    disk.write('a', 'x');
    expect(await hasFolder(disk.root, '/a')).toBe(false);
    expect(await hasFolder(disk.root, '/b')).toBe(false);
    mkdirSync(`${disk.root}/c`);
    expect(await hasFolder(disk.root, '/c')).toBe(true);
    expect(await listBelow(disk.root, '/', [], 10)).toEqual({ ok: true, value: expect.arrayContaining(['a', 'c']) });
    expect(await listBelow(disk.root, '/', [], 1)).toMatchObject({ value: { length: 1 } });
  });
});

describe('what stands in a file', () => {
  it('is left out member by member when it is of another type or no text to be told', async () => {
    disk.write(dockerFile(id), {
      Name: 7,
      Config: {
        Image: 'nginx\u001b[2J:1',
        Labels: { good: 'yes', bad: 'a\nb', '\u0007': 'bell', number: 1, 'rtl\u202e': 'x', 'io.kubernetes.pod.name': ['a'] },
      },
    });
    expect(await read()).toEqual({ runtime: 'docker', labels: new Map([['good', 'yes']]) });
    expect(reasons().toSorted()).toEqual(['bad_text', 'bad_text', 'bad_text', 'bad_text', 'wrong_type', 'wrong_type', 'wrong_type']);
  });

  it('has no members that JavaScript has by itself', async () => {
    const text = `{"__proto__": {"Name": "/evil"}, "constructor": 1, "Config": {"Labels": {"__proto__": "p", "constructor": "c", "toString": "t"}}}`;
    disk.write(dockerFile(id), text);
    const state = await read();
    expect(state).toEqual({
      runtime: 'docker',
      labels: new Map([
        ['__proto__', 'p'],
        ['constructor', 'c'],
        ['toString', 't'],
      ]),
    });
    expect(({} as Record<string, unknown>)['Name']).toBeUndefined();
  });

  it('is bounded in labels', async () => {
    const labels = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`label${n}`, 'x'.repeat(1_000)]));
    disk.write(dockerFile(id), dockerState(id, 'web', 'nginx', labels));
    expect((await read())!.labels!.size).toBe(16);
    disk.write(dockerFile(id), dockerState(id, 'web', 'nginx', { long: 'x'.repeat(5_000) }));
    expect((await read())!.labels).toBeUndefined();
    expect(reasons()).toEqual(['bad_text']);
  });

  it('is read of the containers of a storage, whatever else stands there', async () => {
    const index = [1, null, { id: other, names: ['other'] }, { id, names: ['\u001bx'], metadata: '{"image-name"' }];
    disk.write('var/lib/containers/storage/overlay-containers/containers.json', index);
    expect(await read('podman')).toEqual({});
    expect(reasons()).toEqual(['not_json', 'bad_text']);
    disk.write('var/lib/containers/storage/overlay-containers/containers.json', { id });
    problems = [];
    expect(await read('podman')).toBeUndefined();
    expect(reasons()).toEqual(['wrong_type']);
  });
});

it('is counted by reason, and told now and then without anything that a terminal obeys', () => {
  const counters = createCounters();
  const lines: [object, string][] = [];
  const report = createReport(counters, { ...silentLogger, warn: (fields, message) => lines.push([fields, message]) });
  for (let n = 0; n < 5; n++) report('link', `/run/\u001b[31mevil\n/${'x'.repeat(1_000)}`);
  report('denied', '/a');
  expect(lines.map(([fields]) => fields)).toEqual([
    { reason: 'link', where: expect.stringMatching(/^\/run\/\\u001b\[31mevil\\n\/x+$/) },
    { reason: 'denied', where: '/a' },
  ]);
  expect(counters.samples().find(({ labels }) => labels['reason'] === 'link')).toMatchObject({
    name: 'ringtail_container_state_errors',
    value: 5,
  });
});
