import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import { serverOptions } from '../shared/config.ts';

export const DEFAULT_PROFILE_ENDPOINT = '127.0.0.1:18777';

export const pprofConfig = z.strictObject({
  ...serverOptions(DEFAULT_PROFILE_ENDPOINT),
  directory: z
    .string()
    .regex(/^\/(?!proc\/|sys\/)/, 'not an absolute path of a folder that can be written')
    .optional()
    .describe('Folder for heap snapshots, made when it is not there. Without it none are taken.'),
  keep: z.int().min(1).max(100).default(4).describe('Heap snapshots that are kept; the oldest goes.'),
  max_duration: duration({ minMs: 1000, maxMs: 600_000 }).prefault('60s').describe('Longest CPU profile, up to ten minutes.'),
});

export type PprofConfig = z.output<typeof pprofConfig>;
