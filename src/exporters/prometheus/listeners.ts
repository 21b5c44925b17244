/**
 * Servers that outlive a reload: an exporter starts before the one that it replaces stops, on the same port. Of those that share a server one answers
 * at a time, and has all series; who follows takes them over, so that no counter goes back.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pages } from './scrape.ts';
import { openScrapeServer, type ScrapeServer, type ScrapeServerOptions } from './server.ts';
import type { Table } from './table.ts';
import type { ServerTls } from './tls.ts';

export type Tenant = Omit<ScrapeServerOptions, 'pages'> & { readonly table: Table; readonly pages: Pages };

export type Tenancy = {
  readonly address: ScrapeServer['address'];
  /** From now on this one answers. Cheap when it does already. */
  takeOver(): void;
  /** Other certificates for new connections, while this one answers. */
  renew(tls: ServerTls): void;
  /** The one before, or the one behind it, answers from now on; without one the server is closed. */
  release(deadlineMs: number): Promise<void>;
};

type House = { server: Promise<ScrapeServer>; readonly tenants: Tenant[]; answering: Tenant };

/** By exporter and port. Port 0 is another port each time, and is not shared. */
const houses = new Map<string, House>();

/** What a page under way gets when its server must go. */
const CLOSE_MS = 1000;

const open = (house: () => House, tenant: Tenant): Promise<ScrapeServer> =>
  openScrapeServer({ ...tenant, pages: () => house().answering.pages });

/** Another address of the same port, or TLS instead of plain text. */
const needsAnotherServer = (a: Tenant, b: Tenant): boolean =>
  a.endpoint.host !== b.endpoint.host || (a.tls === undefined) !== (b.tls === undefined);

/** The server becomes the one that `to` wants. When that cannot be, the one of before is back and the promise rejects. */
const adapt = async (house: House, from: Tenant, to: Tenant): Promise<void> => {
  const server = await house.server;
  if (!needsAnotherServer(from, to)) {
    if (to.tls !== undefined && !isDeepStrictEqual(from.tls, to.tls)) server.renew(to.tls);
    return;
  }
  const closing = server.close(CLOSE_MS);
  try {
    house.server = Promise.resolve(await open(() => house, to));
  } catch (error) {
    house.server = open(() => house, from);
    house.server.catch(() => {}); // whoever waits for it is told
    throw error;
  } finally {
    await closing;
  }
};

const enter = async (key: string, tenant: Tenant): Promise<House> => {
  const known = houses.get(key);
  if (known !== undefined) {
    await adapt(known, known.tenants.at(-1)!, tenant);
    known.tenants.push(tenant);
    return known;
  }
  const house: House = { server: open(() => house, tenant), tenants: [tenant], answering: tenant };
  if (tenant.endpoint.port !== 0) houses.set(key, house);
  try {
    await house.server;
  } catch (error) {
    houses.delete(key);
    throw error;
  }
  return house;
};

/** Rejects with a ConfigError when the address cannot be used. */
export const moveIn = async (tenant: Tenant): Promise<Tenancy> => {
  const key = `${tenant.id} ${tenant.endpoint.port}`;
  const house = await enter(key, tenant);
  const answerBy = (next: Tenant): void => {
    if (house.answering === next) return;
    next.table.adopt(house.answering.table);
    house.answering = next;
  };
  return {
    address: (await house.server).address,
    takeOver: () => answerBy(tenant),
    renew(tls) {
      if (house.tenants.at(-1) === tenant) void house.server.then((server) => server.renew(tls));
    },
    async release(deadlineMs) {
      const wasLast = house.tenants.at(-1) === tenant;
      house.tenants.splice(house.tenants.indexOf(tenant), 1);
      const next = house.tenants.at(-1);
      if (next === undefined) {
        if (houses.get(key) === house) houses.delete(key);
        await (await house.server).close(deadlineMs);
        return;
      }
      if (house.answering === tenant) answerBy(next);
      if (wasLast) await adapt(house, tenant, next);
    },
  };
};
