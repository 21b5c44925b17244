/** Spans as the exporters `file` of Ringtail and of the Collector write them: OTLP in JSON, a request a line. */
import { readFileSync } from 'node:fs';

type AnyValue = {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
};
type KeyValue = { readonly key: string; readonly value: AnyValue };
type JsonSpan = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code: number; readonly message?: string };
  readonly attributes?: readonly KeyValue[];
};
type Request = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[];
  }[];
};

type Value = string | boolean | readonly string[];
/** Numbers as texts. */
export type FileSpan = Omit<JsonSpan, 'attributes' | 'parentSpanId'> & {
  /** Empty: it has none. */
  readonly parentSpanId: string;
  readonly attributes: ReadonlyMap<string, Value>;
  readonly resource: ReadonlyMap<string, Value>;
};

const valueOf = ({ stringValue, intValue, boolValue, arrayValue }: AnyValue): Value =>
  arrayValue?.values.map((value) => String(valueOf(value))) ?? stringValue ?? intValue ?? boolValue ?? '';
/** A list without entries is left out. */
const mapOf = (attributes: readonly KeyValue[] = []): ReadonlyMap<string, Value> =>
  new Map(attributes.map(({ key, value }) => [key, valueOf(value)]));

export const readSpans = (path: string): readonly FileSpan[] => {
  const lines = readFileSync(path, 'utf8').split('\n').filter((line) => line !== ''); // prettier-ignore
  return lines.flatMap((line) =>
    (JSON.parse(line) as Request).resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(
        ({ spans }) =>
        spans.map(({ parentSpanId = '', ...span }) => ({
          ...span, parentSpanId, attributes: mapOf(span.attributes), resource: mapOf(resource.attributes),
        })), // prettier-ignore
      ),
    ),
  );
};
