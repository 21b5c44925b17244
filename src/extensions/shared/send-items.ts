/** From a source to a reader, as fast as the reader takes it. */
import type { Writable } from 'node:stream';

/** Resolves when there is room again, or nobody reads any more. */
const room = (stream: Writable, signal: AbortSignal): Promise<void> => {
  if (signal.aborted || stream.destroyed) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    stream.off('drain', done);
    stream.off('close', done);
    signal.removeEventListener('abort', done);
    resolve();
  };
  stream.on('drain', done);
  stream.on('close', done);
  signal.addEventListener('abort', done);
  return promise;
};

/** Asks for the next item when the stream has room for it; ends the stream when the items end. The source is always told that it is over. */
export const sendItems = async (stream: Writable, items: AsyncIterable<string>, signal: AbortSignal): Promise<void> => {
  const iterator = items[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const { done, value } = await iterator.next();
      if (done === true) break;
      if (!signal.aborted && !stream.write(value)) await room(stream, signal);
    }
    if (!stream.destroyed) stream.end();
  } finally {
    await iterator.return?.();
  }
};
