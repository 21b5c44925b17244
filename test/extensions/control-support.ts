/** The extension `control` beside a service that a test plays, and clients that say what they like. */
import { request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch } from '../../src/core/batch.ts';
import type { BatchTap, Extension } from '../../src/core/component.ts';
import type { Logger } from '../../src/core/logger.ts';
import { controlExtension } from '../../src/extensions/control/index.ts';
import { createWorld, type Response, type World } from './support.ts';

export type Control = {
  readonly extension: Extension;
  readonly path: string;
  readonly world: World;
  /** Who looks at pipelines. */
  readonly taps: ReadonlySet<BatchTap>;
  show(batch: Batch, pipeline?: string): void;
};

const running: Extension[] = [];
const folders: string[] = [];

export const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'ringtail-control-'));
  folders.push(folder);
  return folder;
};

export const createControl = (options: object = {}): Control => {
  const world = createWorld();
  const taps = new Set<BatchTap>();
  const service: World['service'] = {
    ...world.service,
    pipelines: () => [{ id: 'logs', receivers: ['process'], processors: ['redact'], exporters: ['nop'] }],
    tap(listener) {
      taps.add(listener);
      return () => void taps.delete(listener);
    },
  };
  const config = controlExtension.config.parse({ path: join(newFolder(), 'control.sock'), ...options }) as { readonly path: string };
  const keep = (fields: object, message: string) => void world.lines.push({ message, fields: fields as Record<string, unknown> });
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const extension = controlExtension.create(
    { id: 'control', logger, counters: world.counters, version: '1.2.3', resource: [], kernel: {}, service } as never,
    config as never,
  );
  return {
    extension,
    path: config.path,
    world,
    taps,
    show: (batch, pipeline = 'logs') => {
      for (const tap of taps) tap(pipeline, batch, true);
    },
  };
};

export const startControl = async (options: object = {}): Promise<Control> => {
  const control = createControl(options);
  running.push(control.extension);
  await control.extension.start();
  return control;
};

export const stopControls = async (): Promise<void> => {
  await Promise.all(running.splice(0).map((extension) => extension.stop(100)));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
};

type AskOptions = { readonly method?: string; readonly headers?: Readonly<Record<string, string>> };

/** The whole answer. */
export const askAt = (socketPath: string, path: string, { method = 'GET', headers = {} }: AskOptions = {}): Promise<Response> => {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const sent = request({ socketPath, path, method, headers, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => void chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    response.on('error', reject);
  });
  sent.on('error', reject);
  sent.end();
  return promise;
};

/** A connection, open. */
export const connected = async (socketPath: string): Promise<Socket> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(socketPath, resolve);
  socket.once('error', reject);
  await promise;
  socket.off('error', reject);
  socket.on('error', () => {});
  return socket;
};

/** All that comes back until the other side closes. */
export const talkTo = async (socketPath: string, bytes: string | Buffer): Promise<string> => {
  const socket = await connected(socketPath);
  let answer = '';
  socket.on('data', (chunk) => void (answer += chunk.toString()));
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on('close', () => resolve(answer));
  socket.write(bytes);
  return promise;
};

export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
};
