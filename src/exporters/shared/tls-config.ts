/** The `tls` section, by the names that the Collector uses. */
import { z } from 'zod';
import { duration, secret } from '../../core/config-types.ts';
import { areSound, withKeys } from './checks.ts';

/** Names as in the Collector and RFC 5289; OpenSSL has others. What is not here is weak. Those of TLS 1.3 cannot be chosen. */
export const cipherSuites = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
} as const;
type CipherSuite = keyof typeof cipherSuites;

/** YAML makes a number of 1.2 without quotes. */
const version = (byDefault: '1.2' | '1.3') =>
  z
    .union([z.enum(['1.2', '1.3']), z.literal(1.2), z.literal(1.3)], { error: 'not a version of TLS; allowed is 1.2 or 1.3' })
    .transform((value) => String(value) as '1.2' | '1.3')
    .prefault(byDefault);

const pem = (kind: string) => new RegExp(`-----BEGIN ${kind}-----`);
const path = z.string().min(1).optional();

export const tls = z
  .strictObject({
    insecure: z.boolean().default(false).describe('plain text; needed unless the endpoint is on this host'),
    insecure_skip_verify: z.boolean().default(false).describe('trusts whoever answers; for tries only'),
    ca_file: path.describe('PEM file of the authorities to trust instead of those of the system'),
    ca_pem: z.string().regex(pem('CERTIFICATE'), 'not a certificate in PEM').optional().describe('the same as text'),
    include_system_ca_certs_pool: z.boolean().default(false).describe('trusts those of the system as well'),
    cert_file: path.describe('PEM file of the own certificate, with the ones between it and the authority'),
    cert_pem: z.string().regex(pem('CERTIFICATE'), 'not a certificate in PEM').optional().describe('the same as text'),
    key_file: path.describe('PEM file of the own key'),
    key_pem: secret(z.string().regex(pem('(?:[A-Z]+ )?PRIVATE KEY'), 'not a private key in PEM'))
      .optional()
      .describe('the same as text'),
    server_name_override: z
      .string()
      .min(1)
      .optional()
      .describe('name that the certificate of the other side must have, and that it is asked for'),
    min_version: version('1.2').describe('oldest version of TLS'),
    max_version: version('1.3').describe('newest version of TLS'),
    cipher_suites: z
      .array(z.enum(Object.keys(cipherSuites) as [CipherSuite, ...CipherSuite[]]))
      .min(1)
      .optional()
      .describe('what TLS 1.2 may use'),
    reload_interval: duration().prefault('0s').describe('files are read again after this time; 0 means never'),
  })
  .superRefine((config, context) => {
    const wrong = (message: string, key?: string) => context.addIssue({ code: 'custom', path: key === undefined ? [] : [key], message });
    for (const kind of ['ca', 'cert', 'key'] as const) {
      if (config[`${kind}_file`] !== undefined && config[`${kind}_pem`] !== undefined)
        wrong(`${kind}_file and ${kind}_pem exclude each other`, `${kind}_pem`);
    }
    const hasCert = (config.cert_file ?? config.cert_pem) !== undefined;
    const hasKey = (config.key_file ?? config.key_pem) !== undefined;
    if (areSound(context, 'cert_file', 'cert_pem', 'key_file', 'key_pem') && hasCert !== hasKey)
      wrong('a certificate and its key go together: cert_file or cert_pem, and key_file or key_pem');
    if (areSound(context, 'min_version', 'max_version') && config.min_version > config.max_version)
      wrong('newer than max_version', 'min_version');
  }, withKeys)
  .prefault({});

export type TlsConfig = z.output<typeof tls>;
