/** The messages of OTLP logs as data: field numbers, names in JSON, types. Source: opentelemetry-proto 1.7, logs.proto and common.proto. */

export type FieldType = 'string' | 'bool' | 'int64' | 'uint32' | 'double' | 'base64' | 'hex' | 'fixed64' | 'fixed32' | 'enum';
export type MessageField = {
  readonly number: number;
  readonly name: string;
  readonly repeated: boolean;
} & ({ readonly type: FieldType; readonly message?: undefined } | { readonly type: 'message'; readonly message: Message });
export type Message = {
  /** By field number. */
  readonly fields: readonly (MessageField | undefined)[];
  readonly byName: ReadonlyMap<string, MessageField>;
};

type Spec = readonly [number: number, name: string, type: FieldType | Message, repeated?: 'repeated'];

const define = (
  specs: readonly Spec[],
  message = { fields: [] as (MessageField | undefined)[], byName: new Map<string, MessageField>() },
) => {
  for (const [number, name, type, repeated] of specs) {
    const common = { number, name, repeated: repeated !== undefined };
    const field: MessageField = typeof type === 'string' ? { ...common, type } : { ...common, type: 'message', message: type };
    message.fields[number] = field;
    message.byName.set(name, field);
  }
  return message;
};

// these three name each other
const anyValue = define([]);
const keyValue = define([
  [1, 'key', 'string'],
  [2, 'value', anyValue],
]);
define([
  [1, 'stringValue', 'string'],
  [2, 'boolValue', 'bool'],
  [3, 'intValue', 'int64'],
  [4, 'doubleValue', 'double'],
  [5, 'arrayValue', define([[1, 'values', anyValue, 'repeated']])],
  [6, 'kvlistValue', define([[1, 'values', keyValue, 'repeated']])],
  [7, 'bytesValue', 'base64'],
], anyValue);

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
const resource = define([
  [1, 'attributes', keyValue, 'repeated'],
  [2, 'droppedAttributesCount', 'uint32'],
]);
const scope = define([
  [1, 'name', 'string'],
  [2, 'version', 'string'],
  [3, 'attributes', keyValue, 'repeated'],
  [4, 'droppedAttributesCount', 'uint32'],
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

/** Deeper than this nobody nests values but to harm. */
export const MAX_DEPTH = 32;

/** How the values of a type stand on the wire. */
export const wireTypeOf: Readonly<Record<MessageField['type'], number>> = {
  bool: 0, int64: 0, uint32: 0, enum: 0, fixed64: 1, double: 1, string: 2, base64: 2, hex: 2, message: 2, fixed32: 5,
}; // prettier-ignore
