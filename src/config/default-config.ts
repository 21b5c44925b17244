import type { ConfigSource } from './load.ts';

/** What runs when no file is given: every process on this host, readable on the terminal. config/default.yaml shows the same text. */
export const defaultConfig: ConfigSource = {
  file: '(built-in configuration)',
  text: `# What Ringtail runs without --config: every process on this host, on the terminal.
receivers:
  process:

processors:
  resolve_container:
  resolve_process:
  resolve_user:

exporters:
  debug:

service:
  pipelines:
    logs:
      receivers: [process]
      processors: [resolve_container, resolve_process, resolve_user]
      exporters: [debug]
`,
};
