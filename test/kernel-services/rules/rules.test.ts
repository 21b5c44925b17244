/** How rules get into the maps of a session that is made up, and what becomes of it when that fails. */
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../../src/core/counters.ts';
import type { RuleSet } from '../../../src/core/rules.ts';
import { createCallRules } from '../../../src/kernel/calls/rules/rules.ts';
import { mapLayout } from '../../../src/kernel/layouts.gen.ts';

const at = mapLayout.ruleSet;

const createFakeSession = () => {
  const maps = new Map<string, Map<string, string>>();
  const steps: string[] = [];
  const counts = new Map<number, number>();
  let inForce: { readonly generation: number; readonly tag: number } | undefined;
  let failing = '';
  const mapOf = (name: string) => maps.get(name) ?? maps.set(name, new Map()).get(name)!;
  const pieces = (bytes: Uint8Array, size: number) =>
    Array.from({ length: bytes.length / size }, (_, index) =>
      Buffer.from(bytes.subarray(index * size, (index + 1) * size)).toString('hex'),
    );
  const keySizes: Readonly<Record<string, number>> = {
    rule_paths: mapLayout.ruleTextKey.size,
    rule_programs: mapLayout.ruleTextKey.size,
    rule_comms: mapLayout.ruleCommKey.size,
    rule_peers: mapLayout.rulePeerKey.size,
    rule_values: mapLayout.ruleValueKey.size,
  };
  const step = async (name: string): Promise<void> => {
    await Promise.resolve();
    steps.push(name);
    if (failing !== '' && name.startsWith(failing)) throw new Error('no room');
  };
  return {
    steps,
    entries: (name: string) => mapOf(name).size,
    inForce: () => inForce,
    failAt: (name: string) => void (failing = name),
    count: (number: number, value: number) => void counts.set(number, value),
    session: {
      async putEntries(_: number, map: string, keys: Uint8Array) {
        for (const key of pieces(keys, keySizes[map]!)) mapOf(map).set(key, '');
        await step(`put ${map}`);
      },
      async dropEntries(_: number, map: string, keys: Uint8Array) {
        await step(`drop ${map}`);
        for (const key of pieces(keys, keySizes[map]!)) mapOf(map).delete(key);
      },
      async swapInner(_: number, map: string, value?: Uint8Array) {
        await step(`swap ${map}`);
        const view = value && new DataView(value.buffer);
        inForce = view && { generation: view.getUint32(at.generation, true), tag: view.getUint32(at.tag, true) };
      },
      readEntries() {
        const size = 16;
        const values = Buffer.alloc(8 * 2 * size);
        // two CPUs share what was counted
        for (const [number, value] of counts) {
          values.writeBigUInt64LE(BigInt(value - 1), 16 * number);
          values.writeBigUInt64LE(1n, 16 * number + 8);
        }
        return {
          count: size,
          keyBytes: 4,
          valueBytes: 16,
          keys: Buffer.from(Uint32Array.from({ length: size }, (_, i) => i).buffer),
          values,
        };
      },
    },
  };
};

const setOf = (...texts: readonly string[]): RuleSet => ({
  rules: texts.map((text) => ({ id: text, stage: 'context', action: 'drop', tests: { path: [{ type: 'prefix', text }] } })),
  neverDrop: [],
  hasMore: false,
});
/** A reading of the counts is good for 20 ms. */
const later = () => new Promise((resolve) => setTimeout(resolve, 25));

describe('rules in a session', () => {
  it('enter beside those in force, are exchanged in one step, and only then the old ones leave', async () => {
    const fake = createFakeSession();
    const rules = createCallRules({ session: fake.session, object: 1, counters: createCounters() });
    await rules.set([setOf('/a')]);
    expect(fake.steps).toEqual(['put rule_paths', 'swap rules']);
    await rules.set([setOf('/a', '/b')]);
    expect(fake.steps.slice(2)).toEqual(['put rule_paths', 'swap rules', 'drop rule_paths']);
    expect(fake.entries('rule_paths')).toBe(2);
    expect(fake.inForce()).toEqual({ generation: 2, tag: 0 });
  });

  it('that are the same again touch nothing', async () => {
    const fake = createFakeSession();
    const rules = createCallRules({ session: fake.session, object: 1, counters: createCounters() });
    await rules.set([undefined]);
    expect(fake.steps).toEqual([]);
    await rules.set([setOf('/a')]);
    await rules.set([setOf('/a')]);
    expect(fake.steps).toEqual(['put rule_paths', 'swap rules']);
  });

  it('are exchanged one after the other when asked for at once', async () => {
    const fake = createFakeSession();
    const rules = createCallRules({ session: fake.session, object: 1, counters: createCounters() });
    await Promise.all([rules.set([setOf('/a')]), rules.set([setOf('/b')]), rules.set([])]);
    expect(fake.steps.filter((step) => step.startsWith('swap'))).toHaveLength(3);
    expect(fake.entries('rule_paths')).toBe(0);
    expect(fake.inForce()).toBeUndefined();
  });

  it.each(['put rule_paths', 'swap rules'])('stay as they are when "%s" fails, and can be changed afterwards', async (where) => {
    const fake = createFakeSession();
    const counters = createCounters();
    const rules = createCallRules({ session: fake.session, object: 1, counters });
    await rules.set([setOf('/a')]);
    fake.failAt(where);
    await expect(rules.set([setOf('/b', '/c')])).rejects.toThrow('no room');
    expect(fake.entries('rule_paths')).toBe(1);
    expect(fake.inForce()).toEqual({ generation: 1, tag: 1 });
    fake.failAt('');
    await rules.set([setOf('/c')]);
    expect(fake.inForce()).toEqual({ generation: 3, tag: 0 });
    expect(fake.entries('rule_paths')).toBe(1);
  });

  it('are counted by rule, and no count goes back when numbers are used again', async () => {
    const fake = createFakeSession();
    const counters = createCounters();
    const rules = createCallRules({ session: fake.session, object: 1, counters });
    const counted = () => Object.fromEntries(counters.samples().map(({ labels, value }) => [labels['rule'], value]));
    await rules.set([setOf('/a', '/b')]);
    fake.count(1, 10);
    fake.count(2, 5);
    await later();
    expect(counted()).toEqual({ '/a': 10, '/b': 5 });
    await rules.set([setOf('/b', '/c')]);
    await later();
    expect(counted()).toEqual({ '/a': 10, '/b': 5, '/c': 0 });
    fake.count(3, 2);
    await later();
    expect(counted()).toEqual({ '/a': 10, '/b': 5, '/c': 2 });
    // takes the number of a rule that went
    await rules.set([setOf('/d')]);
    fake.count(1, 14);
    await later();
    expect(counted()).toEqual({ '/a': 10, '/b': 5, '/c': 2, '/d': 4 });
    rules.close();
    fake.count(1, 99);
    expect(counted()).toEqual({ '/a': 10, '/b': 5, '/c': 2, '/d': 4 });
  });
});
