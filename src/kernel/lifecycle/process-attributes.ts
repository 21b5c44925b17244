/** What the process table says on a record, as attribute sources whose ids are slots. */
import type { Attribute, AttributeSource } from '../../core/batch.ts';
import { attributeName, attributionSource } from '../../otlp/names.ts';
import { encodeAttributes, putBytes } from '../../otlp/wire.ts';
import type { Executables } from './executables.ts';
import { SLOT_SHIFT, STATE, WORD, type SlotStore } from './slots.ts';

const attributionAttributes: readonly (readonly Attribute[])[] = attributionSource.map((name) => [[attributeName.attribution, name]]);
const attributionBytes = attributionAttributes.map((attributes) => encodeAttributes(attributes));

/** For actors that the table does not know: id 1 says `ringtail.attribution` = `none`. */
export const unattributedSource: AttributeSource = {
  names: new Set([attributeName.attribution]),
  size: (id) => (id === 0 ? 0 : attributionBytes[0]!.length),
  write: (id, out, at) => (id === 0 ? at : putBytes(out, at, attributionBytes[0]!)),
  entries: (id) => (id === 0 ? [] : attributionAttributes[0]!),
};

const programNames = [
  attributeName.processExecutableName,
  attributeName.processExecutablePath,
  attributeName.executableKind,
  attributeName.executableTruncated,
] as const;

/** Executable of a slot, and the creation time of its process. */
export const createProgramSource = (slots: SlotStore, executables: Executables): AttributeSource => {
  const executableOf = (slot: number): number => slots.words[(slot << SLOT_SHIFT) + WORD.executable]!;
  return {
    names: new Set(programNames),
    createdUs: slots.createdUs,
    sharedBy: executableOf,
    size: (slot) => (slot === 0 ? 0 : executables.encoded(executableOf(slot)).length),
    write: (slot, out, at) => (slot === 0 ? at : putBytes(out, at, executables.encoded(executableOf(slot)))),
    entries: (slot) => (slot === 0 ? [] : executables.attributes(executableOf(slot))),
  };
};

/** The same, and the attribution. */
export const createProcessSource = (slots: SlotStore, program: AttributeSource): AttributeSource => {
  const attributionOf = (slot: number): number => slots.words[(slot << SLOT_SHIFT) + WORD.state]! & STATE.attributionMask;
  return {
    names: new Set([...programNames, attributeName.attribution]),
    createdUs: slots.createdUs,
    sharedBy: (slot) => (program.sharedBy!(slot) << 2) | attributionOf(slot),
    size: (slot) => (slot === 0 ? 0 : program.size(slot) + attributionBytes[attributionOf(slot)]!.length),
    write: (slot, out, at) => (slot === 0 ? at : putBytes(out, program.write(slot, out, at), attributionBytes[attributionOf(slot)]!)),
    entries: (slot) => (slot === 0 ? [] : [...program.entries(slot), ...attributionAttributes[attributionOf(slot)]!]),
  };
};

/** Most bytes of derived attributes that are kept within a frame: some thousand lists of usual length. */
const DERIVED_BYTES = 4 * 2 ** 20;

/** Attributes that are derived from several slots: made when first asked for and kept until the table changes. */
export const createDerivedSource = (
  name: string,
  version: () => number,
  derive: (slot: number) => readonly Attribute[],
): AttributeSource => {
  const encodedOfSlot = new Map<number, Uint8Array>();
  let heldBytes = 0;
  let heldVersion = -1;
  const encoded = (slot: number): Uint8Array => {
    if (heldVersion !== version() || heldBytes > DERIVED_BYTES) {
      heldVersion = version();
      heldBytes = 0;
      encodedOfSlot.clear();
    }
    let bytes = encodedOfSlot.get(slot);
    if (bytes === undefined) {
      bytes = encodeAttributes(derive(slot));
      heldBytes += bytes.length;
      encodedOfSlot.set(slot, bytes);
    }
    return bytes;
  };
  return {
    names: new Set([name]),
    size: (slot) => (slot === 0 ? 0 : encoded(slot).length),
    write: (slot, out, at) => (slot === 0 ? at : putBytes(out, at, encoded(slot))),
    entries: (slot) => (slot === 0 ? [] : derive(slot)),
  };
};
