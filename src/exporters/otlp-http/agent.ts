/** Connections that are kept and used again, made by our dialer. */
import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dialer } from '../shared/dial.ts';
import type { TlsMaterial } from '../shared/tls-source.ts';

export type AgentOptions = {
  readonly dialer: Dialer;
  /** Most connections. */
  readonly connections: number;
  /** A connection that nobody uses is closed after this; 0 means never. */
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
};

export type Agents = {
  /** For a request that is made now. */
  current(): Promise<http.Agent>;
  close(): void;
};

export const createAgents = ({ dialer, connections, idleMs, connectTimeoutMs, signal }: AgentOptions): Agents => {
  const hand = async (done: (error: Error | null, socket: Duplex) => void): Promise<void> => {
    try {
      done(null, await dialer.dial(connectTimeoutMs, signal));
    } catch (error) {
      done(error as Error, undefined as never);
    }
  };

  const create = (): http.Agent => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections, timeout: idleMs });
    agent.createConnection = (_options, done) => {
      void hand(done!);
      return undefined;
    };
    return agent;
  };
  let agent = create();
  let madeWith: TlsMaterial | undefined;

  /** What is under way ends in peace; nothing is kept. */
  const retire = (old: http.Agent): void => {
    old.maxFreeSockets = 0;
    for (const sockets of Object.values(old.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  };

  return {
    async current() {
      const material = await dialer.material();
      if (material !== madeWith) {
        if (madeWith !== undefined) {
          retire(agent);
          agent = create();
        }
        madeWith = material;
      }
      return agent;
    },
    close: () => agent.destroy(),
  };
};
