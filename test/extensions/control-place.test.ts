/** Where the control socket is made, and what it does not touch. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { controlExtension } from '../../src/extensions/control/index.ts';
import { askAt, createControl, newFolder, startControl, stopControls } from './control-support.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await stopControls();
});

const listenAt = async (path: string): Promise<Server> => {
  const server = createServer((socket) => socket.on('error', () => {}).end('220 hello\r\n'));
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  servers.push(server);
  return server;
};

/** What is left of one who was killed. */
const leaveSocket = async (path: string): Promise<void> => {
  const server = await listenAt(`${path}-`);
  renameSync(`${path}-`, path);
  await new Promise((resolve) => {
    server.close(resolve);
  });
};

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

describe('the place of the control socket', () => {
  it('is its own, in a folder that is made, with nothing beside it, and is given back', async () => {
    const folder = join(newFolder(), 'a/b');
    const { path, extension } = await startControl({ path: join(folder, 'x.sock') });
    expect([modeOf(path), modeOf(folder), readdirSync(folder)]).toEqual([0o600, 0o755, ['x.sock']]);
    await extension.stop(100);
    expect(readdirSync(folder)).toEqual([]);
    await extension.stop(100);
    expect(readdirSync(join(folder, '..'))).toEqual(['b']);
  });

  it('is in a folder that may be entered, whatever the umask is', async () => {
    const folder = newFolder();
    const before = process.umask(0o077);
    try {
      await startControl({ path: join(folder, 'a/b/x.sock'), group: String(process.getgid!()) });
    } finally {
      process.umask(before);
    }
    expect(['a', 'a/b', 'a/b/x.sock'].map((name) => modeOf(join(folder, name)).toString(8))).toEqual(['755', '755', '660']);
    expect(modeOf(folder)).toBe(0o700);
  });

  it('needs its folder and its group of the host', () => {
    const needsOf = (options: object) => controlExtension.hostNeeds!(controlExtension.config.parse(options) as never);
    expect(needsOf({ group: 'adm' })).toEqual([
      { kind: 'directory', path: '/run/ringtail', create: true, option: ['path'] },
      { kind: 'group', name: 'adm', option: ['group'] },
    ]);
    expect(needsOf({ required: false, group: 'adm' })).toEqual([]);
  });

  it('may be used by a group', async () => {
    const { path } = await startControl({ group: String(process.getgid!()) });
    expect([modeOf(path), statSync(path).gid]).toEqual([0o660, process.getgid!()]);
    await expect(startControl({ group: 'no-such-group' })).rejects.toThrow(
      'extensions.control.group: this host has no group no-such-group',
    );
  });

  it('is at no moment open to others', async () => {
    const folder = newFolder();
    const control = createControl({ path: join(folder, 'x.sock'), group: String(process.getgid!()) });
    const seen = new Set<string>();
    const watch = { isOver: false };
    const start = control.extension.start().finally(() => (watch.isOver = true));
    while (!watch.isOver) {
      for (const name of readdirSync(folder)) {
        const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
        const mode = found === undefined ? 'gone' : (found.mode & 0o7777).toString(8);
        seen.add(`${name === 'x.sock' ? 'socket' : 'hidden'} ${mode}`);
      }
      await turn();
    }
    await start;
    for (const one of seen) expect(['hidden 700', 'hidden gone', 'socket 660', 'socket gone']).toContain(one);
    expect(modeOf(control.path)).toBe(0o660);
    await control.extension.stop(100);
  });

  it('replaces what a Ringtail left that was killed', async () => {
    const path = join(newFolder(), 'x.sock');
    await leaveSocket(path);
    const before = statSync(path).ino;
    await startControl({ path });
    expect(statSync(path).ino).not.toBe(before);
    expect((await askAt(path, '/v1/info')).status).toBe(200);
    expect(readdirSync(join(path, '..'))).toEqual(['x.sock']);
  });

  it('leaves a living one alone', async () => {
    const { path } = await startControl();
    const before = lstatSync(path).ino;
    const second = startControl({ path });
    await expect(second).rejects.toThrow(ConfigError);
    await expect(second).rejects.toThrow(
      `extensions.control.path: cannot listen on ${path}: the Ringtail of pid ${process.pid} listens there`,
    );
    expect(lstatSync(path).ino).toBe(before);
    expect((await askAt(path, '/v1/info')).status).toBe(200);
    const other = join(newFolder(), 'other.sock');
    await listenAt(other);
    await expect(startControl({ path: other })).rejects.toThrow('another program listens there');
    expect(lstatSync(other).isSocket()).toBe(true);
  });

  it('goes on without it where it is not required, and says so', async () => {
    const { path } = await startControl();
    const { extension, world } = await startControl({ path, required: false });
    expect(extension.health!()).toMatchObject({
      status: 'recoverable',
      message: expect.stringMatching(/^there is no control socket: .*the Ringtail of pid \d+ listens there$/),
    });
    expect(world.lines.map(({ message }) => message)).toEqual(['Ringtail runs without its control socket']);
    await extension.stop(100);
    expect((await askAt(path, '/v1/info')).status).toBe(200);
  });

  it.each<[string, (path: string) => void]>([
    ['a file', (path) => writeFileSync(path, 'mine')],
    ['a folder', (path) => mkdirSync(path)],
    ['a link', (path) => symlinkSync('/dev/null', path)],
    ['a link to nothing', (path) => symlinkSync('nothing', path)],
  ])('does not touch %s', async (_what, make) => {
    const path = join(newFolder(), 'x.sock');
    make(path);
    const before = lstatSync(path);
    await expect(startControl({ path })).rejects.toThrow('something else is there');
    expect(lstatSync(path)).toMatchObject({ ino: before.ino, mode: before.mode });
    expect(readdirSync(join(path, '..'))).toEqual(['x.sock']);
  });

  it('is not in a folder that others may write to', async () => {
    const folder = newFolder();
    chmodSync(folder, 0o777);
    await expect(startControl({ path: join(folder, 'a/x.sock') })).rejects.toThrow(`others may write to ${folder}, and could put a socket`);
    chmodSync(folder, 0o1777);
    await expect(startControl({ path: join(folder, 'a/x.sock') })).resolves.toBeDefined();
  });

  it('cannot be in a file, and says so', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    await expect(startControl({ path: join(folder, 'file/x.sock') })).rejects.toThrow(
      /^extensions\.control\.path: cannot listen on .*(?:ENOTDIR|EEXIST)/,
    );
  });

  it('takes away what it made, and nothing else', async () => {
    const { path, extension } = await startControl();
    unlinkSync(path);
    writeFileSync(path, 'another');
    await extension.stop(100);
    expect(readFileSync(path, 'utf8')).toBe('another');
  });

  it('has one of those who start at once', async () => {
    for (let round = 0; round < 10; round++) {
      const path = join(newFolder(), 'x.sock');
      if (round % 2 === 0) await leaveSocket(path);
      const starts = await Promise.allSettled(Array.from({ length: 4 }, () => startControl({ path })));
      const winners = starts.filter(({ status }) => status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const start of starts) expect(start.status === 'fulfilled' ? 'listens there' : String(start.reason)).toContain('listens there');
      expect((await askAt(path, '/v1/info')).status).toBe(200);
      expect(readdirSync(join(path, '..'))).toEqual(['x.sock']);
    }
  });

  it('has a path as long as the kernel allows', async () => {
    const folder = join(newFolder(), 'f'.repeat(40));
    const longest = join(folder, 's'.repeat(107 - folder.length - 1));
    const { path } = await startControl({ path: longest });
    expect((await askAt(path, '/v1/info')).status).toBe(200);
    const problemOf = (wrong: string) => controlExtension.config.safeParse({ path: wrong }).error?.issues[0]?.message;
    expect(problemOf(`${longest}s`)).toBe('too long by 1 bytes; the path of a socket has at most 107');
    expect(problemOf(`/${'f'.repeat(99)}/s`)).toBe('too long by 3 bytes; the path of a socket has at most 107');
    expect(problemOf(`/${'é'.repeat(60)}/x`)).toContain('too long by ');
    expect(problemOf(`/${'f'.repeat(96)}/s`)).toBeUndefined();
    for (const wrong of ['x.sock', '/run/', '/', '', '/proc/x', '/run/x\0y', 'unix:/run/x'])
      expect(problemOf(wrong)).toBe('not an absolute path of a file; write it as in /run/ringtail/control.sock');
  });
});
