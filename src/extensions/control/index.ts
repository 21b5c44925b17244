import { dirname } from 'node:path';
import type { Extension, ExtensionFactory, ExtensionSettings, Health, HostNeed } from '../../core/component.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { controlConfig, type ControlConfig } from './config.ts';
import { createControlServer } from './server.ts';

const WELL: Health = { status: 'ok', message: '' };

const hostNeeds = ({ path, group, required }: ControlConfig): readonly HostNeed[] =>
  required
    ? [
        { kind: 'directory', path: dirname(path), create: true, option: ['path'] },
        ...(group === undefined ? [] : [{ kind: 'group', name: group, option: ['group'] } as const]),
      ]
    : [];

/** A socket of this host on which `ringtail events`, `top` and `report` look at what runs. */
export const controlExtension: ExtensionFactory = {
  kind: 'extension',
  type: 'control',
  stability: 'beta',
  summary: 'A socket on which live events, sessions, statistics and the books of what runs are told',
  signals: [],
  config: controlConfig,
  hostNeeds,
  create(settings: ExtensionSettings, config: ControlConfig): Extension {
    const server = createControlServer(settings, config);
    let health = WELL;
    return {
      async start() {
        health = WELL;
        try {
          await server.start();
          health = { ...WELL, details: { socket: config.path } };
        } catch (error) {
          if (config.required || !(error instanceof ConfigError)) throw error;
          const message = messageOf(error);
          settings.logger.warn({ error: message }, 'Ringtail runs without its control socket');
          health = { status: 'recoverable', message: `there is no control socket: ${message}` };
        }
      },
      stop: server.stop,
      health: () => health,
    };
  },
};
