/** The messages of OTLP logs. Source: opentelemetry-proto 1.7, logs.proto. */
import { anyValue, define, keyValue, resource, scope, type Message } from './message.ts';

const logRecord = define([
  [1, 'timeUnixNano', 'fixed64'],
  [2, 'severityNumber', 'enum'],
  [3, 'severityText', 'string'],
  [5, 'body', anyValue],
  [6, 'attributes', keyValue, 'repeated'],
  [7, 'droppedAttributesCount', 'uint32'],
  [8, 'flags', 'fixed32'],
  [9, 'traceId', 'hex'],
  [10, 'spanId', 'hex'],
  [11, 'observedTimeUnixNano', 'fixed64'],
  [12, 'eventName', 'string'],
]);
const scopeLogs = define([
  [1, 'scope', scope],
  [2, 'logRecords', logRecord, 'repeated'],
  [3, 'schemaUrl', 'string'],
]);
const resourceLogs = define([
  [1, 'resource', resource],
  [2, 'scopeLogs', scopeLogs, 'repeated'],
  [3, 'schemaUrl', 'string'],
]);

/** `ExportLogsServiceRequest`, which has the fields of `LogsData`. */
export const logsRequest: Message = define([[1, 'resourceLogs', resourceLogs, 'repeated']]);
