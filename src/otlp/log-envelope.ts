/**
 * What stands around the records of a request: `ResourceLogs` and `ScopeLogs`, each resource once. Records of one resource and scope that follow
 * each other are a piece. As long as no resource comes back after another one, the pieces lie in the request as they are sent; when one does,
 * the request is put in order once, when it is sealed, by one copy. So one resource costs nothing, and alternating ones cost a copy and not a
 * resource a record.
 *
 * A group is compared by identity, for every record: rows of one batch may belong to different resources, each row with its own group.
 */
import type { BatchResource } from '../core/batch.ts';
import type { Output } from './output.ts';
import { createResourceFields } from './resource-fields.ts';
import { delimited, LENGTH_BYTES, putPaddedVarint4 } from './wire.ts';

/** A resource and a scope. One object for equal ones. */
export type LogGroup = {
  /** The encoded `resource` field; one object for a resource. */
  readonly resource: Uint8Array;
  /** The encoded `scope` field. */
  readonly scope: Uint8Array;
};

export type LogEnvelope = {
  /** `receiver` is `type[/name]`; the type makes the scope. */
  groupOf(receiver: string, resource: BatchResource | undefined): LogGroup;
  /** The group whose records may follow in the output; undefined: `open` first. */
  current(): LogGroup | undefined;
  /** Bytes that `open` writes. */
  cost(group: LogGroup): number;
  /** Ends the group that is open. `output` has no room for `cost` yet. */
  open(group: LogGroup): void;
  /** Ends the request that stands in the output; returns it. */
  seal(): Buffer;
};

const RESOURCE_LOGS_TAG = 0x0a;
const SCOPE_LOGS_TAG = 0x12;

const utf8 = new TextEncoder();

/** Records from `recordsAt` to `end` in the output, without the fields around them. */
type Piece = { readonly group: LogGroup; readonly recordsAt: number; end: number };

export type LogEnvelopeOptions = {
  readonly output: Output;
  /** The resource of batches that have none of their own. */
  readonly resource: BatchResource;
  /** Scope version. */
  readonly version: string;
};

export const createLogEnvelope = ({ output, resource: hostResource, version }: LogEnvelopeOptions): LogEnvelope => {
  const resources = createResourceFields(hostResource);
  const scopes = new Map<string, Uint8Array>();
  /** As many scopes as receivers for each resource that somebody still holds. */
  const groups = new WeakMap<Uint8Array, Map<string, LogGroup>>();

  const pieces: Piece[] = [];
  /** Resources that the request has. */
  const seen = new Set<Uint8Array>();
  let scattered = false;
  let current: LogGroup | undefined;
  let resourceAt = 0;
  let scopeAt = 0;

  const scopeOf = (type: string): Uint8Array => {
    let scope = scopes.get(type);
    if (scope === undefined) {
      scope = delimited(0x0a, delimited(0x0a, utf8.encode(`ringtail/${type}`)), delimited(0x12, utf8.encode(version)));
      scopes.set(type, scope);
    }
    return scope;
  };

  const begin = (tag: number, field: Uint8Array): number => {
    const start = output.at;
    output.reserve(LENGTH_BYTES + field.length);
    output.bytes[start] = tag;
    output.bytes.set(field, start + LENGTH_BYTES);
    output.at = start + LENGTH_BYTES + field.length;
    return start;
  };
  const end = (start: number): void => putPaddedVarint4(output.bytes, start + 1, output.at - start - LENGTH_BYTES);

  const endScope = (): void => {
    end(scopeAt);
    pieces.at(-1)!.end = output.at;
  };

  /** Each resource once, each scope once in it, records in the order in which they came. */
  const putInOrder = (): void => {
    const written = output.exchange();
    for (const [resource, ofResource] of Map.groupBy(pieces, ({ group }) => group.resource)) {
      const resourceStart = begin(RESOURCE_LOGS_TAG, resource);
      for (const [{ scope }, ofGroup] of Map.groupBy(ofResource, ({ group }) => group)) {
        const scopeStart = begin(SCOPE_LOGS_TAG, scope);
        for (const piece of ofGroup) {
          const length = piece.end - piece.recordsAt;
          output.reserve(length);
          output.bytes.set(written.subarray(piece.recordsAt, piece.end), output.at);
          output.at += length;
        }
        end(scopeStart);
      }
      end(resourceStart);
    }
    output.recycle(written);
  };

  return {
    groupOf(receiver, resource) {
      const type = receiver.split('/', 1)[0]!;
      const field = resources.of(resource);
      let ofResource = groups.get(field);
      if (ofResource === undefined) groups.set(field, (ofResource = new Map()));
      let group = ofResource.get(type);
      if (group === undefined) ofResource.set(type, (group = { resource: field, scope: scopeOf(type) }));
      return group;
    },
    current: () => current,
    cost(group) {
      if (group === current) return 0;
      const scopeBytes = LENGTH_BYTES + group.scope.length;
      return seen.has(group.resource) ? scopeBytes : scopeBytes + LENGTH_BYTES + group.resource.length;
    },
    open(group) {
      if (current !== undefined) endScope();
      if (current?.resource !== group.resource) {
        if (current !== undefined) end(resourceAt);
        if (seen.has(group.resource)) scattered = true;
        else resourceAt = begin(RESOURCE_LOGS_TAG, group.resource);
        seen.add(group.resource);
      }
      current = group;
      scopeAt = begin(SCOPE_LOGS_TAG, group.scope);
      pieces.push({ group, recordsAt: output.at, end: output.at });
    },
    seal() {
      endScope();
      if (scattered) putInOrder();
      else end(resourceAt);
      pieces.length = 0;
      seen.clear();
      scattered = false;
      current = undefined;
      return output.take();
    },
  };
};
