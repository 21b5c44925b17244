import type { Extension, ExtensionFactory, ExtensionSettings, ServiceView } from '../../core/component.ts';
import { endpointNeeds, endpointWarnings } from '../shared/config.ts';
import { json, text, type Reply } from '../shared/http-server.ts';
import { createPageServer } from '../shared/page-server.ts';
import { healthCheckConfig, type HealthCheckConfig } from './config.ts';
import { goDuration, healthReport } from './report.ts';

/** As the Collector's extension of the same name answers. */
const collectorAnswer = (service: ServiceView, bodies: HealthCheckConfig['response_body'], nowMs: number): Reply => {
  const isReady = service.state() === 'ready';
  const body = isReady ? bodies.healthy : bodies.unhealthy;
  if (body !== undefined) return { ...text(isReady ? 200 : 503, ''), body };
  const { startedAt } = service;
  return isReady
    ? json(200, { status: 'Server available', upSince: startedAt.toISOString(), uptime: goDuration(nowMs - startedAt.getTime()) })
    : json(503, { status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' });
};

/** Tells probes whether Ringtail runs, and people how every part of it fares. */
export const healthCheckExtension: ExtensionFactory = {
  kind: 'extension',
  type: 'health_check',
  stability: 'beta',
  summary: 'Tells probes whether Ringtail runs, and how each part of it fares',
  signals: [],
  config: healthCheckConfig,
  hostNeeds: endpointNeeds,
  warnings: (config: HealthCheckConfig) => endpointWarnings(config, 'sees how this host is watched'),
  create({ id, logger, service }: ExtensionSettings, config: HealthCheckConfig): Extension {
    const server = createPageServer({
      id,
      logger,
      endpoint: config.endpoint,
      hosts: config.hosts,
      paths: [config.path, config.health_path],
      answer({ path }) {
        if (path === config.path) return collectorAnswer(service, config.response_body, Date.now());
        if (path !== config.health_path) return undefined;
        const report = healthReport(service, Date.now());
        return json(report.status === 'ok' || report.status === 'recoverable' ? 200 : 503, report);
      },
    });
    return { start: server.start, stop: server.stop };
  },
};
