import { open as openFile, type FileHandle } from 'node:fs/promises';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileConfig } from '../../src/exporters/file/config.ts';
import { fileExporter } from '../../src/exporters/file/index.ts';
import { backupTime, deleteOld, putAside } from '../../src/exporters/file/rotation.ts';
import { openFileTransport } from '../../src/exporters/file/transport.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { logsFromJson } from '../../src/otlp/from-json.ts';
import { logsToJson } from '../../src/otlp/to-json.ts';
import { decodeRequest } from '../support/otlp.ts';
import { imbalance, itemsOf, settingsFor, textBatch, until } from './support.ts';

/** More than it takes until the exporter looks whether its file is still there. */
const NOTICED_MS = 150;

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** An exporter that runs, with options as YAML would have them. */
const start = async (path: string, options: object = {}) => {
  const { settings, counters, warnings } = settingsFor('file');
  const exporter = fileExporter.create(settings, fileConfig.parse({ path, flush_interval: '1ms', ...options }) as never);
  await exporter.start();
  return { exporter, counters, warnings };
};

const request = (text: string): Buffer =>
  logsFromJson(
    JSON.stringify({
      resourceLogs: [
        { scopeLogs: [{ scope: {}, logRecords: [{ eventName: text, timeUnixNano: 1, observedTimeUnixNano: 1 }] }], resource: {} },
      ],
    }),
  );

/** Requests in a file of length-prefixed messages. */
const framesIn = (bytes: Buffer): Buffer[] => {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    expect(end).toBeLessThanOrEqual(bytes.length);
    frames.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return frames;
};
const linesIn = (bytes: Buffer): Buffer[] => {
  expect(bytes.at(-1)).toBe(0x0a);
  return bytes.toString().slice(0, -1).split('\n').map((line) => Buffer.from(line)); // prettier-ignore
};
const fromJson = (bytes: Buffer) => logsFromJson(bytes.toString());

describe('the file exporter', () => {
  it.each([
    ['json', 'none', (bytes: Buffer) => linesIn(bytes).map(fromJson)],
    ['proto', 'none', framesIn],
    ['json', 'zstd', (bytes: Buffer) => framesIn(bytes).map((frame) => fromJson(zstdDecompressSync(frame)))],
    ['proto', 'gzip', (bytes: Buffer) => framesIn(bytes).map((frame) => gunzipSync(frame))],
  ])('writes %s with %s, all of it in order, for its owner alone', async (format, compression, read) => {
    const path = join(temporary(), 'a/b/events');
    const { exporter, counters } = await start(path, { format, compression, create_directory: true, fsync: true });
    for (let i = 0; i < 5; i++) {
      exporter.logs!(textBatch(100, 10, i * 100));
      await until(() => itemsOf(counters)['sent'] === (i + 1) * 100);
    }
    await exporter.stop(1_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const records = read(readFileSync(path)).flatMap((bytes) => decodeRequest(bytes).records);
    const number = (text: unknown): number => Number(String(text).split(' ')[0]);
    expect(records.map(({ attributes }) => number(new Map(attributes).get('text')))).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(imbalance(counters)).toBe(0);
  });

  it('goes on behind what is there, or not, as it is told', async () => {
    const path = join(temporary(), 'events');
    const sizes: number[] = [];
    for (const append of [true, true, false]) {
      const { exporter } = await start(path, { append });
      exporter.logs!(textBatch(10));
      await exporter.stop(1_000);
      sizes.push(statSync(path).size);
    }
    expect(sizes).toEqual([sizes[0], 2 * sizes[0]!, sizes[0]]);
  });

  it('shares the file with its successor of a reload: whole requests in turn, and nothing begins anew meanwhile', async () => {
    const path = join(temporary(), 'events');
    const config = fileConfig.parse({ path, format: 'json', append: false });
    const open = () => openFileTransport({ config, logger: silentLogger });
    const [old, fresh] = [await open(), await open()];
    const names = Array.from({ length: 40 }, (_, i) => `${i}`);
    await Promise.all(names.map((name, i) => (i % 2 === 0 ? old : fresh).send(request(name), 1_000, 'logs')));
    old.close();
    await fresh.send(request('last'), 1_000, 'logs');
    fresh.close();
    const eventNames = () => linesIn(readFileSync(path)).map((line) => decodeRequest(fromJson(line)).records[0]!.eventName);
    expect(eventNames()).toEqual([...names, 'last']);
    const next = await open();
    await next.send(request('anew'), 1_000, 'logs');
    next.close();
    expect(eventNames()).toEqual(['anew']);
  });

  it('does not start without its folder, or on what is no file', async () => {
    const folder = temporary();
    mkdirSync(join(folder, 'folder'));
    await expect(start(join(folder, 'not/there'))).rejects.toMatchObject({ cause: { code: 'ENOENT' } });
    await expect(start(join(folder, 'folder'))).rejects.toMatchObject({ cause: { code: 'EISDIR' } });
    await expect(start('/dev/null')).rejects.toThrow('cannot be opened');
  });

  it('a disk that is full costs nothing but time, and no half request stays', async () => {
    const path = join(temporary(), 'events');
    let isFull = true;
    const transport = await openFileTransport({
      config: fileConfig.parse({ path, format: 'json' }),
      logger: silentLogger,
      async openFile(...options: Parameters<typeof openFile>) {
        const file = await openFile(...options);
        const writev = file.writev.bind(file) as (parts: readonly Buffer[]) => ReturnType<FileHandle['writev']>;
        return Object.assign(file, {
          async writev(parts: readonly Buffer[]) {
            if (!isFull) return await writev(parts);
            const bytes = Buffer.concat(parts);
            if (bytes.length < 8) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
            return await writev([bytes.subarray(0, bytes.length >> 1)]);
          },
        });
      },
    });
    const send = (text: string) => transport.send(request(text), 1_000, 'logs');
    isFull = false;
    expect(await send('first')).toEqual({ kind: 'success' });
    const size = statSync(path).size;
    isFull = true;
    expect(await send('second')).toMatchObject({ kind: 'retryable', message: expect.stringContaining('ENOSPC') });
    expect(statSync(path).size).toBe(size);
    isFull = false;
    expect(await send('second')).toEqual({ kind: 'success' });
    transport.close();
    expect(linesIn(readFileSync(path)).map((line) => decodeRequest(fromJson(line)).records[0]!.eventName)).toEqual(['first', 'second']);
  });

  it('begins anew when somebody moved the file away, also with its folder for a while', async () => {
    const folder = temporary();
    mkdirSync(join(folder, 'logs'));
    const path = join(folder, 'logs/events');
    const transport = await openFileTransport({ config: fileConfig.parse({ path }), logger: silentLogger });
    const send = async (text: string) => (await transport.send(request(text), 1_000, 'logs')).kind;
    expect(await send('first')).toBe('success');
    renameSync(path, `${path}.1`);
    await sleep(NOTICED_MS);
    expect(await send('second')).toBe('success');
    renameSync(join(folder, 'logs'), join(folder, 'elsewhere'));
    await sleep(NOTICED_MS);
    expect(await send('third')).toBe('retryable');
    renameSync(join(folder, 'elsewhere'), join(folder, 'logs'));
    expect(await send('third')).toBe('success');
    transport.close();
    expect([`${path}.1`, path].map((name) => linesIn(readFileSync(name)).length)).toEqual([1, 2]);
  });

  it('puts a full file aside, and keeps as many as it is told', async () => {
    const folder = temporary();
    const path = join(folder, 'events.json');
    const config = fileConfig.parse({ path, rotation: { max_megabytes: 1, max_backups: 3 } });
    const transport = await openFileTransport({ config, logger: silentLogger });
    const sizes = { written: 0 };
    const big = request('x'.repeat(300_000));
    for (let i = 0; i < 20; i++) {
      expect(await transport.send(big, 1_000, 'logs')).toEqual({ kind: 'success' });
      sizes.written += logsToJson(big).length + 1;
    }
    transport.close();
    // three of 300 kB in a file, so 20 make seven files; three of those that were put aside stay
    const names = readdirSync(folder).toSorted();
    expect(names.length).toBe(4);
    expect(names.filter((name) => backupTime(name, path, false) !== undefined).length).toBe(3);
    for (const name of names) expect(linesIn(readFileSync(join(folder, name))).length).toBe(name === 'events.json' ? 2 : 3);
  });
});

describe('files that were put aside', () => {
  it('are deleted by age, and nothing else is', async () => {
    const folder = temporary();
    const path = join(folder, 'events.json');
    const others = ['events.json', 'events-old.json', 'events-2026-01-01T00-00-00.000.txt', 'other-2026-01-01T00-00-00.000.json'];
    for (const name of [...others, 'events-2026-01-01T00-00-00.000.json', 'events-2026-11-20T00-00-00.000.json'])
      writeFileSync(join(folder, name), '');
    // the name tells the time, not the file
    utimesSync(join(folder, 'events-2026-11-20T00-00-00.000.json'), 0, 0);
    const rotation = fileConfig.parse({ path, rotation: { max_days: 30, max_backups: 0 } }).rotation!;
    expect(await deleteOld(path, rotation, Date.UTC(2026, 10, 21))).toBe(1);
    expect(readdirSync(folder).toSorted()).toEqual([...others, 'events-2026-11-20T00-00-00.000.json'].toSorted());
  });

  it('have names of their own within a millisecond, and tell their time', async () => {
    const path = join(temporary(), 'events.json');
    const now = new Date(Date.UTC(2026, 10, 21, 6, 45, 0, 7));
    const names: string[] = [];
    for (const localtime of [false, false, true]) {
      writeFileSync(path, '');
      names.push((await putAside(path, { localtime }, now)).slice(path.length - 'events.json'.length));
      expect(backupTime(names.at(-1)!, path, localtime)).toBe(now.getTime());
    }
    expect(names.slice(0, 2)).toEqual(['events-2026-11-21T06-45-00.007.json', 'events-2026-11-21T06-45-00.007.1.json']);
  });
});
