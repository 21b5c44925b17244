import { z } from 'zod';
import { serverOptions } from '../shared/config.ts';

export const DEFAULT_PAGES_ENDPOINT = '127.0.0.1:18679';

export const zpagesConfig = z.strictObject({ ...serverOptions(DEFAULT_PAGES_ENDPOINT) });

export type ZpagesConfig = z.output<typeof zpagesConfig>;
