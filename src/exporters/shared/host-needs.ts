/** What a sending exporter needs of the host: the files of its TLS section. */
import type { HostNeed } from '../../core/component.ts';

type TlsFiles = {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
};

export const tlsNeeds = ({ ca_file: ca, cert_file: cert, key_file: key }: TlsFiles): readonly HostNeed[] => [
  ...(ca === undefined ? [] : [{ kind: 'file', path: ca, holds: 'certificates', option: ['tls', 'ca_file'] } as const]),
  ...(cert === undefined ? [] : [{ kind: 'file', path: cert, holds: 'certificates', option: ['tls', 'cert_file'] } as const]),
  ...(key === undefined
    ? []
    : [
        {
          kind: 'file',
          path: key,
          holds: 'private_key',
          ...(cert === undefined ? {} : { certificate: cert }),
          option: ['tls', 'key_file'],
        } as const,
      ]),
];
