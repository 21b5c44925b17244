import { expect, it } from 'vitest';
import type { AttributeSource, Batch } from '../../../src/core/batch.ts';
import { createLogWriter, type LogRequest } from '../../../src/otlp/log-writer.ts';
import { encodeAttributes } from '../../../src/otlp/wire.ts';
import { createStripper } from '../../../src/processors/attributes/strip.ts';
import { textBatch } from '../../exporters/support.ts';
import { decodeRequest } from '../../support/otlp.ts';

/** Attributes as another program may have written them: the value before the key, a key in two parts of which the last counts, a long tag. */
const odd = (key: string): Uint8Array => {
  const name = [...Buffer.from(key)];
  const body = [0x12, 3, 0x0a, 1, 0x76, 0x0a, 1, 0x78, 0x0a, name.length, ...name];
  return Uint8Array.from([0xb2, 0x00, body.length, ...body]);
};

const sourceOf = (bytes: Uint8Array): AttributeSource => ({
  size: () => bytes.length,
  write: (_id, out, at) => (out.set(bytes, at), at + bytes.length),
  entries: () => [],
});

const namesOf = (batch: Batch): readonly string[] => {
  const requests: LogRequest[] = [];
  const writer = createLogWriter({ resource: [], version: '0', onRequest: (request) => requests.push(request) });
  writer.append(batch);
  writer.flush();
  return decodeRequest(requests[0]!.bytes).records[0]!.attributes.map(([name]) => name);
};

it('takes attributes out of what others wrote, however they wrote it', () => {
  const bytes = Buffer.concat([odd('gone'), odd('stays'), encodeAttributes([['gone', ['a', 'b']]]), odd('gone.too'), odd('x')]);
  const batch: Batch = { ...textBatch(1), rowAttributes: [{ source: sourceOf(bytes), ids: Uint32Array.of(1) }] };
  const before = namesOf(batch);
  expect(before.slice(-6)).toEqual(['gone', 'stays', 'gone', 'gone.too', 'x', 'text']);
  const strip = createStripper({ names: new Set(['gone', 'gone.too']), patterns: [] });
  expect(namesOf(strip(batch))).toEqual(before.filter((name) => !name.startsWith('gone')));
  const all = createStripper({ names: new Set(), patterns: [{ test: (name) => name !== 'x', groups: [], capture: () => undefined }] });
  expect(namesOf(all(batch))).toEqual(['x']);
});

it('leaves alone what is no attribute', () => {
  const broken = Uint8Array.of(0x32, 3, 0x0a, 99, 0x78);
  const source = sourceOf(broken);
  const batch: Batch = { ...textBatch(1), rowAttributes: [{ source, ids: Uint32Array.of(1) }] };
  const [column] = createStripper({ names: new Set(['x']), patterns: [] })(batch).rowAttributes;
  const out = new Uint8Array(16);
  expect(column!.source).not.toBe(source);
  expect(column!.source.write(1, out, 2)).toBe(2 + broken.length);
  expect(out.subarray(2, 2 + broken.length)).toEqual(broken);
});
