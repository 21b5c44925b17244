/** Exporters that a pipeline names hold back frames, and others do not. */
import { describe, expect, it } from 'vitest';
import type { Exporter } from '../../src/core/component.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createKernelFrameBuilder } from '../../src/kernel/frame-builder.ts';
import { createHub } from '../../src/kernel/hub.ts';
import { createBackPressure } from '../../src/service/back-pressure.ts';

const exporterOf = (readiness?: Exporter['readiness']): Exporter => ({
  start: async () => {},
  stop: async () => {},
  ...(readiness && { readiness }),
});
const never = () => new Promise<void>(() => {});

const setUp = () => {
  const hub = createHub({ gate: { admit: () => undefined }, logger: silentLogger });
  const { follow } = createBackPressure({ hub });
  return { hub, follow, deliver: () => hub.deliver(createKernelFrameBuilder({ wallOffsetNs: 0n }).build(), () => {}) };
};

describe('back-pressure', () => {
  it('comes from the exporters that are named, for as long as they are', () => {
    const { hub, follow, deliver } = setUp();
    const full = exporterOf(never);
    follow([exporterOf(), exporterOf(() => undefined)]);
    deliver();
    expect(hub.delivered).toBe(1);
    follow([exporterOf(), full, full]);
    deliver();
    expect([hub.delivered, hub.pending]).toEqual([1, 1]);
    // one that stays is not let go in between
    follow([full, exporterOf(never)]);
    follow([full]);
    expect([hub.delivered, hub.pending]).toEqual([1, 1]);
    follow([]);
    expect([hub.delivered, hub.pending]).toEqual([2, 0]);
  });

  it('needs no hub', () => {
    expect(() => createBackPressure({}).follow([exporterOf(never)])).not.toThrow();
  });
});
