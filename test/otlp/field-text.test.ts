import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIELD_BYTES_BOUND, putAddress, putDecimal, putOctal } from '../../src/otlp/field-bytes.ts';
import { addressText, fileNameOf, octalText } from '../../src/otlp/field-text.ts';

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

const written = (put: (out: Uint8Array, at: number) => number): string => {
  const out = Buffer.alloc(FIELD_BYTES_BOUND + 1);
  const end = put(out, 1);
  expect(end).toBeLessThanOrEqual(FIELD_BYTES_BOUND);
  return out.toString('utf8', 1, end);
};
const addressBytes = (bytes: Uint8Array): string =>
  written((out, at) => putAddress(out, at, Buffer.concat([Buffer.alloc(3), bytes]), 3, bytes.length));
const groups = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('addresses', () => {
  it.each([
    ['7f000001', '127.0.0.1'],
    ['00000000', '0.0.0.0'],
    ['ffffffff', '255.255.255.255'],
    ['0a64c809', '10.100.200.9'],
    // RFC 5952, sections 4 and 5
    ['20010db8 00000000 00000000 00000001', '2001:db8::1'],
    ['20010db8 00000001 00010001 00010001', '2001:db8:0:1:1:1:1:1'],
    ['20010000 00000001 00000000 00000001', '2001:0:0:1::1'],
    ['20010db8 00000000 00010000 00000001', '2001:db8::1:0:0:1'],
    ['00000000 00000000 00000000 00000001', '::1'],
    ['00000000 00000000 00000000 00000000', '::'],
    ['fe800000 00000000 00000000 00000000', 'fe80::'],
    ['00010000 00000000 00000000 00000abc', '1::abc'],
    ['00000001 00020003 00040005 00060000', '0:1:2:3:4:5:6:0'],
    ['0000a000 00b00c00 000d0ef0 12340000', '0:a000:b0:c00:d:ef0:1234:0'],
    ['00000000 00000000 0000ffff c0000201', '::ffff:192.0.2.1'],
    ['00000000 00000000 0000ffff 00000000', '::ffff:0.0.0.0'],
    ['00000000 00000000 0000fffe c0000201', '::fffe:c000:201'],
    ['00000000 00000000 00000000 c0000201', '::c000:201'],
  ])('%s is %s', (hex, text) => {
    expect(addressText(groups(hex), decode)).toBe(text);
    expect(addressBytes(groups(hex))).toBe(text);
  });

  it('are written as they are read, and mean what they meant', () => {
    const group = fc.constantFrom(0, 0, 0, 1, 0xab, 0xffff, 0x0fff);
    const v6 = fc
      .array(group, { minLength: 8, maxLength: 8 })
      .map((list) => Uint8Array.from(list.flatMap((value) => [value >> 8, value & 0xff])));
    fc.assert(
      fc.property(fc.oneof(v6, fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 4, maxLength: 4 })), (bytes) => {
        const text = addressText(bytes, decode)!;
        expect(addressBytes(bytes)).toBe(text);
        const family = bytes.length === 4 ? 'ipv4' : 'ipv6';
        // the runtime's own writer, which follows the RFC but where a deprecated form with dots stands
        const { address } = new SocketAddress({ address: text, family });
        const isCompatible = bytes.length === 16 && bytes.subarray(0, 12).every((byte) => byte === 0);
        expect(isCompatible ? text : address).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['6574 6830', 'fe80::1%eth0'],
    ['37', 'fe80::1%7'],
    ['c3bc', 'fe80::1%ü'],
    ['61ff62', 'fe80::1%a\ufffdb'],
    ['ff'.repeat(16), `fe80::1%${'\ufffd'.repeat(16)}`],
  ])('have a zone behind them: %s', (zone, text) => {
    const bytes = groups(`fe800000 00000000 00000000 00000001 ${zone}`);
    expect(addressText(bytes, decode)).toBe(text);
    expect(addressBytes(bytes)).toBe(text);
  });

  it('are as long as any can be within the bound', () => {
    const bytes = Buffer.concat([Buffer.alloc(16, 0xab), Buffer.alloc(16, 0xff)]);
    expect(addressBytes(bytes)).toBe(addressText(bytes, decode));
  });

  it('of both families are an asterisk', () => {
    expect(addressText(Buffer.from('*'), decode)).toBe('*');
    expect(addressBytes(Buffer.from('*'))).toBe('*');
  });

  it('of other lengths are none', () => {
    for (const length of [0, 1, 5, 15, 33]) expect(addressText(new Uint8Array(length), decode)).toBeUndefined();
  });
});

describe('numbers', () => {
  it('are written in decimal', () => {
    const edges = [
      0n,
      1n,
      9n,
      10n,
      2n ** 32n - 1n,
      2n ** 32n,
      10n ** 9n,
      10n ** 9n + 1n,
      10n ** 18n,
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 64n - 1n,
    ];
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 54n })),
        (value) => {
          expect(written((out, at) => putDecimal(out, at, Number(value & 0xffff_ffffn), Number(value >> 32n)))).toBe(String(value));
        },
      ),
      { numRuns: 3000, examples: edges.map((edge) => [edge]) },
    );
  });

  it('are written in octal', () => {
    expect([0o640, 0, 7, 0o4755, 0o100644, 0xffff_ffff].map(octalText)).toEqual([
      '0640',
      '0000',
      '0007',
      '04755',
      '0100644',
      '037777777777',
    ]);
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0o7777 })), (value) => {
        expect(written((out, at) => putOctal(out, at, value))).toBe(octalText(value));
      }),
    );
  });
});

describe('names of files', () => {
  it.each([
    ['/etc/passwd', 'passwd'],
    ['/etc/', 'etc'],
    ['/a//', 'a'],
    ['name', 'name'],
    ['/', ''],
    ['', ''],
    ['/a/..', ''],
    ['/a/.', ''],
    ['/a/...', '...'],
    ['/a/.b', '.b'],
    ['pipe:[12]', 'pipe:[12]'],
  ])('of %j is %j', (path, name) => {
    expect(Buffer.from(fileNameOf(Buffer.from(path))).toString()).toBe(name);
  });
});
