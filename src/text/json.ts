/** One object a line, for tools. */
import type { Event } from './line.ts';

/** Delete, C1 controls, and what ends a line or turns its direction: harmless to JSON, not to a terminal. */
const unsafe = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;
const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

/** Nanoseconds in UTC, as in `2026-11-21T02:45:02.123456789Z`. */
export const timeText = (unixNs: bigint): string => {
  const seconds = new Date(Number(unixNs / 1_000_000_000n) * 1000).toISOString().slice(0, -5);
  return `${seconds}.${String(unixNs % 1_000_000_000n).padStart(9, '0')}Z`;
};

/** A line of JSON that is harmless to a terminal. Integers beyond 2^53 become strings, as in OTLP's JSON. */
export const objectLine = (line: object): string =>
  JSON.stringify(line, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).replace(unsafe, escaped);

/** `trace_id` and `span_id` of what happened in a trace, as far as they are known. */
export const contextMembers = (context: Event['context']): { readonly trace_id?: string; readonly span_id?: string } => ({
  ...(context && { trace_id: context.traceId, ...(context.spanId !== '' && { span_id: context.spanId }) }),
});

/**
 * Members: `time`, `event`, `receiver`, `attributes` by name, and `resource` by name when it is not the host's; `trace_id` and `span_id` when its thread
 * was in a trace.
 */
export const jsonLine = ({ name, unixNs, attributes, resource, context }: Event, receiver: string): string =>
  objectLine({
    time: timeText(unixNs),
    event: name,
    receiver,
    ...contextMembers(context),
    attributes: Object.fromEntries(attributes),
    ...(resource && { resource: Object.fromEntries(resource) }),
  });
