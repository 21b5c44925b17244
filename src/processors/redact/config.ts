import { z } from 'zod';
import { REDACTED } from '../../core/config-types.ts';
import { problemOf } from './patterns.ts';

/** A pattern is compiled to a program of about this size; each is tried on every argument. */
const LONGEST_PATTERN = 1000;
/** They are looked for in one pass, whose table grows with them. */
const MOST_KEYS = 64;
const LONGEST_KEY = 64;
const MOST_PATTERNS = 32;

export const redactConfig = z.strictObject({
  args: z.boolean().default(true).describe('Take secrets out of `process.command_args`.'),
  labels: z.boolean().default(true).describe('Take secrets out of `container.label.<key>` of the resource.'),
  keys: z
    .array(
      z
        .string()
        .max(LONGEST_KEY)
        .regex(/^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$/, 'not a name; write two or more letters, digits, ".", "_" or "-", as in session_id'),
    )
    .max(MOST_KEYS)
    .default([])
    .describe('Further names of options, variables and members whose values are secret. Case and separators do not matter.'),
  patterns: z
    .array(
      z
        .string()
        .min(1)
        .max(LONGEST_PATTERN)
        .superRefine((pattern, context) => {
          const message = problemOf(pattern);
          if (message !== undefined) context.addIssue({ code: 'custom', message });
        }),
    )
    .max(MOST_PATTERNS)
    .default([])
    .describe('Further secrets, as regular expressions of RE2; the first group where there is one, else the whole match.'),
  attributes: z
    .array(z.string().min(1))
    .max(MOST_KEYS)
    .default([])
    .describe(
      'Further attributes of the events and of their resource, text or lists of text, that are looked through, `ringtail.file.requested` for instance.',
    ),
  replacement: z.string().min(1).max(64).default(REDACTED).describe('What stands where a secret was.'),
});

export type RedactConfig = z.output<typeof redactConfig>;
