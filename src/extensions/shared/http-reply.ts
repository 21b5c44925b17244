/** What servers of extensions answer. */

export type Reply = {
  readonly status: number;
  /** Media type. */
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

/** An answer without a known end: each item is sent when there is room for it. */
export type StreamReply = { readonly status: 200; readonly type: string; readonly items: AsyncIterable<string> };

const TEXT = 'text/plain; charset=utf-8';
export const text = (status: number, body: string): Reply => ({ status, type: TEXT, body: `${body}\n` });
export const json = (status: number, value: unknown): Reply => ({ status, type: 'application/json', body: `${JSON.stringify(value)}\n` });
