import { expect, it } from 'vitest';
import { createCgroups } from '../../../src/kernel/cgroups/service.ts';
import { createProcessTable } from '../../../src/kernel/lifecycle/process-table.ts';
import { createUsers } from '../../../src/kernel/users.ts';
import { headNames } from '../../../src/otlp/actor-head.ts';
import { callSchemas } from '../../../src/receivers/shared/call-schemas.ts';

it('no attribute of a call has a name that processors add: every record would be written anew', () => {
  const root = '/nonexistent';
  const processes = createProcessTable({});
  const users = createUsers({ root });
  const sources = [processes.source, processes.ancestorSource(1), createCgroups({ root }).source, users.ownerSource, users.loginSource];
  expect(sources.every(({ names }) => names !== undefined)).toBe(true);
  const added = new Set([...headNames, ...sources.flatMap(({ names }) => [...names!])]);
  const own = Array.from(callSchemas('x86_64').values()).flatMap(({ fields }) => fields.map(({ name }) => name));
  expect(own.filter((name) => added.has(name))).toEqual([]);
});

it('every machine has one table of schemas, whoever asks', () => {
  expect(callSchemas('x86_64')).toBe(callSchemas('x86_64'));
  expect(callSchemas('aarch64')).not.toBe(callSchemas('x86_64'));
});
