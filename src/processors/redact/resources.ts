/** Resources without secrets: what people write into labels of containers is as long-lived as an argument, and as careless. */
import type { Attribute, BatchResource } from '../../core/batch.ts';
import { CONTAINER_LABEL } from '../../otlp/names.ts';
import type { RedactConfig } from './config.ts';
import { compilePattern, type Pattern } from './patterns.ts';
import { createRedactor, joinSpans } from './redactor.ts';

export type ResourceRedactor = {
  /** The resource itself when nothing in it is secret. */
  redact(resource: BatchResource): { readonly resource: BatchResource; readonly values: number };
};

/** Looks at labels, where the configuration wants it, and at the attributes that it names. */
export const createResourceRedactor = ({ keys, labels, attributes, patterns, replacement }: RedactConfig): ResourceRedactor => {
  const redactor = createRedactor(keys);
  const found: readonly Pattern[] = patterns.map(compilePattern);
  const named = new Set(attributes);
  const stand = Buffer.from(replacement);

  /** With how many values in it were replaced. */
  const textOf = (key: string, text: string): readonly [text: string, values: number] => {
    const bytes = Buffer.from(text);
    const pairs = [...redactor.inNamed(key, bytes.toString('latin1'), redactor.scanner.scan(bytes, 0, bytes.length))];
    for (const pattern of found) pattern.find(bytes, pairs);
    const spans = joinSpans(pairs);
    if (spans.length === 0) return [text, 0];
    const parts: Buffer[] = [];
    let at = 0;
    for (let i = 0; i < spans.length; i += 2) {
      parts.push(bytes.subarray(at, spans[i]), stand);
      at = spans[i + 1]!;
    }
    return [Buffer.concat([...parts, bytes.subarray(at)]).toString(), spans.length / 2];
  };

  return {
    redact(resource) {
      let values = 0;
      const textIn = (key: string, text: string): string => {
        const [redacted, replaced] = textOf(key, text);
        values += replaced;
        return redacted;
      };
      const after = resource.attributes.map((attribute): Attribute => {
        const [name, value] = attribute;
        const isLabel = name.startsWith(CONTAINER_LABEL);
        if (!(isLabel && labels) && !named.has(name)) return attribute;
        const key = isLabel ? name.slice(CONTAINER_LABEL.length) : name;
        if (typeof value === 'string') return [name, textIn(key, value)];
        return Array.isArray(value) ? [name, value.map((text: string) => textIn(key, text))] : attribute;
      });
      return { resource: values === 0 ? resource : { attributes: after }, values };
    },
  };
};
