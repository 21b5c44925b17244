/** What is allowed and yet does nothing. */
import type { ConfigUse, ConfigWarning } from '../../core/component.ts';
import type { ResolveContainerConfig } from './config.ts';

export const resolveContainerWarnings = (
  { labels, process_environment, runtimes }: ResolveContainerConfig,
  { pipelines, graph }: ConfigUse,
): readonly ConfigWarning[] => {
  const signals = new Set(graph.filter(({ id }) => pipelines.includes(id)).map(({ signal }) => signal));
  const warnings: ConfigWarning[] = [];
  if (process_environment && signals.size > 0 && !signals.has('logs'))
    warnings.push({ option: ['process_environment'], message: 'has no effect on metrics, which are added up over processes' });
  if (labels.length > 0 && Object.values(runtimes).every((folders) => folders.length === 0))
    warnings.push({ option: ['labels'], message: 'there are none: with no folder in runtimes nothing is read of containers' });
  return warnings;
};
