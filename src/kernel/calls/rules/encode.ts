/** A plan as the entries of the maps in bpf/rules_maps.bpf.h. */
import { EVENT_KINDS, mapLayout, ruleField, ruleLook } from '../../layouts.gen.ts';
import { RULE_LIMITS } from './limits.ts';
import type { RuleClass, RulePlan } from './plan.ts';
import { entryFields, type EntryField, type KernelTests } from './tests.ts';
import { addTo, createTextNodes, type Matched, nothing, type TextNode } from './text-nodes.ts';

export const ruleMaps = ['rule_paths', 'rule_programs', 'rule_comms', 'rule_peers', 'rule_values'] as const;
export type RuleMap = (typeof ruleMaps)[number];
export type Entries = { readonly keys: Uint8Array; readonly values: Uint8Array; readonly count: number };

/** `set` is the value of the map inside `rules`. */
export type EncodedRules = { readonly maps: Readonly<Record<RuleMap, Entries>>; readonly set: Uint8Array };

const { slots: SLOTS, classes: CLASSES } = RULE_LIMITS;
const U64 = (1n << 64n) - 1n;
const textFields = { path: 'rule_paths', executable: 'rule_programs', comm: 'rule_comms', address: 'rule_peers' } as const;
type TextField = keyof typeof textFields;
const numberFields = ['port', 'pid', 'uid', 'parentPid'] as const;

/** Slot of each class that holds several rules, by its index. */
const slotsOf = (classes: readonly RuleClass[]): readonly (number | undefined)[] => {
  const used = new Map<EntryField | undefined, number>();
  return classes.map(({ action, naming, members }) => {
    if (action === 'keep' || members.length === 1) return undefined;
    const slot = used.get(naming) ?? 0;
    used.set(naming, slot + 1);
    return slot;
  });
};

type Collected = {
  readonly texts: Readonly<Record<TextField, readonly TextNode[]>>;
  /** By `field:value`. */
  readonly numbers: ReadonlyMap<string, { readonly field: number; readonly value: number; readonly matched: Matched }>;
};

const collect = (classes: readonly RuleClass[], slots: readonly (number | undefined)[]): Collected => {
  const nodes = Object.fromEntries(Object.keys(textFields).map((field) => [field, createTextNodes(SLOTS)])) as Record<
    TextField,
    ReturnType<typeof createTextNodes>
  >;
  const numbers = new Map<string, { readonly field: number; readonly value: number; readonly matched: Matched }>();
  const addNumber = (field: number, value: number, bit: bigint, slot: number | undefined, order: number) => {
    const entry = numbers.get(`${field}:${value}`) ?? { field, value, matched: nothing(SLOTS) };
    numbers.set(`${field}:${value}`, entry);
    addTo(entry.matched, bit, slot, order);
  };
  classes.forEach(({ naming, members }, index) => {
    const bit = 1n << BigInt(index);
    const slotOf = (field: EntryField) => (field === naming ? slots[index] : undefined);
    for (const { order, tests } of members) {
      for (const field of Object.keys(textFields) as TextField[])
        for (const entry of tests.texts[field] ?? []) nodes[field].add(entry, bit, slotOf(field), order);
      for (const field of numberFields)
        for (const value of tests.numbers[field] ?? []) addNumber(ruleField[field], value, bit, slotOf(field), order);
      for (const errno of tests.result?.errors ?? []) addNumber(ruleField.result, errno, bit, undefined, order);
    }
  });
  const texts = Object.fromEntries(Object.entries(nodes).map(([field, all]) => [field, all.nodes()])) as Collected['texts'];
  return { texts, numbers };
};

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type Numbers = (order: number) => number;

const writeNames = (view: DataView, at: number, names: readonly number[], numberOf: Numbers): void =>
  names.forEach((order, slot) => view.setUint16(at + 2 * slot, order < 0 ? 0 : numberOf(order), true));

/** `write` is given the place of each key and value. */
const entriesOf = <T>(
  items: readonly T[],
  key: { readonly size: number },
  value: { readonly size: number },
  write: (item: T, key: Uint8Array, value: DataView) => void,
): Entries => {
  const keys = new Uint8Array(items.length * key.size);
  const values = new Uint8Array(items.length * value.size);
  items.forEach((item, index) =>
    write(
      item,
      keys.subarray(index * key.size, (index + 1) * key.size),
      viewOf(values.subarray(index * value.size, (index + 1) * value.size)),
    ),
  );
  return { keys, values, count: items.length };
};

const textEntries = (
  nodes: readonly TextNode[],
  key: typeof mapLayout.ruleTextKey | typeof mapLayout.ruleCommKey,
  tag: number,
  numberOf: Numbers,
) =>
  entriesOf(nodes, key, mapLayout.ruleText, ({ text, begins, whole }, bytes, value) => {
    const at = mapLayout.ruleText;
    viewOf(bytes).setUint32(key.prefixlen, 8 + 8 * text.length, true);
    bytes[key.tag] = tag;
    bytes.set(Buffer.from(text, 'latin1'), key.text);
    [begins, whole].forEach((matched, index) => {
      value.setBigUint64(at.masks + 8 * index, matched.mask, true);
      writeNames(value, at.names + 2 * SLOTS * index, matched.names, numberOf);
    });
    value.setUint32(at.len, text.length, true);
  });

const writeValue = (value: DataView, { mask, names }: Matched, numberOf: Numbers): void => {
  value.setBigUint64(mapLayout.ruleValue.mask, mask, true);
  writeNames(value, mapLayout.ruleValue.names, names, numberOf);
};

const peerEntries = (nodes: readonly TextNode[], tag: number, numberOf: Numbers) =>
  entriesOf(nodes, mapLayout.rulePeerKey, mapLayout.ruleValue, ({ text, begins }, bytes, value) => {
    const at = mapLayout.rulePeerKey;
    viewOf(bytes).setUint32(at.prefixlen, 8 + text.length, true);
    bytes[at.tag] = tag;
    for (let bit = 0; bit < text.length; bit++) if (text[bit] === '1') bytes[at.bytes + (bit >> 3)]! |= 0x80 >> (bit & 7);
    writeValue(value, begins, numberOf);
  });

const numberEntries = ({ numbers }: Collected, tag: number, numberOf: Numbers) =>
  entriesOf([...numbers.values()], mapLayout.ruleValueKey, mapLayout.ruleValue, ({ field, value: number, matched }, bytes, value) => {
    const at = mapLayout.ruleValueKey;
    const view = viewOf(bytes);
    view.setUint32(at.value, number, true);
    view.setUint16(at.field, field, true);
    view.setUint16(at.tag, tag, true);
    writeValue(value, matched, numberOf);
  });

const testsOf = ({ members }: RuleClass): KernelTests => members[0]!.tests;

/** Bits of the classes of which `holds` is true. */
const bitsOf = (classes: readonly RuleClass[], holds: (tests: KernelTests, one: RuleClass) => boolean): bigint =>
  classes.reduce((mask, one, index) => (holds(testsOf(one), one) ? mask | (1n << BigInt(index)) : mask), 0n);

const encodeSet = (
  { classes, filters, droppable }: RulePlan,
  slots: readonly (number | undefined)[],
  generation: number,
  tag: number,
  numberOf: Numbers,
): Uint8Array => {
  const at = mapLayout.ruleSet;
  const bytes = new Uint8Array(at.size);
  const view = viewOf(bytes);
  const put = (place: number, mask: bigint) => view.setBigUint64(place, mask & U64, true);
  const testing = (...fields: readonly EntryField[]) =>
    bitsOf(classes, ({ texts, numbers }) => fields.some((field) => ({ ...texts, ...numbers })[field] !== undefined));
  for (const field of entryFields) put(at.tests + 8 * ruleField[field], testing(field));
  put(at.later, testing('path', 'address', 'port'));
  put(
    at.tests + 8 * ruleField.result,
    bitsOf(classes, ({ result }) => (result?.errors.length ?? 0) > 0),
  );
  for (let kind = 0; kind < EVENT_KINDS; kind++)
    put(
      at.kinds + 8 * kind,
      bitsOf(classes, ({ kinds }) => ((kinds >>> kind) & 1) === 1),
    );
  put(
    at.results,
    bitsOf(classes, ({ result }) => result?.success ?? true),
  );
  put(
    at.results + 8,
    bitsOf(classes, ({ result }) => result?.failure ?? true),
  );
  for (let flags = 0; flags < 4; flags++) {
    const isThread = (flags & 1) !== 0;
    const isNested = (flags & 2) !== 0;
    const holds = ({ kernelThread = isThread, nestedPidNamespace = isNested }: KernelTests) =>
      kernelThread === isThread && nestedPidNamespace === isNested;
    put(at.actors + 8 * flags, bitsOf(classes, holds));
  }
  for (let filter = 0; filter < filters; filter++)
    for (const [index, stage] of (['process', 'context'] as const).entries()) {
      const place = at.stages + mapLayout.ruleStage.size * (2 * filter + index);
      const bits = (action: 'drop' | 'keep') =>
        bitsOf(classes, (_, one) => one.filter === filter && one.stage === stage && one.action === action);
      put(place + mapLayout.ruleStage.drop, bits('drop'));
      put(place + mapLayout.ruleStage.keep, bits('keep'));
    }
  classes.forEach(({ action, naming, members }, index) => {
    const place = at.classes + mapLayout.ruleClass.size * index;
    const slot = slots[index];
    if (action === 'keep') return;
    if (slot === undefined || naming === undefined) view.setUint16(place + mapLayout.ruleClass.rule, numberOf(members[0]!.order), true);
    else {
      view.setUint8(place + mapLayout.ruleClass.field, ruleField[naming]);
      view.setUint8(place + mapLayout.ruleClass.slot, slot);
    }
  });
  const looks =
    (testing('executable') === 0n ? 0 : ruleLook.executable) |
    (testing('uid') === 0n ? 0 : ruleLook.uid) |
    (testing('parentPid') === 0n ? 0 : ruleLook.parent);
  view.setUint32(at.looks, looks, true);
  view.setUint32(at.droppable, droppable, true);
  view.setUint32(at.filters, filters, true);
  view.setUint32(at.generation, generation, true);
  view.setUint32(at.tag, tag, true);
  return bytes;
};

/**
 * `generation` is never 0 and never the same twice; `tag`, 0 or 1, tells its entries from those of the generation before. `numberOf` gives the counter of
 * a drop rule by its order, 1 or more.
 */
export const encodeRules = (plan: RulePlan, generation: number, tag: number, numberOf: Numbers): EncodedRules => {
  const { classes } = plan;
  if (classes.length > CLASSES) throw new RangeError(`${classes.length} classes of rules`);
  const slots = slotsOf(classes);
  const collected = collect(classes, slots);
  const { texts } = collected;
  return {
    maps: {
      rule_paths: textEntries(texts.path, mapLayout.ruleTextKey, tag, numberOf),
      rule_programs: textEntries(texts.executable, mapLayout.ruleTextKey, tag, numberOf),
      rule_comms: textEntries(texts.comm, mapLayout.ruleCommKey, tag, numberOf),
      rule_peers: peerEntries(texts.address, tag, numberOf),
      rule_values: numberEntries(collected, tag, numberOf),
    },
    set: encodeSet(plan, slots, generation, tag, numberOf),
  };
};
