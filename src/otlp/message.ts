/** Messages of OTLP as data: field numbers, names in JSON, types; and those that all signals have in common. Source: opentelemetry-proto 1.7, common.proto and resource.proto. */

export type FieldType =
  | 'string'
  | 'bool'
  | 'int64'
  | 'uint32'
  | 'double'
  | 'base64'
  | 'hex'
  | 'fixed64'
  | 'sfixed64'
  | 'fixed32'
  | 'enum'
  | PackedType;
/** Numbers of eight bytes each behind one length. */
export type PackedType = 'packed fixed64' | 'packed double';
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

export const define = (
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
export const anyValue = define([]);
export const keyValue = define([
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

export const resource = define([
  [1, 'attributes', keyValue, 'repeated'],
  [2, 'droppedAttributesCount', 'uint32'],
]);
export const scope = define([
  [1, 'name', 'string'],
  [2, 'version', 'string'],
  [3, 'attributes', keyValue, 'repeated'],
  [4, 'droppedAttributesCount', 'uint32'],
]);
/** Deeper than this nobody nests values but to harm. */
export const MAX_DEPTH = 32;

/** How the values of a type stand on the wire. */
export const wireTypeOf: Readonly<Record<MessageField['type'], number>> = {
  bool: 0, int64: 0, uint32: 0, enum: 0, fixed64: 1, sfixed64: 1, double: 1, string: 2, base64: 2, hex: 2, message: 2, 'packed fixed64': 2, 'packed double': 2, fixed32: 5,
}; // prettier-ignore
