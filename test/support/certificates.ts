/** Certificates for tests, made by the openssl command. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Certificate = { readonly certFile: string; readonly keyFile: string };
export type Authority = {
  readonly caFile: string;
  /** `names` as in subjectAltName: `DNS:localhost`, `IP:127.0.0.1`. `days` from now on; negative: it ended that long ago. */
  issue(name: string, options?: { readonly names?: readonly string[]; readonly days?: number }): Certificate;
};

const DAY_MS = 86_400_000;
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** `20261121024500Z`. */
const asn1Time = (ms: number): string => `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+Z/g, '')}Z`;

/** An authority in a folder of its own below `parent`. */
export const createAuthority = (parent: string, name: string): Authority => {
  const folder = join(parent, name);
  mkdirSync(join(folder, 'issued'), { recursive: true });
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const policy = '[p]\ncommonName = supplied\n';
  const section = 'database = index.txt\nserial = serial\nnew_certs_dir = issued\ndefault_md = sha256\npolicy = p\nunique_subject = no\n';
  writeFileSync(join(folder, 'ca.cnf'), `[ca]\ndefault_ca = d\n[d]\n${section}${policy}`);
  writeFileSync(join(folder, 'index.txt'), '');
  writeFileSync(join(folder, 'serial'), '01\n');
  openssl('req', '-x509', ...EC, '-days', '30', '-subj', `/CN=${name}`, '-keyout', 'ca-key.pem', '-out', 'ca.pem');
  let count = 0;
  return {
    caFile: join(folder, 'ca.pem'),
    issue(subject, { names = [], days = 30 } = {}) {
      const base = `${subject}-${++count}`;
      const file = (extension: string): string => join(folder, `${base}${extension}`);
      writeFileSync(file('.ext'), names.length === 0 ? 'basicConstraints = CA:FALSE\n' : `subjectAltName = ${names.join(',')}\n`);
      openssl('req', '-new', ...EC, '-subj', `/CN=${subject}`, '-keyout', file('-key.pem'), '-out', file('.csr'));
      const endMs = Date.now() + days * DAY_MS;
      const dates = ['-startdate', asn1Time(Math.min(Date.now(), endMs) - DAY_MS), '-enddate', asn1Time(endMs)];
      const from = ['-in', file('.csr'), '-extfile', file('.ext'), '-out', file('.pem')];
      openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca-key.pem', ...from, ...dates);
      return { certFile: file('.pem'), keyFile: file('-key.pem') };
    },
  };
};
