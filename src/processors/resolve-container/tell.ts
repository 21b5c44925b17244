/** What the configuration wants told of a container. */
import type { Attribute } from '../../core/batch.ts';
import { labelsOf, serviceNameOf } from '../../kernel/containers/describe.ts';
import type { Container } from '../../kernel/containers/types.ts';
import { resourceName } from '../../otlp/names.ts';

export type Tell = (container: Container) => readonly Attribute[];

/** The same list as long as the container is the same. */
export const createTell = (hasServiceName: boolean, wantsLabel: (key: string) => boolean): Tell => {
  const told = new WeakMap<Container, readonly Attribute[]>();
  return (container) => {
    let attributes = told.get(container);
    if (attributes === undefined) {
      const name = hasServiceName ? serviceNameOf(container) : undefined;
      attributes = [
        ...container.attributes,
        ...labelsOf(container, wantsLabel),
        ...(name === undefined ? [] : ([[resourceName.serviceName, name]] as const)),
      ];
      told.set(container, attributes);
    }
    return attributes;
  };
};
