/** How bytes leave: one request, one outcome. */
import type { RequestSignal } from '../../otlp/request.ts';

/** What became of a request. Nothing is thrown: every way to fail is one of these. */
export type Outcome =
  /** The other side has it, but for `rejected` records. */
  | { readonly kind: 'success'; readonly rejected?: number; readonly message?: string }
  /** It may work later, not before `afterMs` when the other side said so. */
  | { readonly kind: 'retryable'; readonly afterMs?: number; readonly message: string }
  /** The same bytes will never be taken; `tooLarge`: because of their number, so that fewer may be. */
  | { readonly kind: 'permanent'; readonly tooLarge?: true; readonly message: string };

export type Transport = {
  /** Settles within about `timeoutMs`, a whole number from 1 on. `bytes` must not change before that. */
  send(bytes: Buffer, timeoutMs: number, signal: RequestSignal): Promise<Outcome>;
  /** Ends what is under way; its outcomes may still come. */
  close(): void;
};
