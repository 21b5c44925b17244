import { readLatin1 } from '../../procfs/read.ts';

const MAX_SOCKSTAT_BYTES = 4096;

/** Of one network namespace; undefined what the kernel does not tell. Source: net/ipv4/proc.c. */
export type Sockstat = {
  /** Sockets of IPv4 and IPv6 in TIME_WAIT, which are no sockets of any process any more. */
  readonly timeWait: number | undefined;
  /** TCP sockets that no process has any more, whose last bytes are still on their way. */
  readonly orphans: number | undefined;
};

export const parseSockstat = (text: string): Sockstat => {
  const line = /^TCP: (.*)$/m.exec(text)?.[1] ?? '';
  const numberOf = (name: string): number | undefined => {
    const digits = new RegExp(`(?:^| )${name} (\\d+)(?: |$)`).exec(line)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
  return { timeWait: numberOf('tw'), orphans: numberOf('orphan') };
};

/** Of the network namespace that a process is in; undefined when it is gone. */
export const readSockstat = async (root: string, pid: number): Promise<Sockstat | undefined> => {
  const text = await readLatin1(`${root}/proc/${pid}/net/sockstat`, MAX_SOCKSTAT_BYTES);
  return text.ok ? parseSockstat(text.value) : undefined;
};
