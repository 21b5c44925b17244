/** Resources as they stand in a request. Equal ones are one object, whoever made them, so that each stands in a request once. */
import { LRUCache } from 'lru-cache';
import type { BatchResource } from '../core/batch.ts';
import { delimited, encodeAttributes } from './wire.ts';

/** Resources that are known by what they say: more than a host has containers at a time. */
const KNOWN_RESOURCES = 4096;
/** Bytes that these may hold: a usual one has about 400, labels may be long. */
const KNOWN_BYTES = 4 << 20;

export type ResourceFields = {
  /** The encoded `resource` field of `ResourceLogs` and `ResourceMetrics`; undefined: that of the host. Compared by identity. */
  of(resource: BatchResource | undefined): Uint8Array;
};

/** `host`: the resource of what has none of its own. */
export const createResourceFields = (host: BatchResource): ResourceFields => {
  const known = new LRUCache<string, Uint8Array>({
    max: KNOWN_RESOURCES,
    maxSize: KNOWN_BYTES,
    sizeCalculation: ({ length }) => 2 * length,
  });
  const fields = new WeakMap<BatchResource, Uint8Array>();
  const encode = ({ attributes }: BatchResource): Uint8Array => {
    const field = delimited(0x0a, encodeAttributes(attributes, 0x0a));
    const content = Buffer.from(field.buffer, field.byteOffset, field.length).toString('latin1');
    const same = known.get(content);
    if (same === undefined) known.set(content, field);
    return same ?? field;
  };
  const hostField = encode(host);
  return {
    of(resource) {
      if (resource === undefined) return hostField;
      let field = fields.get(resource);
      if (field === undefined) fields.set(resource, (field = encode(resource)));
      return field;
    },
  };
};
