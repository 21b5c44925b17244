/** What the resource says of a container. */
import type { Attribute, BatchResource } from '../../core/batch.ts';
import { CONTAINER_LABEL, resourceName } from '../../otlp/names.ts';
import { LRUCache } from 'lru-cache';
import { serviceNameOfUnit } from './identify.ts';
import type { CgroupIdentity, Container, ContainerState } from './types.ts';

const some = (name: string, value: string | readonly string[] | undefined): readonly Attribute[] =>
  value === undefined ? [] : [[name, value]];

/** Without labels and service.name, which are asked for. */
const attributesOf = (identity: CgroupIdentity, state: ContainerState | undefined): readonly Attribute[] => [
  ...some(resourceName.containerId, identity.containerId),
  ...some(resourceName.containerRuntimeName, identity.containerId === undefined ? undefined : (state?.runtime ?? identity.runtime)),
  ...some(resourceName.containerName, state?.name),
  ...some(resourceName.containerImageName, state?.imageName),
  ...some(resourceName.containerImageTags, state?.imageTags),
  ...some(resourceName.k8sPodUid, identity.podUid ?? state?.podUid),
  ...some(resourceName.k8sNamespaceName, state?.podNamespace),
  ...some(resourceName.k8sPodName, state?.podName),
  ...some(resourceName.k8sContainerName, state?.podContainerName),
  ...some(resourceName.k8sQos, identity.qos),
];

export const containerOf = (identity: CgroupIdentity, state: ContainerState | undefined): Container => ({
  id: identity.containerId,
  identity,
  state,
  attributes: attributesOf(identity, state),
});

/** As people call it: by its name in the pod (the name that a kubelet gives it says more than anybody wants), by its own, or by the unit. */
export const serviceNameOf = ({ id, identity, state }: Container): string | undefined => {
  if (id !== undefined) return state?.podContainerName ?? state?.name;
  return identity.unit === undefined ? undefined : serviceNameOfUnit(identity.unit);
};

export const labelsOf = ({ state }: Container, wants: (key: string) => boolean): readonly Attribute[] =>
  state?.labels === undefined
    ? []
    : Array.from(state.labels)
        .filter(([key]) => wants(key))
        .map(([key, value]) => [`${CONTAINER_LABEL}${key}`, value] as const);

/** Attributes with values as text, to compare them. */
const keyOf = (attributes: readonly Attribute[]): string => JSON.stringify(attributes);

/** One object for equal resources, as long as `capacity` others were not wanted since. */
export const createResources = (capacity: number): ((attributes: readonly Attribute[], base: BatchResource) => BatchResource) => {
  const byBase = new WeakMap<BatchResource, LRUCache<string, BatchResource>>();
  const byList = new WeakMap<BatchResource, WeakMap<readonly Attribute[], BatchResource>>();
  const make = (attributes: readonly Attribute[], base: BatchResource): BatchResource => {
    let made = byBase.get(base);
    if (made === undefined) byBase.set(base, (made = new LRUCache({ max: capacity })));
    const key = keyOf(attributes);
    let resource = made.get(key);
    if (resource === undefined) {
      const own = new Set(attributes.map(([name]) => name));
      resource = { attributes: [...base.attributes.filter(([name]) => !own.has(name)), ...attributes] };
      made.set(key, resource);
    }
    return resource;
  };
  return (attributes, base) => {
    if (attributes.length === 0) return base;
    let lists = byList.get(base);
    if (lists === undefined) byList.set(base, (lists = new WeakMap()));
    let resource = lists.get(attributes);
    if (resource === undefined) lists.set(attributes, (resource = make(attributes, base)));
    return resource;
  };
};
