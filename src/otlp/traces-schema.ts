/** The messages of OTLP traces. Source: opentelemetry-proto 1.7, trace.proto. */
import { define, keyValue, resource, scope, type Message } from './message.ts';

const event = define([
  [1, 'timeUnixNano', 'fixed64'],
  [2, 'name', 'string'],
  [3, 'attributes', keyValue, 'repeated'],
  [4, 'droppedAttributesCount', 'uint32'],
]);
const link = define([
  [1, 'traceId', 'hex'],
  [2, 'spanId', 'hex'],
  [3, 'traceState', 'string'],
  [4, 'attributes', keyValue, 'repeated'],
  [5, 'droppedAttributesCount', 'uint32'],
  [6, 'flags', 'fixed32'],
]);
const status = define([
  [2, 'message', 'string'],
  [3, 'code', 'enum'],
]);
const span = define([
  [1, 'traceId', 'hex'],
  [2, 'spanId', 'hex'],
  [3, 'traceState', 'string'],
  [4, 'parentSpanId', 'hex'],
  [5, 'name', 'string'],
  [6, 'kind', 'enum'],
  [7, 'startTimeUnixNano', 'fixed64'],
  [8, 'endTimeUnixNano', 'fixed64'],
  [9, 'attributes', keyValue, 'repeated'],
  [10, 'droppedAttributesCount', 'uint32'],
  [11, 'events', event, 'repeated'],
  [12, 'droppedEventsCount', 'uint32'],
  [13, 'links', link, 'repeated'],
  [14, 'droppedLinksCount', 'uint32'],
  [15, 'status', status],
  [16, 'flags', 'fixed32'],
]);
const scopeSpans = define([
  [1, 'scope', scope],
  [2, 'spans', span, 'repeated'],
  [3, 'schemaUrl', 'string'],
]);
const resourceSpans = define([
  [1, 'resource', resource],
  [2, 'scopeSpans', scopeSpans, 'repeated'],
  [3, 'schemaUrl', 'string'],
]);

/** `ExportTraceServiceRequest`, which has the fields of `TracesData`. */
export const tracesRequest: Message = define([[1, 'resourceSpans', resourceSpans, 'repeated']]);
