/** One answer: the page in slices, so that pipelines and other scrapes have their turn, at the pace of who reads it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, createGzip } from 'node:zlib';
import { wantedFormat, wantsGzip } from './negotiate.ts';
import type { PageFormat } from './page.ts';

/** Makes the chunks of a page as it is at the call. */
export type MakePage = (format: PageFormat) => Iterable<string>;
export type Pages = { readonly hasOpenMetrics: boolean; readonly make: MakePage };

/** How long the event loop is held at a time. */
const SLICE_MS = 4;

/** Settles when there is room again, or nobody reads any more. */
const room = (stream: Writable): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    stream.off('drain', done).off('close', done);
    resolve();
  };
  stream.on('drain', done).on('close', done);
  return promise;
};

const writeInSlices = async (out: Writable, chunks: Iterable<string>): Promise<void> => {
  let beganMs = performance.now();
  for (const chunk of chunks) {
    if (out.destroyed) return;
    if (chunk !== '' && !out.write(chunk)) await room(out);
    else if (performance.now() - beganMs >= SLICE_MS) await nextTurn();
    else continue;
    beganMs = performance.now();
  }
  out.end();
};

/** Answers a GET or a HEAD. Rejects when the page cannot be made; who asked sees an answer that breaks off. */
export const answerScrape = async (request: IncomingMessage, response: ServerResponse, { hasOpenMetrics, make }: Pages): Promise<void> => {
  const { format, contentType } = wantedFormat(request.headers.accept, hasOpenMetrics);
  const isCompressed = wantsGzip(request.headers['accept-encoding'] as string | undefined);
  response.writeHead(200, {
    'content-type': contentType,
    vary: 'Accept, Accept-Encoding',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(isCompressed && { 'content-encoding': 'gzip' }),
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.on('error', () => response.destroy());
  const chunks = make(format);
  if (!isCompressed) return writeInSlices(response, chunks);
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  response.once('close', () => gzip.destroy());
  gzip.on('error', () => response.destroy());
  gzip.pipe(response);
  await writeInSlices(gzip, chunks);
};
