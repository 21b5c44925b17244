/** `ringtail.container`. One source for all, so that instances of a processor know that another one has told it. */
import type { AttributeSource } from '../../core/batch.ts';
import { attributeName } from '../../otlp/names.ts';
import { createRowSource } from '../../otlp/row-source.ts';

const source = createRowSource(new Set([attributeName.container]));

export const containerFlag = {
  unknown: 0,
  host: source.add([[attributeName.container, false]]),
  container: source.add([[attributeName.container, true]]),
} as const;

export const containerFlagSource: AttributeSource = source;
