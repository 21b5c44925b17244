import type { Extension, ExtensionFactory, ExtensionSettings } from '../../core/component.ts';
import { endpointNeeds, endpointWarnings } from '../shared/config.ts';
import { createPageServer } from '../shared/page-server.ts';
import { zpagesConfig, type ZpagesConfig } from './config.ts';
import { document } from './html.ts';
import { menu, pageAt, pagePaths } from './pages.ts';

/** Shows people what runs: pipelines, books, configuration. */
export const zpagesExtension: ExtensionFactory = {
  kind: 'extension',
  type: 'zpages',
  stability: 'beta',
  summary: 'Pages for people: pipelines, books and configuration of what runs',
  signals: [],
  config: zpagesConfig,
  hostNeeds: endpointNeeds,
  warnings: (config: ZpagesConfig) => endpointWarnings(config, 'reads the configuration'),
  create({ id, logger, service, version, resource }: ExtensionSettings, { endpoint, hosts }: ZpagesConfig): Extension {
    const server = createPageServer({
      id,
      logger,
      endpoint,
      hosts,
      paths: pagePaths,
      answer({ path }) {
        const page = pageAt(path, { service, version, resource, nowMs: Date.now() });
        return page === undefined ? undefined : { status: 200, type: 'text/html; charset=utf-8', body: document(page, menu) };
      },
    });
    return { start: server.start, stop: server.stop };
  },
};
