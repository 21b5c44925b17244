/** One component that was made of its configuration, with all that the service keeps beside it. */
import { isDeepStrictEqual } from 'node:util';
import type { ComponentConfig } from '../config/check-components.ts';
import type { ComponentId, ComponentKind, ExtensionSettings, Health, Lifecycle, ServiceView, Settings } from '../core/component.ts';
import { type Counters, scopeOf } from '../core/counters.ts';
import { messageOf, RingtailError, RuntimeError } from '../core/errors.ts';
import type { OwnTracer } from '../core/own-spans.ts';
import { type Logger, withFields } from '../core/logger.ts';

/** What is injected into every component. */
export type Injected = {
  readonly counters: Counters;
  readonly logger: Logger;
  readonly version: string;
  readonly tracer?: OwnTracer | undefined;
  readonly resource: Settings['resource'];
  readonly kernel: unknown;
  /** For extensions. */
  readonly view: ServiceView;
};

export type Instance<T extends Lifecycle = Lifecycle> = {
  readonly kind: ComponentKind | 'kernel';
  readonly id: ComponentId;
  /** Of a processor: the one that it works in. */
  readonly pipeline: string | undefined;
  readonly component: T;
  /** True when what it was made of is the same. */
  isOf(own: ComponentConfig<ComponentKind>): boolean;
  /** Made anew, of the same. */
  again(): Instance<T>;
  /** Records that it holds by its own books; 0 when it does not say. */
  heldRecords(): number;
  /** What it says of itself; never throws. */
  health(): Health;
  /** Takes its gauges off the page. */
  release(): void;
};

const WELL: Health = { status: 'ok', message: '' };

export const healthOf = (component: Lifecycle): Health => {
  try {
    return component.health?.() ?? WELL;
  } catch (error) {
    return { status: 'failed', message: `it cannot say how it fares: ${messageOf(error)}` };
  }
};

/** Creates a component and starts nothing. Throws a typed error when it cannot be created. */
export const createInstance = <T extends Lifecycle>(
  kind: ComponentKind,
  own: ComponentConfig<ComponentKind>,
  injected: Injected,
  pipeline?: string,
): Instance<T> => {
  const { id, factory, config } = own;
  const { logger, version, tracer, resource, kernel, view } = injected;
  const scope = scopeOf(injected.counters);
  const settings: ExtensionSettings = {
    id,
    logger: withFields(logger, { component: id, ...(pipeline === undefined ? {} : { pipeline }) }),
    ...(pipeline === undefined ? {} : { pipeline }),
    counters: scope.counters,
    version,
    ...(tracer === undefined ? {} : { tracer }),
    resource,
    kernel,
    service: view,
  };
  let component: T;
  try {
    component = factory.create(settings as ExtensionSettings<never>, config as never) as Lifecycle as T;
  } catch (error) {
    scope.close();
    if (error instanceof RingtailError) throw error;
    throw new RuntimeError(`cannot create the ${kind} ${id}`, { cause: error });
  }
  return {
    kind,
    id,
    pipeline,
    component,
    isOf: (other) => other.factory === factory && isDeepStrictEqual(other.input, own.input),
    again: () => createInstance(kind, own, injected, pipeline),
    heldRecords: () => scope.sumOfGauges('ringtail_exporter_items', { outcome: 'held' }),
    health: () => healthOf(component),
    release: scope.close,
  };
};

/** The kernel side, which outlives every graph. */
export const kernelInstance = (kernel: Lifecycle): Instance => ({
  kind: 'kernel',
  id: 'kernel',
  pipeline: undefined,
  component: kernel,
  isOf: () => true,
  again: () => kernelInstance(kernel),
  heldRecords: () => 0,
  health: () => healthOf(kernel),
  release: () => {},
});
