/** A signal that is sent. */
export type RequestSignal = 'logs' | 'metrics';

/** An `Export…ServiceRequest`. `bytes` owns its memory; `records` is the number of log records, or points of metrics, in it. */
export type OtlpRequest = { readonly signal: RequestSignal; readonly bytes: Buffer; readonly records: number };
