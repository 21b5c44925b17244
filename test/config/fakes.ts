import { NEVER } from 'rxjs';
import { z } from 'zod';
import { createRegistry } from '../../src/config/registry.ts';
import type { ComponentFactory } from '../../src/core/component.ts';
import { byteSize, duration, secret } from '../../src/core/config-types.ts';

const idle = { start: async () => {}, stop: async () => {} };

/** Components with every kind of option, none of which does anything. */
export const fakeFactories: readonly ComponentFactory[] = [
  {
    kind: 'receiver',
    type: 'process',
    summary: 'processes',
    signals: ['logs'],
    config: z.strictObject({
      events: z
        .array(z.enum(['exec', 'fork', 'exit']))
        .min(1)
        .default(['exec', 'fork', 'exit']),
      args: z
        .strictObject({ enabled: z.boolean().default(true), max_bytes: byteSize({ min: 1, max: 2 ** 20 }).prefault('32KiB') })
        .prefault({}),
      interval: duration({ minMs: 10 }).prefault('1s'),
      threads: z.boolean().default(false),
    }),
    create: () => ({ ...idle, logs$: NEVER }),
  },
  { kind: 'receiver', type: 'packets', summary: 'packets', signals: ['metrics'], config: z.strictObject({}), create: () => idle },
  {
    kind: 'processor',
    type: 'resolve_container',
    summary: 'containers',
    signals: ['logs', 'metrics'],
    config: z.strictObject({}),
    create: () => ({ ...idle, logs: (source$) => source$, metrics: (source$) => source$ }),
  },
  {
    kind: 'processor',
    type: 'resolve_user',
    summary: 'users',
    signals: ['logs'],
    config: z.strictObject({}),
    create: () => ({ ...idle, logs: (source$) => source$ }),
  },
  {
    kind: 'processor',
    type: 'resolve_process',
    summary: 'processes',
    signals: ['logs'],
    config: z.strictObject({
      ancestors: z.int().min(0).max(16).default(0),
      kinds: z.union([z.literal('all'), z.array(z.string())]).default('all'),
    }),
    create: () => ({ ...idle, logs: (source$) => source$ }),
  },
  {
    kind: 'exporter',
    type: 'debug',
    summary: 'terminal',
    signals: ['logs', 'metrics'],
    config: z.strictObject({
      verbosity: z.enum(['basic', 'normal', 'detailed']).default('normal'),
      format: z.enum(['text', 'json']).default('text'),
    }),
    create: () => ({ ...idle, logs() {} }),
  },
  {
    kind: 'exporter',
    type: 'otlp_grpc',
    aliases: ['otlp'],
    summary: 'OTLP',
    signals: ['logs'],
    config: z.strictObject({
      endpoint: z.string().min(1),
      headers: z.record(z.string(), z.string()).default({}),
      token: secret(z.string().regex(/^[a-z0-9]+$/, 'not a token')).optional(),
      tokens: z.record(z.string(), secret()).default({}),
      tls: z.strictObject({ insecure: z.boolean().default(false) }).prefault({}),
      timeout: duration({ minMs: 1 }).prefault('5s'),
      queue: z
        .strictObject({ bytes: byteSize({ min: 1024 }).prefault('64MiB'), consumers: z.int().min(1).max(64).default(2) })
        .prefault({}),
    }),
    create: () => ({ ...idle, logs() {} }),
  },
];

export const fakeRegistry = createRegistry(fakeFactories);
