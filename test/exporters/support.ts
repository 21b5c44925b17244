import type { Settings } from '../../src/core/component.ts';
import { createCounters, type Counters } from '../../src/core/counters.ts';
import type { Batch, EventSchema } from '../../src/core/batch.ts';
import { createFrameBuilder, type ActorInput, type ColumnInput } from '../../src/core/frame-builder.ts';
import type { Timers } from '../../src/exporters/shared/timers.ts';

export type Warning = { readonly fields: Readonly<Record<string, unknown>>; readonly message: string };

export const settingsFor = (id: string, counters: Counters = createCounters()) => {
  const warnings: Warning[] = [];
  const log = (fields: object, message: string) => void warnings.push({ fields: { ...fields }, message });
  const settings: Settings<never> = {
    id,
    logger: { debug() {}, info() {}, warn: log, error: log },
    counters,
    version: '1.2.3',
    resource: [['service.name', 'ringtail']],
    kernel: undefined as never,
  };
  return { settings, counters, warnings };
};

/** Values of `ringtail_exporter_items` by outcome, and by `outcome/reason` where there is a reason. */
export const itemsOf = (counters: Counters): Record<string, number> =>
  Object.fromEntries(
    counters
      .samples()
      .filter(({ name, value }) => name === 'ringtail_exporter_items' && value !== 0)
      .map(({ labels, value }) => [
        labels['reason'] === undefined ? labels['outcome']! : `${labels['outcome']}/${labels['reason']}`,
        value,
      ]),
  );

export const sampleOf = (counters: Counters, name: string): number | undefined =>
  counters.samples().find((sample) => sample.name === name)?.value;

/** accepted − (sent + rejected + failed + dropped + held); 0 when the books balance. */
export const imbalance = (counters: Counters): number =>
  Object.entries(itemsOf(counters)).reduce((sum, [key, value]) => sum + (key === 'accepted' ? value : -value), 0);

const textSchema: EventSchema = { eventName: 'test.event', fields: [{ name: 'text', type: 'string', column: 'text' }] };

export const batchOf = (
  kind: EventSchema,
  rows: readonly { readonly actor?: ActorInput; readonly columns?: Readonly<Record<string, ColumnInput>>; readonly bootNs?: bigint }[],
  view: Partial<Batch> = {},
): Batch => {
  const builder = createFrameBuilder({ wallOffsetNs: BigInt(Date.UTC(2026, 10, 21, 2, 45, 2, 123)) * 1_000_000n + 456_789n });
  for (const { actor = { pid: 4711, comm: 'bash' }, columns = {}, bootNs = 0n } of rows)
    builder.addRow(1, { bootNs, actor: builder.addActor(actor), columns });
  const { batches, ...frame } = builder.build();
  const built = batches[0]!;
  return {
    ...built,
    kind,
    receiver: 'process',
    frame,
    selection: undefined,
    actorAttributes: [],
    rowAttributes: [],
    resource: undefined,
    omitted: undefined,
    ...view,
  };
};

/** `count` small records with texts of `size` bytes. */
export const textBatch = (count: number, size = 10, first = 0): Batch =>
  batchOf(
    textSchema,
    Array.from({ length: count }, (_, i) => ({ columns: { text: `${first + i} `.padEnd(size, 'x') } })),
  );

/** Waits for a condition, not for a time. The test's own timeout ends it. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

/** Time that moves when it is told to. */
export const manualTimers = () => {
  let nowMs = 0;
  const pending: { readonly atMs: number; readonly call: () => void }[] = [];
  /** Lets promises settle. */
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const timers: Timers = {
    nowMs: () => nowMs,
    after(delayMs, call) {
      const entry = { atMs: nowMs + delayMs, call };
      pending.push(entry);
      return () => {
        const index = pending.indexOf(entry);
        if (index >= 0) pending.splice(index, 1);
      };
    },
    random: () => 0.5,
  };
  return {
    timers,
    settle,
    pending: () => pending.length,
    async advance(ms: number) {
      const endMs = nowMs + ms;
      await settle();
      for (;;) {
        const next = pending.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        pending.splice(pending.indexOf(next), 1);
        nowMs = next.atMs;
        next.call();
        await settle();
      }
      nowMs = endMs;
    },
  };
};
