/** Trees of the processes of this host. */
import { readFileSync } from 'node:fs';
import { createTraceIds } from './ids.ts';
import { createTraces, type Traces, type TracesOptions } from './service.ts';

export type { Traces } from './service.ts';

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
};

/** `root`: prefix of /proc and /etc. Without a machine-id the boot alone tells hosts apart: it is random. */
export const createHostTraces = ({
  root,
  ...options
}: Pick<TracesOptions, 'hub' | 'lookups' | 'traceparents' | 'counters' | 'logger'> & { readonly root: string }): Traces =>
  createTraces({
    ...options,
    ids: createTraceIds(textOf(`${root}/etc/machine-id`), textOf(`${root}/proc/sys/kernel/random/boot_id`)),
  });
