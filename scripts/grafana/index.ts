/** All dashboards, by the name of the file that each is written to. */
import { containers } from './containers.ts';
import { health } from './health.ts';
import { host } from './host.ts';
import type { Dashboard } from './model.ts';
import { network } from './network.ts';
import { processes } from './processes.ts';

export const dashboards: Readonly<Record<string, Dashboard>> = {
  'host.json': host,
  'containers.json': containers,
  'network.json': network,
  'processes.json': processes,
  'health.json': health,
};
