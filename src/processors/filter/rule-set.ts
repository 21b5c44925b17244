/** From the configuration to rules. */
import type { ComponentId } from '../../core/component.ts';
import type { AddressTest, ContextTests, PortTest, ProcessTests, ResultTest, Rule, RuleSet, SizeTest } from '../../core/rules.ts';
import { parseNetwork } from './address-tests.ts';
import type { FilterConfig } from './config.ts';
import { valuesOf, type ContextRule } from './rule-config.ts';
import { parsePorts, parseResult, parseSize } from './rule-values.ts';
import { parseTextTest } from './text-tests.ts';

/** The configuration was checked. */
const parsed = <T>(value: T | string): T => {
  if (typeof value === 'string') throw new Error(`a value of a rule is ${value}`);
  return value;
};

/** The tests of a field under its name in the model; nothing when it is not written. */
const some = <K extends string, V, T>(
  key: K,
  value: V | readonly V[] | undefined,
  parse: (one: V) => T,
): { readonly [P in K]?: readonly T[] } => {
  const tests: Record<string, readonly T[]> = value === undefined ? {} : { [key]: valuesOf(value).map(parse) };
  return tests as { readonly [P in K]?: readonly T[] };
};
const networkOf = (text: string): AddressTest => parsed(parseNetwork(text));
const portOf = (value: string | number): PortTest => parsed(parsePorts(value));
const itself = <T>(value: T): T => value;

const testsOf = (rule: ContextRule): ProcessTests & ContextTests => ({
  ...some('comm', rule.comm, parseTextTest),
  ...some('executable', rule.executable, parseTextTest),
  ...some('user', rule.user, parseTextTest),
  ...some('uid', rule.uid, itself<number>),
  ...some('pid', rule.pid, itself<number>),
  ...some('parent', rule.parent, parseTextTest),
  ...some('parentPid', rule.parent_pid, itself<number>),
  ...some('cgroup', rule.cgroup, parseTextTest),
  ...some('container', rule.container, parseTextTest),
  ...(rule.kernel_thread === undefined ? {} : { kernelThread: rule.kernel_thread }),
  ...(rule.pid_namespace === undefined ? {} : { nestedPidNamespace: rule.pid_namespace === 'nested' }),
  ...some('event', rule.event, parseTextTest),
  ...some('path', rule.path, parseTextTest),
  ...some('address', rule.address, networkOf),
  ...some('port', rule.port, portOf),
  ...some('localAddress', rule.local_address, networkOf),
  ...some('localPort', rule.local_port, portOf),
  ...some('result', rule.result, (text: string): ResultTest => parsed(parseResult(text))),
  ...some('size', rule.size, (value: string | number): SizeTest => parsed(parseSize(value))),
});

/** Rules in the order in which they count: by stage, what is dropped before what is kept. Named by where they stand in what `print-config` prints. */
export const ruleSetOf = (
  id: ComponentId,
  config: Pick<FilterConfig, 'process' | 'context' | 'never_drop' | 'log_conditions'>,
): RuleSet => ({
  rules: (['process', 'context'] as const).flatMap((stage) =>
    (['drop', 'keep'] as const).flatMap((action) =>
      config[stage][action].map((rule, index): Rule => ({ id: `${id} ${stage}.${action}[${index}]`, stage, action, tests: testsOf(rule) })),
    ),
  ),
  neverDrop: config.never_drop.map(parseTextTest),
  hasMore: config.log_conditions.length > 0,
});
