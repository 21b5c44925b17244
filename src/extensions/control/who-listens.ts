/** Who listens at a socket that we wanted to have. */
import http from 'node:http';
import type { ControlInfo } from '../../live/info.ts';

const TIMEOUT_MS = 1000;
const MAX_BYTES = 65_536;

/** In a few words: a Ringtail says its pid. Never rejects. */
export const tellWho = async (path: string): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const request = http.get(
    { socketPath: path, path: '/v1/info', agent: false, headers: { host: 'localhost' }, signal: AbortSignal.timeout(TIMEOUT_MS) },
    (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) response.destroy();
      });
      response.on('close', () => resolve(text));
    },
  );
  request.on('error', () => resolve(''));
  try {
    const { pid } = JSON.parse(await promise) as Partial<ControlInfo>;
    if (Number.isSafeInteger(pid)) return `the Ringtail of pid ${pid}`;
  } catch {
    // it is none
  }
  return 'another program';
};
