/** A signal that is sent. */
export type RequestSignal = 'logs' | 'metrics' | 'traces';

/** An `Export…ServiceRequest`. `bytes` owns its memory; `records` is the number of log records, points of metrics or spans in it. */
export type OtlpRequest = { readonly signal: RequestSignal; readonly bytes: Buffer; readonly records: number };
