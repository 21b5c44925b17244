/** One run: places are made, processes begun and joined, traffic made, counts collected, and all of it removed. */
import { networkInterfaces } from 'node:os';
import { type Worker, cgroupOf, startWorker } from './actors.ts';
import type { DemoOptions } from './options.ts';
import { type DemoCgroup, type Link, hasTools, linkTo, makePlaces, type Places, removeLeftovers, v2Mount } from './places.ts';
import { type Actor, type Truth, truthOf } from './truth.ts';

const HTTP_PORT = 18_080;
const DNS_PORT = 18_053;

/** What can be made here. */
export type Plan = {
  readonly mount: string | undefined;
  readonly cgroups: number;
  readonly containers: number;
  readonly netns: number;
  readonly ipv6: boolean;
  readonly leftOut: readonly string[];
};

export const planFor = async (options: DemoOptions): Promise<Plan> => {
  const leftOut: string[] = [];
  const isRoot = process.getuid?.() === 0;
  const mount = v2Mount();
  let { cgroups, containers, netns } = options;
  if (cgroups + containers > 0 && (!isRoot || mount === undefined)) {
    leftOut.push(isRoot ? 'cgroups and containers: no cgroup2 is mounted' : 'cgroups and containers: they need root');
    cgroups = containers = 0;
  }
  if (netns > 0 && !(isRoot && (await hasTools()))) {
    leftOut.push(isRoot ? 'network namespaces: ip, unshare or nsenter is not there' : 'network namespaces: they need root');
    netns = 0;
  }
  const ipv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1') === true);
  if (!ipv6) leftOut.push('IPv6: there is no ::1');
  return { mount: cgroups + containers > 0 ? mount : undefined, cgroups, containers, netns, ipv6, leftOut };
};

export type RunHooks = {
  /** Of a signal: ends the traffic, and the counts are told all the same. */
  readonly stop: Promise<'signal'>;
  /** The first requests are on their way. */
  begun(): void;
  /** Every half second. */
  progress(requests: number): void;
  tell(line: string): void;
};

type Client = {
  readonly worker: Worker;
  readonly cgroup: DemoCgroup | undefined;
  /** Of the servers, as it reaches them. */
  readonly addresses: readonly string[];
};

const PROGRESS_MS = 500;

const shareOf = (total: number, of: number, at: number): number => Math.floor(total / of) + (at < total % of ? 1 : 0);

const actorOf = async (worker: Worker, cgroup: DemoCgroup | undefined): Promise<Actor> => {
  const cgroupPath = cgroupOf(worker.pid);
  worker.order({ do: 'end' });
  const { types, programs } = await worker.answer('truth');
  return {
    role: worker.role,
    pid: worker.pid,
    executable: worker.executable,
    cgroup: cgroupPath,
    cgroupId: cgroup?.id ?? 0,
    ...(cgroup?.containerId === undefined ? {} : { containerId: cgroup.containerId }),
    netns: worker.netnsInode(),
    types,
    programs,
  };
};

/** Of all, when all are settled: what is begun late must not be left behind. */
const all = async <T>(promises: readonly Promise<T>[]): Promise<readonly T[]> => {
  await Promise.allSettled(promises);
  return Promise.all(promises);
};

const ordersFor = (options: DemoOptions, clients: number, at: number) => ({
  do: 'run' as const,
  type: options.type,
  requests: shareOf(options.requests, clients, at),
  rate: options.rate / clients,
  durationMs: options.durationMs,
  offsetMs: options.rate === 0 ? 0 : (at * 1000) / options.rate,
});

/** Whatever happens, nothing of it stays. */
export const runDemo = async (options: DemoOptions, plan: Plan, hooks: RunHooks): Promise<Truth> => {
  for (const path of await removeLeftovers()) hooks.tell(`removed what an earlier run left: ${path}`);
  const places: Places = makePlaces(plan);
  const workers: Worker[] = [];
  const links: Link[] = [];
  const begin = async (role: Actor['role'], cgroup: DemoCgroup | undefined, ownNetns = false): Promise<Worker> => {
    const worker = await startWorker(role, { ownNetns });
    workers.push(worker);
    if (cgroup !== undefined) places.enter(cgroup, worker.pid);
    return worker;
  };
  const beginClient = async (cgroup: DemoCgroup | undefined, ownNetns = false): Promise<Client> => {
    const worker = await begin('client', cgroup, ownNetns);
    if (!ownNetns) return { worker, cgroup, addresses: ['127.0.0.1', ...(plan.ipv6 ? ['::1'] : [])] };
    const link = await linkTo(worker.pid, plan);
    links.push(link);
    return { worker, cgroup, addresses: [link.ipv4, ...(link.ipv6 === undefined ? [] : [link.ipv6])] };
  };
  const makeTraffic = async (server: Worker, clients: readonly Client[]): Promise<Truth> => {
    const addresses = [...new Set(clients.flatMap((client) => client.addresses))];
    server.order({ do: 'serve', addresses, httpPort: HTTP_PORT, dnsPort: DNS_PORT });
    const { http, dns } = await server.answer('serving');
    const started = new Date();
    for (const [at, { worker, addresses: own }] of clients.entries())
      worker.order({
        ...ordersFor(options, clients.length, at),
        folder: places.folder,
        http: http.filter(({ address }) => own.includes(address)),
        dns: dns.filter(({ address }) => own.includes(address)),
      });
    hooks.begun();
    const timer = setInterval(() => hooks.progress(clients.reduce((sum, { worker }) => sum + worker.progress(), 0)), PROGRESS_MS);
    // the server says nothing now, unless it dies
    const through = Promise.all(clients.map(({ worker }) => worker.answer('through')));
    const outcome = await Promise.race([through, hooks.stop, server.answer('truth')]).finally(() => clearInterval(timer));
    const isLate = Array.isArray(outcome) && outcome.some(({ late }) => late);
    const told = await Promise.all(clients.map(({ worker, cgroup }) => actorOf(worker, cgroup)));
    const ended = new Date();
    const head = {
      type: options.type,
      started: started.toISOString(),
      ended: ended.toISOString(),
      endedBy: outcome === 'signal' ? outcome : isLate ? ('duration' as const) : ('requests' as const),
      leftOut: plan.leftOut,
      listening: [...http.map((one) => ({ type: 'http' as const, ...one })), ...dns.map((one) => ({ type: 'udp' as const, ...one }))],
    };
    return truthOf(head, [await actorOf(server, places.cgroups[0]), ...told]);
  };
  try {
    const serverBegun = begin('server', places.cgroups[0]);
    const clientsBegun = [
      beginClient(undefined),
      ...places.cgroups.map((cgroup) => beginClient(cgroup)),
      ...Array.from({ length: plan.netns }, () => beginClient(undefined, true)),
    ];
    const [clients] = await Promise.all([all(clientsBegun), serverBegun.catch(() => {})]);
    return await makeTraffic(await serverBegun, clients);
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
    for (const link of links) await link.remove();
    await places.remove();
  }
};
