import { z } from 'zod';
import { interfacePatternProblem } from '../../kernel/packets/interface-match.ts';
import { packetModes } from '../../kernel/packets/needs.ts';
import { metricsOption } from '../shared/series/options.ts';

/** A person writes no more; each name is held against each of them. */
const MOST_PATTERNS = 256;

const pattern = z.string().superRefine((text, context) => {
  const message = interfacePatternProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});
const patterns = () =>
  z
    .array(pattern)
    .max(MOST_PATTERNS)
    .refine((values) => new Set(values).size === values.length, 'a value stands there twice')
    .default([]);

export const packetsConfig = z.strictObject({
  interfaces: patterns().describe(
    'Interfaces whose packets are counted: names, in which * stands for any characters and ? for one. None: all.',
  ),
  exclude: patterns().describe('Interfaces that are left out, the same way.'),
  mode: z
    .enum(packetModes)
    .default('auto')
    .describe(
      'auto: on each interface the cheapest that delays nobody. xdp: in the driver. xdp_generic: by XDP behind the driver. tcx, clsact: at the ingress of traffic control.',
    ),
  metrics: metricsOption({ subject: 'interface' }),
});

export type PacketsConfig = z.output<typeof packetsConfig>;
