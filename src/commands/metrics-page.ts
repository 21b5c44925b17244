/** The page of metrics of a running Ringtail, for commands that tell of it. */
import http from 'node:http';
import { type Address, DEFAULT_METRICS_ADDRESS, parseAddress } from '../config/schema.ts';
import { messageOf, RuntimeError, UsageError } from '../core/errors.ts';
import type { Sample } from '../service/ledger.ts';
import { parsePrometheusText } from '../service/prometheus-text.ts';

const TIMEOUT_MS = 5000;
/** Ringtail's page has some tens of KiB; what answers with more is something else. */
const MAX_PAGE_BYTES = 16 * 2 ** 20;
const ADVICE = 'is Ringtail running there? Its address is service.telemetry.metrics.address';

const fetchPage = ({ host, port }: Address): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = http.get({ host, port, path: '/metrics', agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_PAGE_BYTES) response.destroy(new Error(`the page is larger than ${MAX_PAGE_BYTES} bytes`));
      else chunks.push(chunk);
    });
    response.on('error', reject);
    response.on('end', () => {
      if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
      else reject(new Error(`it answers with status ${response.statusCode}`));
    });
  });
  request.on('error', reject);
  return promise;
};

export type MetricsPage = {
  /** As it was given. */
  readonly text: string;
  /** What stands on the page now. Rejects with a RuntimeError. */
  read(): Promise<readonly Sample[]>;
  /** The error of a page that is not Ringtail's: `what` is missing on it. */
  missing(what: string): RuntimeError;
};

/** Throws a UsageError when it is not an address. */
export const metricsPageAt = (text: string = DEFAULT_METRICS_ADDRESS): MetricsPage => {
  const address = parseAddress(text);
  if (address === undefined)
    throw new UsageError(`${JSON.stringify(text)} is not an address`, {
      advice: `write it as host:port, as in ${DEFAULT_METRICS_ADDRESS}`,
    });
  return {
    text,
    async read() {
      try {
        return parsePrometheusText(await fetchPage(address));
      } catch (error) {
        throw new RuntimeError(`cannot read the metrics of ${text}: ${messageOf(error)}`, { advice: ADVICE });
      }
    },
    missing: (what) => new RuntimeError(`there are no ${what} on the page of ${text}`, { advice: ADVICE }),
  };
};
