import type { ConfigUse, ConfigWarning } from '../../core/component.ts';
import { connectionStates } from '../shared/session-names.ts';
import type { SocketsConfig } from './config.ts';
import { socketsConfig } from './config.ts';

const byDefault: SocketsConfig = socketsConfig.parse({});

const WITHOUT_EFFECT = 'without effect:';

/** What is allowed and will hardly be meant. */
export const socketsWarnings = (config: SocketsConfig, { pipelines, graph }: ConfigUse): readonly ConfigWarning[] => {
  const { events, states, protocols, families, idle_timeout: idle, mode } = config;
  const warnings: ConfigWarning[] = [];
  const isTold = graph.some(({ id, signal }) => signal === 'logs' && pipelines.includes(id));
  const hasTcp = protocols.includes('tcp');
  if (isTold && states.length < connectionStates.length && !events.includes('state'))
    warnings.push({ option: ['states'], message: `${WITHOUT_EFFECT} the event state is not among the events` });
  if (isTold && events.includes('state') && !hasTcp)
    warnings.push({
      option: ['events', events.indexOf('state')],
      message: `${WITHOUT_EFFECT} only TCP has states, and tcp is not among the protocols`,
    });
  for (const protocol of ['udp', 'icmp', 'raw'] as const)
    if (!protocols.includes(protocol) && idle[protocol] !== byDefault.idle_timeout[protocol])
      warnings.push({ option: ['idle_timeout', protocol], message: `${WITHOUT_EFFECT} ${protocol} is not among the protocols` });
  if (mode === 'ebpf' && config.interval !== byDefault.interval)
    warnings.push({ option: ['interval'], message: `${WITHOUT_EFFECT} with mode: ebpf /proc is not looked at` });
  if (protocols.every((protocol) => protocol === 'unix') && families.length < byDefault.families.length)
    warnings.push({ option: ['families'], message: `${WITHOUT_EFFECT} unix sockets have no addresses of a family` });
  return warnings;
};
