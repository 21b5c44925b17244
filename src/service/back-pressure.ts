/** Exporters that may not drop hold back the frames of the kernel side, for as long as a pipeline names them. */
import type { Exporter } from '../core/component.ts';
import type { Hub } from '../kernel/hub.ts';

export type BackPressure = {
  /** From now on exactly these are asked before a frame is drawn. With none of them, what was held back goes on. */
  follow(exporters: readonly Exporter[]): void;
};

/** A kernel side without a hub draws no frames, so there is nothing to hold back. */
export const createBackPressure = (kernel: object): BackPressure => {
  const { hub } = kernel as { readonly hub?: Pick<Hub, 'holdWhile'> };
  const holds = new Map<Exporter, () => void>();
  return {
    follow(exporters) {
      const wanted = new Set(exporters);
      for (const exporter of wanted) {
        if (hub === undefined || exporter.readiness === undefined || holds.has(exporter)) continue;
        holds.set(
          exporter,
          hub.holdWhile(() => exporter.readiness!()),
        );
      }
      for (const [exporter, end] of holds) {
        if (wanted.has(exporter)) continue;
        holds.delete(exporter);
        end();
      }
    },
  };
};
