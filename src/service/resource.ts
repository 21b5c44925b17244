import { readFileSync } from 'node:fs';
import os from 'node:os';
import { resourceName } from '../otlp/names.ts';

/** Node's names → those of the semantic conventions (host.arch). */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm: 'arm32', ppc64: 'ppc64' };

const firstLine = (files: readonly string[]): string | undefined => {
  for (const file of files) {
    try {
      const line = readFileSync(file, 'utf8').trim();
      if (line !== '') return line;
    } catch {
      // The next one may be there; without any the attribute is left out.
    }
  }
  return undefined;
};

/** Attributes of the resource of this host; `configured` adds to them and goes before them. `root` is where its files are. */
export const hostResource = (
  version: string,
  configured: Readonly<Record<string, string>> = {},
  root = '/',
): readonly (readonly [string, string])[] => {
  const hostId = firstLine([`${root}etc/machine-id`, `${root}var/lib/dbus/machine-id`]);
  return Object.entries({
    [resourceName.serviceName]: 'ringtail',
    [resourceName.serviceVersion]: version,
    [resourceName.hostName]: os.hostname(),
    ...(hostId === undefined ? {} : { [resourceName.hostId]: hostId }),
    [resourceName.hostArch]: architectures[os.arch()] ?? os.arch(),
    [resourceName.osType]: os.platform(),
    ...configured,
  });
};
