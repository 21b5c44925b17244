import { z } from 'zod';
import { actionList } from '../shared/actions-config.ts';

export const resourceConfig = z.strictObject({
  attributes: actionList.describe('What to do with the attributes of the resource, in this order. See below.'),
});

export type ResourceConfig = z.output<typeof resourceConfig>;
