/** The container of an event or a point in a word: `[web]`. */
import type { Attribute, AttributeValue } from '../core/batch.ts';
import { resourceName } from '../otlp/names.ts';
import { valueText, type Part } from './parts.ts';
import { cutText } from './width.ts';

/** As the command lines of engines show ids of 64 digits. */
const SHORT_ID = 12;
/** Names that a kubelet gives have all of the pod in them. */
export const WIDEST_CONTAINER = 26;
export const shortContainerId = (id: string): string => (/^[0-9a-f]{64}$/.test(id) ? id.slice(0, SHORT_ID) : id);

/** What people call it by, the best first. */
const names: readonly string[] = [resourceName.k8sContainerName, resourceName.containerName];

/** `isContainer`: what the record says itself. At most `width` columns. Empty when it is none, or nobody knows. */
export const containerText = (
  resource: readonly Attribute[] | undefined,
  isContainer: AttributeValue | undefined,
  width = WIDEST_CONTAINER,
): string => {
  const valueOf = (wanted: string): string => {
    const value = resource?.find(([name]) => name === wanted)?.[1];
    return value === undefined ? '' : valueText(value);
  };
  const known = [...names.map(valueOf), shortContainerId(valueOf(resourceName.containerId))].find((text) => text !== '');
  const text = known ?? (isContainer === true ? 'CTR' : undefined);
  return text === undefined ? '' : `[${cutText(text, width - 2)}]`;
};

/** The same with a blank in front, for what has no columns. */
export const containerParts = (resource: readonly Attribute[] | undefined, isContainer: AttributeValue | undefined): readonly Part[] => {
  const text = containerText(resource, isContainer);
  return text === '' ? [] : [{ text: ` ${text}`, style: 'blue' }];
};
