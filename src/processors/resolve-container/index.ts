import { map } from 'rxjs';
import type { Attribute, Batch, BatchResource } from '../../core/batch.ts';
import type { Processor, ProcessorFactory, Settings } from '../../core/component.ts';
import { lookupsOf, type KernelLookups } from '../../kernel/service-types.ts';
import { labelTest, resolveContainerConfig, type ResolveContainerConfig } from './config.ts';
import { createLogs, type ActorTell } from './logs.ts';
import { createMetrics } from './metrics.ts';
import { createTell } from './tell.ts';
import { resolveContainerWarnings } from './warnings.ts';
import { withEnvironment } from './with-environment.ts';

/** Of this host, one object for all instances that were given the same list: resources are compared by identity. */
const hosts = new WeakMap<readonly Attribute[], BatchResource>();
const hostOf = (attributes: readonly Attribute[]): BatchResource => {
  let host = hosts.get(attributes);
  if (host === undefined) hosts.set(attributes, (host = { attributes }));
  return host;
};

/** Tells in which container it happened: on the resource of records and points, and that it was one on each record. */
export const resolveContainerProcessor: ProcessorFactory = {
  kind: 'processor',
  type: 'resolve_container',
  resolves: true,
  summary: 'Adds container, pod and unit by the cgroup of the acting process, on the resource',
  signals: ['logs', 'metrics', 'traces'],
  config: resolveContainerConfig,
  warnings: resolveContainerWarnings,
  create({ kernel, resource }: Settings<KernelLookups>, config: ResolveContainerConfig): Processor {
    const { service_name, labels, runtimes, process_environment } = config;
    const host = hostOf(resource);
    const wantsLabel = labelTest(labels);
    const tell = createTell(service_name === 'auto', wantsLabel);
    const ofContainer: ActorTell = (frame, { containers }) => {
      const { containers: ids } = containers.resolve(frame);
      return (actor) => {
        const container = containers.container(ids[actor]!);
        return container && tell(container);
      };
    };
    const ofActor = process_environment ? withEnvironment(ofContainer) : ofContainer;
    const version = ({ containers, environments }: KernelLookups): number => containers.version + (environments?.version ?? 0);
    const logs = createLogs({ host, tell, ofActor, version });
    const metrics = createMetrics(kernel.containers, host, tell);
    const resolve = (batch: Batch): Batch => logs(batch, lookupsOf(batch.frame, kernel));
    let endings: readonly (() => void)[] = [];
    return {
      async start() {
        const { crio, ...others } = runtimes;
        endings = [
          kernel.gate.require('container'),
          kernel.containers.claim({ folders: { ...others, 'cri-o': crio }, wantsLabel }),
          ...(process_environment ? [kernel.gate.require('environment')] : []),
        ];
      },
      async stop() {
        for (const end of endings) end();
      },
      logs: map(resolve),
      metrics: map(metrics),
      traces: map(resolve),
    };
  },
};
