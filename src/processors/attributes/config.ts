import { z } from 'zod';
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
  .check(({ value, issues }) => {
    const add = (message: string, path: (string | number)[]): void => void issues.push({ code: 'custom', message, path, input: value });
    if (value.event_names === undefined && value.attributes === undefined) add('says nothing; it needs event_names or attributes', []);
    if (value.match_type !== 'regexp') return;
    value.event_names?.forEach((text, index) => {
      const problem = patternProblem(text);
      if (problem !== undefined) add(problem, ['event_names', index]);
    });
    value.attributes?.forEach(({ value: text }, index) => {
      const problem = typeof text === 'string' ? patternProblem(text) : undefined;
      if (problem !== undefined) add(problem, ['attributes', index, 'value']);
    });
  });

export const attributesConfig = z.strictObject({
  actions: actionList.describe('What to do, in this order. See below.'),
  include: match.optional().describe('Only records that match are changed.'),
  exclude: match.optional().describe('Records that match are left as they are.'),
});

export type MatchConfig = z.output<typeof match>;
export type AttributesConfig = z.output<typeof attributesConfig>;
