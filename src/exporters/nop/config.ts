import { z } from 'zod';

/** There is nothing to set. */
export const nopConfig = z.strictObject({});
