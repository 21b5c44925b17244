import type { ConfigUse, ConfigWarning } from '../../core/component.ts';
import { callGroups, callsOf } from '../shared/call-names.ts';
import type { SyscallsConfig } from './config.ts';

const isIo = (name: string): boolean => name === 'io' || (callGroups.io as readonly string[]).includes(name);
/** `process`, or one of its calls. */
const makesProcesses = (name: string): boolean => name === 'process' || (callGroups.process as readonly string[]).includes(name);

const typeOf = (id: string): string => id.split('/')[0]!;

/** What is allowed and will hardly be meant. */
export const syscallsWarnings = ({ calls, aggregate }: SyscallsConfig, { pipelines, graph }: ConfigUse): readonly ConfigWarning[] => {
  const logs = graph.filter(({ id, signal }) => signal === 'logs' && pipelines.includes(id));
  if (logs.length === 0) return [];
  const warnings: ConfigWarning[] = [];
  const io = calls.findIndex(isIo);
  const unfiltered = logs.find(({ processors }) => !processors.some((id) => typeOf(id) === 'filter'));
  if (io >= 0 && !aggregate.enabled && unfiltered !== undefined) {
    warnings.push({
      option: ['calls', io],
      message: `every read and write of this host becomes a record, and no filter stands in the pipeline ${unfiltered.id}; set aggregate.enabled, or put a filter first`,
    });
  }
  if (aggregate.enabled && io < 0)
    warnings.push({ option: ['aggregate', 'enabled'], message: 'without effect: there are no reads and writes among the calls' });
  const process = calls.findIndex(makesProcesses);
  if (process >= 0 && !graph.some(({ receivers }) => receivers.some((id) => typeOf(id) === 'process'))) {
    const onlyStarts = [...callsOf(calls)].every((call) => !makesProcesses(call) || call === 'execve' || call === 'execveat');
    warnings.push({
      option: ['calls', process],
      message: onlyStarts
        ? 'programs that are started, or refused, are records of a process receiver, and no pipeline has one'
        : 'only failures become records here; processes and programs that are started are records of a process receiver, and no pipeline has one',
    });
  }
  return warnings;
};
