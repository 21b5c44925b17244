/** The oracle: OTLP decoded by code that others generated from the official schema. */
import generated from 'otlp-generated/build/src/generated/root.js';
import type { AttributeValue } from '../../src/core/batch.ts';

export type Long = { toString(): string };
type AnyValue = {
  readonly value?: 'stringValue' | 'boolValue' | 'intValue' | 'doubleValue' | 'arrayValue' | 'kvlistValue' | 'bytesValue';
  readonly stringValue: string;
  readonly boolValue: boolean;
  readonly intValue: Long;
  readonly doubleValue: number;
  readonly arrayValue: { readonly values: readonly AnyValue[] };
};
export type KeyValue = { readonly key: string; readonly value: AnyValue };
type DecodedRequest = {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly {
        readonly timeUnixNano: Long;
        readonly observedTimeUnixNano: Long;
        readonly severityNumber: number;
        readonly severityText: string;
        readonly eventName: string;
        readonly attributes: readonly KeyValue[];
        readonly traceId: Uint8Array | null;
        readonly spanId: Uint8Array | null;
      }[];
    }[];
  }[];
};

export type Message = {
  decode(bytes: Uint8Array): object;
  encode(message: object): { finish(): Uint8Array };
  toObject(message: object, options: object): Readonly<Record<string, unknown>>;
};
type Schema = {
  readonly collector: {
    readonly logs: { readonly v1: { readonly ExportLogsServiceRequest: Message; readonly ExportLogsServiceResponse: Message } };
    readonly metrics: { readonly v1: { readonly ExportMetricsServiceRequest: Message; readonly ExportMetricsServiceResponse: Message } };
    readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: Message; readonly ExportTraceServiceResponse: Message } };
  };
  readonly logs: { readonly v1: { readonly LogRecord: Message } };
};

/** The generated code has no types of its own. */
export const otlp = (generated as unknown as { readonly opentelemetry: { readonly proto: Schema } }).opentelemetry.proto;
const services = otlp.collector.logs.v1;

export type PlainRecord = {
  readonly resource: readonly (readonly [string, AttributeValue])[];
  readonly scope: string;
  readonly version: string;
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly attributes: readonly (readonly [string, AttributeValue])[];
  /** Trace and span in hexadecimal; empty: none. */
  readonly context: readonly [string, string];
};

const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

const plainValue = (value: AnyValue): AttributeValue => {
  switch (value.value) {
    case 'stringValue':
      return value.stringValue;
    case 'boolValue':
      return value.boolValue;
    case 'intValue': {
      const whole = BigInt(value.intValue.toString());
      return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
    }
    case 'doubleValue':
      return value.doubleValue;
    case 'arrayValue':
      return value.arrayValue.values.map((item) => plainValue(item) as string);
    default:
      throw new Error(`unexpected value ${value.value}`);
  }
};
export const plainAttributes = (attributes: readonly KeyValue[]) => attributes.map(({ key, value }) => [key, plainValue(value)] as const);

/** Throws when the bytes are no valid request. */
export const decodeRequest = (bytes: Uint8Array) => {
  const request = services.ExportLogsServiceRequest.decode(bytes) as DecodedRequest;
  return {
    resources: request.resourceLogs.map(({ resource }) => plainAttributes(resource.attributes)),
    records: request.resourceLogs.flatMap(({ resource, scopeLogs }) =>
      scopeLogs.flatMap(({ scope, logRecords }) =>
        logRecords.map((record): PlainRecord => ({
          resource: plainAttributes(resource?.attributes ?? []),
          scope: scope.name,
          version: scope.version,
          timeNs: BigInt(record.timeUnixNano.toString()),
          observedNs: BigInt(record.observedTimeUnixNano.toString()),
          severityNumber: record.severityNumber,
          severityText: record.severityText,
          eventName: record.eventName,
          attributes: plainAttributes(record.attributes),
          context: [hex(record.traceId), hex(record.spanId)],
        })),
      ),
    ),
    scopes: request.resourceLogs.flatMap(({ scopeLogs }) =>
      scopeLogs.map(({ scope, logRecords }) => [scope.name, logRecords.length] as const),
    ),
  };
};

/** Bytes of a response; `rejected` and `message` make a partial success. */
export const encodeResponse = (partialSuccess?: { readonly rejectedLogRecords: number; readonly errorMessage: string }): Buffer =>
  Buffer.from(services.ExportLogsServiceResponse.encode(partialSuccess === undefined ? {} : { partialSuccess }).finish());
