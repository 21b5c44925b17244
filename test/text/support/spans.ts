/** Spans by hand, for trees and paths. */
import type { TreeSpan } from '../../../src/text/span-forest.ts';

export const MS = 1_000_000n;

/** A span of so many ms from a moment on; its id is its name. */
export const span = (
  spanId: string,
  parentId: string,
  fromMs: number,
  ms: number,
  more: { readonly [K in keyof TreeSpan]?: TreeSpan[K] } = {},
): TreeSpan => ({
  name: spanId,
  spanId,
  parentId,
  startUnixNs: BigInt(fromMs) * MS,
  endUnixNs: BigInt(fromMs + ms) * MS,
  status: 'UNSET',
  statusMessage: '',
  kind: 'INTERNAL',
  attributes: [['process.args_count', 2]],
  args: () => [spanId, '-v'],
  ...more,
});
