import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  codeOfHttpStatus,
  codeOfReset,
  decodeGrpcMessage,
  grpcCodes,
  grpcTimeout,
  nameOfCode,
} from '../../src/exporters/otlp-grpc/status.ts';

describe('codes of gRPC', () => {
  it('are those of another implementation', () => {
    const others = Object.entries(status).filter((entry): entry is [string, status] => typeof entry[1] === 'number');
    expect(Object.entries(grpcCodes).toSorted()).toEqual(others.toSorted());
    for (const [name, code] of others) expect(nameOfCode(code)).toBe(name);
    expect(nameOfCode(99)).toBe('99');
  });

  it.each([
    [400, 'INTERNAL'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'UNIMPLEMENTED'],
    [429, 'UNAVAILABLE'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'UNAVAILABLE'],
    [302, 'UNKNOWN'],
    [500, 'UNKNOWN'],
  ])('for HTTP status %d is %s', (http, name) => expect(nameOfCode(codeOfHttpStatus(http))).toBe(name));

  it.each([
    [0, 'INTERNAL'],
    [1, 'INTERNAL'],
    [2, 'INTERNAL'],
    [3, 'INTERNAL'],
    [4, 'INTERNAL'],
    [6, 'INTERNAL'],
    [7, 'UNAVAILABLE'],
    [8, 'CANCELLED'],
    [9, 'INTERNAL'],
    [10, 'INTERNAL'],
    [11, 'RESOURCE_EXHAUSTED'],
    [12, 'PERMISSION_DENIED'],
    [4711, 'INTERNAL'],
  ])('for RST_STREAM %d is %s', (reset, name) => expect(nameOfCode(codeOfReset(reset))).toBe(name));
});

describe('grpc-message', () => {
  it('is what was encoded', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void expect(decodeGrpcMessage(encodeURIComponent(text))).toBe(text)));
  });
  it('with broken escapes is shown as it is', () => {
    expect(decodeGrpcMessage('100% of %zz %')).toBe('100% of %zz %');
    expect(decodeGrpcMessage('%41%ff')).toBe('A\ufffd');
    fc.assert(fc.property(fc.string(), (text) => void expect(typeof decodeGrpcMessage(text)).toBe('string')));
  });
});

it('grpc-timeout is at least what was asked for, in eight digits at most', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 2 ** 31, noNaN: true }), (ms) => {
      const [, digits, unit] = /^(\d{1,8})([mS])$/.exec(grpcTimeout(ms))!;
      expect(Number(digits) * (unit === 'S' ? 1000 : 1)).toBeGreaterThanOrEqual(ms);
    }),
  );
});
