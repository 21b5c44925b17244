/** Executables, each kept once for all the processes that run it, with its attributes encoded. Reference-counted; id 0 is "not known". */
import { isUtf8 } from 'node:buffer';
import type { Attribute } from '../../core/batch.ts';
import { attributeName } from '../../otlp/names.ts';
import { ATTRIBUTE_OVERHEAD, encodeAttributes, keyBytes, putStringAttribute } from '../../otlp/wire.ts';
import { pathFlag } from '../layouts.gen.ts';

/** What tells two executables of one path apart, or says how much of the path is there. */
const KEPT_FLAGS = pathFlag.deleted | pathFlag.pseudo | pathFlag.truncated | pathFlag.fault;
/** Objects, strings and index beside the bytes themselves, by estimate. */
const ENTRY_OVERHEAD_BYTES = 400;
const NOTHING = new Uint8Array(0);

export type ExecutableKind = 'memfd' | 'deleted';

/** The path as the kernel has it, and those of its `path_flags` that are kept. */
export type ExecutableFacts = { readonly bytes: Uint8Array; readonly flags: number };

type Executable = {
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly hash: number;
  readonly encoded: Uint8Array;
  /** The path as that of a caller; made when first asked for. */
  callerEncoded: Uint8Array | undefined;
  references: number;
  /** Next of the same hash. */
  next: number;
};

export type Executables = {
  /** Id of the path `from[start, end)` with its `path_flags`, with one reference taken for the caller. 0 for an empty path. */
  intern(from: Uint8Array, start: number, end: number, flags: number): number;
  /** Whether an id was interned with these flags. */
  hasFlags(id: number, flags: number): boolean;
  retain(id: number): void;
  release(id: number): void;
  /** Name, path and kind as a run of attribute fields. */
  encoded(id: number): Uint8Array;
  /** The path as `ringtail.process.caller.executable.path`. */
  callerEncoded(id: number): Uint8Array;
  attributes(id: number): readonly Attribute[];
  /** undefined when not known. */
  path(id: number): string | undefined;
  /** Raw path and `path_flags`; undefined when not known. The same object as long as the executable is kept. */
  facts(id: number): ExecutableFacts | undefined;
  /** Bytes that the entries hold, by estimate. */
  readonly bytes: number;
  readonly count: number;
};

const SLASH = 0x2f;
const lossyUtf8 = new TextDecoder();
const utf8 = new TextEncoder();
const nameKey = keyBytes(attributeName.processExecutableName);
const pathKey = keyBytes(attributeName.processExecutablePath);
const memfdPrefix = utf8.encode('memfd:');

/** memfd:x or /memfd:x; kernels since 3.17 name the dentry so. */
const looksLikeMemfd = (path: Uint8Array): boolean => {
  const start = path[0] === SLASH ? 1 : 0;
  return memfdPrefix.every((byte, i) => path[start + i] === byte);
};

const kindOf = (path: Uint8Array, flags: number): ExecutableKind | undefined => {
  if (flags & pathFlag.pseudo) return 'memfd';
  if (!(flags & pathFlag.deleted)) return undefined;
  return looksLikeMemfd(path) ? 'memfd' : 'deleted';
};

/** Where the name begins. A memfd has no folder, and its name may hold slashes. */
const nameStart = (path: Uint8Array, kind: ExecutableKind | undefined): number =>
  kind === 'memfd' ? (path[0] === SLASH ? 1 : 0) : path.lastIndexOf(SLASH) + 1;

const extras = (kind: ExecutableKind | undefined, flags: number): readonly Attribute[] => [
  ...(kind === undefined ? [] : [[attributeName.executableKind, kind] as const]),
  ...(flags & pathFlag.truncated ? [[attributeName.executableTruncated, true] as const] : []),
];

const describe = ({ bytes, flags }: Pick<Executable, 'bytes' | 'flags'>): readonly Attribute[] => {
  const kind = kindOf(bytes, flags);
  const name = lossyUtf8.decode(bytes.subarray(nameStart(bytes, kind)));
  return [
    ...(name === '' ? [] : [[attributeName.processExecutableName, name] as const]),
    [attributeName.processExecutablePath, lossyUtf8.decode(bytes)],
    ...extras(kind, flags),
  ];
};

/** The attributes of a path, and the path's raw bytes: where possible a view of where they stand in the attributes. */
const encode = (raw: Uint8Array, flags: number): Pick<Executable, 'bytes' | 'encoded'> => {
  const kind = kindOf(raw, flags);
  const start = nameStart(raw, kind);
  if (kind !== undefined || flags !== 0 || !isUtf8(raw)) {
    const entry = { bytes: raw.slice(), flags };
    return { bytes: entry.bytes, encoded: encodeAttributes(describe(entry)) };
  }
  const out = new Uint8Array(2 * ATTRIBUTE_OVERHEAD + nameKey.length + pathKey.length + 2 * raw.length - start);
  let at = start === raw.length ? 0 : putStringAttribute(out, 0, nameKey, raw, start, raw.length);
  at = putStringAttribute(out, at, pathKey, raw, 0, raw.length);
  return { bytes: out.subarray(at - raw.length, at), encoded: out.subarray(0, at) };
};

/** `hashMask` narrows the index, for tests of collisions. */
export const createExecutables = (seed = 0x811c_9dc5, hashMask = 0x3fff_ffff): Executables => {
  const entries: (Executable | undefined)[] = [undefined];
  const freeIds: number[] = [];
  const firstOfHash = new Map<number, number>();
  let heldBytes = 0;

  const hashOf = (from: Uint8Array, start: number, end: number, flags: number): number => {
    let hash = seed ^ flags;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ from[i]!, 0x0100_0193);
    return (hash ^ (hash >>> 15)) & hashMask;
  };
  const equal = (bytes: Uint8Array, from: Uint8Array, start: number, end: number): boolean => {
    if (bytes.length !== end - start) return false;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== from[start + i]) return false;
    return true;
  };
  const weightOf = ({ bytes, encoded, callerEncoded }: Executable): number =>
    ENTRY_OVERHEAD_BYTES + bytes.length + encoded.length + (callerEncoded?.length ?? 0);

  const add = (raw: Uint8Array, flags: number, hash: number): number => {
    const { bytes, encoded } = encode(raw, flags);
    const entry = { bytes, flags, hash, encoded, callerEncoded: undefined, references: 1, next: firstOfHash.get(hash) ?? 0 };
    const id = freeIds.pop() ?? entries.length;
    entries[id] = entry;
    firstOfHash.set(hash, id);
    heldBytes += weightOf(entry);
    return id;
  };

  const remove = (id: number, entry: Executable): void => {
    const first = firstOfHash.get(entry.hash)!;
    if (first === id) {
      if (entry.next === 0) firstOfHash.delete(entry.hash);
      else firstOfHash.set(entry.hash, entry.next);
    } else {
      let before = entries[first]!;
      while (before.next !== id) before = entries[before.next]!;
      before.next = entry.next;
    }
    entries[id] = undefined;
    freeIds.push(id);
    heldBytes -= weightOf(entry);
  };

  return {
    intern(from, start, end, pathFlags) {
      const flags = pathFlags & KEPT_FLAGS;
      // A name in the middle that could not be read makes the path a wrong one.
      if (start === end || flags & pathFlag.fault) return 0;
      const hash = hashOf(from, start, end, flags);
      for (let id = firstOfHash.get(hash) ?? 0; id !== 0; id = entries[id]!.next) {
        const entry = entries[id]!;
        if (entry.flags === flags && equal(entry.bytes, from, start, end)) {
          entry.references++;
          return id;
        }
      }
      return add(from.subarray(start, end), flags, hash);
    },
    hasFlags: (id, flags) => entries[id]?.flags === (flags & KEPT_FLAGS),
    retain(id) {
      const entry = entries[id];
      if (entry !== undefined) entry.references++;
    },
    release(id) {
      const entry = entries[id];
      if (entry !== undefined && --entry.references === 0) remove(id, entry);
    },
    encoded: (id) => entries[id]?.encoded ?? NOTHING,
    callerEncoded(id) {
      const entry = entries[id];
      if (entry === undefined) return NOTHING;
      if (entry.callerEncoded === undefined) {
        entry.callerEncoded = encodeAttributes([[attributeName.callerExecutablePath, lossyUtf8.decode(entry.bytes)]]);
        heldBytes += entry.callerEncoded.length;
      }
      return entry.callerEncoded;
    },
    attributes(id) {
      const entry = entries[id];
      return entry === undefined ? [] : describe(entry);
    },
    path(id) {
      const entry = entries[id];
      return entry === undefined ? undefined : lossyUtf8.decode(entry.bytes);
    },
    facts: (id) => entries[id],
    get bytes() {
      return heldBytes;
    },
    get count() {
      return entries.length - 1 - freeIds.length;
    },
  };
};
