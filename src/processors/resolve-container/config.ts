import { z } from 'zod';
import { compilePattern, patternProblem } from '../../core/pattern.ts';
import { defaultContainerFolders as byRuntime } from '../../kernel/containers/default-folders.ts';

const folders = (what: string, byDefault: readonly string[]) =>
  z
    .array(z.string().startsWith('/', 'not the path of a folder; write it from the root, as in /var/lib/docker'))
    .default([...byDefault])
    .describe(`Where ${what}.`);

/** Of the whole key. */
const wholePattern = (expression: string): string => `^(?:${expression})$`;

export const resolveContainerConfig = z.strictObject({
  service_name: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe('auto: service.name is the name of the container, or that of the unit of systemd; off: it stays as it is.'),
  labels: z
    .array(
      z.string().superRefine((expression, { addIssue }) => {
        const problem = patternProblem(wholePattern(expression));
        if (problem !== undefined) addIssue({ code: 'custom', message: problem });
      }),
    )
    .default([])
    .describe(
      'Labels of containers to tell, as container.label.<key>: regular expressions of whole keys, for instance com\\.example\\..* or app.',
    ),
  process_environment: z
    .boolean()
    .default(false)
    .describe(
      'Whether OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of a process are read from its environment; nothing else of that is looked at.',
    ),
  runtimes: z
    .strictObject({
      docker: folders('docker keeps its containers', byRuntime.docker),
      containerd: folders('containerd keeps the bundles of its tasks', byRuntime.containerd),
      crio: folders('cri-o keeps its storage, and what runs of it', byRuntime['cri-o']),
      podman: folders('podman keeps its storage, and what runs of it', byRuntime.podman),
      lxc: folders('lxc keeps the configurations of containers', byRuntime.lxc),
      runc: folders('runc keeps the state of containers that no engine made', byRuntime.runc),
      crun: folders('crun keeps the state of containers that no engine made', byRuntime.crun),
    })
    .prefault({}),
});

export type ResolveContainerConfig = z.output<typeof resolveContainerConfig>;

/** Whether a label is to be told. */
export const labelTest = (labels: readonly string[]): ((key: string) => boolean) => {
  const patterns = labels.map((expression) => compilePattern(wholePattern(expression)));
  return (key) => patterns.some((pattern) => pattern.test(key));
};
