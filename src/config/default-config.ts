import type { ConfigSource } from './load.ts';

/** What runs when no file is given: programs and connections of this host, readable on the terminal. config/default.yaml shows the same text. */
export const defaultConfig: ConfigSource = {
  file: '(built-in configuration)',
  text: `# What Ringtail runs without --config: programs and connections of this host, on the terminal.
extensions:
  # What "ringtail events", "top" and "report" ask; left out where its socket cannot be had.
  control:
    required: false

receivers:
  # Programs that start and end; without this also forks, and files that are looked for in vain along PATH.
  process:
    events: [exec, exit]
    failed_execs: false
  # Connections, and who owns them.
  sockets:

processors:
  resolve_container:
  resolve_process:
  resolve_user:

exporters:
  debug:

service:
  extensions: [control]
  pipelines:
    logs:
      receivers: [process, sockets]
      processors: [resolve_container, resolve_process, resolve_user]
      exporters: [debug]
`,
};
