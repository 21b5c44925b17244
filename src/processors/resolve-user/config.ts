import { z } from 'zod';

export const resolveUserConfig = z.strictObject({});

export type ResolveUserConfig = z.output<typeof resolveUserConfig>;
