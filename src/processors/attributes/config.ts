import { z } from 'zod';
import { crossCheck } from '../../core/cross-check.ts';
import { patternProblem } from '../../core/pattern.ts';
import { actionList } from '../shared/actions-config.ts';

const match = z
  .strictObject({
    match_type: z
      .enum(['strict', 'regexp'])
      .describe('strict: names and values are compared as they are; regexp: they are RE2 expressions that match somewhere'),
    event_names: z.array(z.string().min(1)).min(1).optional().describe('names of events, one of which the record has'),
    attributes: z
      .array(
        z.strictObject({
          key: z.string().min(1).describe('name of the attribute'),
          value: z
            .union([z.string(), z.number(), z.boolean()])
            .optional()
            .describe('its value; without it the attribute must only be there'),
        }),
      )
      .min(1)
      .optional()
      .describe('attributes, all of which the record has'),
  })
  .check(
    crossCheck(({ match_type, event_names, attributes }, add) => {
      if (event_names === undefined && attributes === undefined) add([], 'says nothing; it needs event_names or attributes');
      if (match_type !== 'regexp') return;
      const addPattern = (path: readonly (string | number)[], text: unknown): void => {
        const problem = typeof text === 'string' ? patternProblem(text) : undefined;
        if (problem !== undefined) add(path, problem);
      };
      if (Array.isArray(event_names)) event_names.forEach((text, index) => addPattern(['event_names', index], text));
      if (Array.isArray(attributes))
        attributes.forEach((one: unknown, index) => {
          if (typeof one === 'object' && one !== null && 'value' in one) addPattern(['attributes', index, 'value'], one.value);
        });
    }),
  );

export const attributesConfig = z.strictObject({
  actions: actionList.describe('What to do, in this order. See below.'),
  include: match.optional().describe('Only records that match are changed.'),
  exclude: match.optional().describe('Records that match are left as they are.'),
});

export type MatchConfig = z.output<typeof match>;
export type AttributesConfig = z.output<typeof attributesConfig>;
