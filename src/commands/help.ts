/** What stands below the help of each command: examples that work as they are written. */
export const programHelp = `
Examples:
  $ ringtail run                                 programs and connections of this host, on the terminal
  $ ringtail init                                write a configuration for what is found here
  $ ringtail run --config config/collector.yaml  every process to an OpenTelemetry Collector
  $ ringtail validate --config my.yaml           all mistakes of a file, with line and column
  $ ringtail doctor                              what works on this kernel
  $ ringtail events                              what happens on this host, as it happens
  $ ringtail top                                 what is open now, and how much it sends and receives
  $ ringtail ledger                              the books of the instance that runs

Exit codes: 0 done, 1 configuration, 2 usage, 3 the kernel or a privilege is missing, 4 run-time failure`;

/** By the name of the command. */
export const commandHelp = {
  run: `
Examples:
  $ ringtail run
  $ ringtail run --config my.yaml
  $ ringtail run --config base.yaml --config host.yaml --set service.telemetry.logs.level=debug
  $ ringtail run --config my.yaml --root-path /host    in a container with the host's file system mounted there
  $ ringtail run --config my.yaml --watch              reload when the file changes

SIGINT and SIGTERM stop in order; a second one at once. SIGHUP reloads the configuration.`,
  validate: `
Examples:
  $ ringtail validate --config my.yaml
  $ ringtail validate --config my.yaml --no-host          on another machine than the one it is for
  $ ringtail validate --config my.yaml --deny-warnings    before a roll-out
  $ ringtail validate --config base.yaml --config host.yaml --json

Looks three times: at the syntax (keys and values), at the graph (what names what), and at this host (kernel, privileges, ports, files, folders).
Exit codes: 0 valid, 1 wrong, 3 right but the kernel or a privilege is missing here.`,
  'print-config': `
Examples:
  $ ringtail print-config --config my.yaml
  $ ringtail print-config --config base.yaml --config host.yaml --set kernel.ring_bytes=16MiB > merged.yaml

What is printed loads again. Secrets are printed as [REDACTED].`,
  schema: `
Examples:
  $ ringtail schema > ringtail.schema.json

In an editor with the YAML language server, write as the first line of a configuration:
  # yaml-language-server: $schema=ringtail.schema.json`,
  init: `
Examples:
  $ ringtail init
  $ ringtail init --output /etc/ringtail/ringtail.yaml
  $ ringtail init --endpoint https://collector.example:4318
  $ ringtail init --output -    to the terminal

Works as an ordinary user too.`,
  record: `
Examples:
  $ ringtail record --output host.ringtail --duration 30s
  $ ringtail record --output host.ringtail --config my.yaml    beside the pipelines of a configuration

The replay receiver plays the file, on any machine and without privileges. It holds command lines as they were, secrets among them: nothing is
redacted before the replay, and only its owner may read it.`,
  top: `
Examples:
  $ ringtail top                                      a screen; ? tells its keys, q ends it
  $ ringtail top --view process --sort total          who has sent and received most
  $ ringtail top --container web --port 443           of one container
  $ ringtail top --transport udp --listening
  $ ringtail top --once                               one table
  $ ringtail top --json --interval 5s --count 12      for programs, a page a line
  $ ringtail top --alone                              although a Ringtail runs

Asks the Ringtail that runs; without one it asks the kernel itself, as root. A rate is of the interval before, so that the first table comes after one.
Exit codes: 0 stopped or done, 2 usage, 3 no Ringtail and no privileges, 4 Ringtail ended meanwhile (on a screen it is waited for).`,
  report: `
Examples:
  $ ringtail report                                    totals, cgroups and network namespaces every 5 s
  $ ringtail report --interval 1s --count 10
  $ ringtail report --show-containers --show-events    containers one by one, and the last 10 sessions
  $ ringtail report --cgroup /system.slice/docker.service
  $ ringtail report --interval 1m --json > sessions.jsonl

It asks the Ringtail that runs, if its extension control lets this user; else it looks itself, which takes root.
Exit codes: 0 done, 2 usage or no such cgroup, 3 no permission or the kernel cannot tell, 4 what was asked has ended.`,
  components: `
Examples:
  $ ringtail components
  $ ringtail components --json`,
  doctor: `
Examples:
  $ ringtail doctor
  $ ringtail doctor --root-path /host
  $ ringtail doctor --json

Exit code 3 when processes can be followed by nothing, not even procfs.`,
  trace: `
Examples:
  $ ringtail trace -- make -j2                                       a build, as a tree on the terminal
  $ ringtail trace --endpoint http://127.0.0.1:4318 -- ./ci.sh       and in Jaeger
  $ ringtail trace --output spans.json -- curl https://example.com/

Runs the command as if it had been called itself: its terminal, its signals and its exit code. Under sudo it runs as the user who called sudo. TRACEPARENT is set for it, so that
programs that know OpenTelemetry put their spans below it; when TRACEPARENT is set already, the trace hangs below that span. No configuration is needed. At the end the trace and its
tree are printed on standard error: how long each program took, how it ended, whom it talked to, and the path that took longest (●).
Exit codes: those of the command, 128 + the signal that killed it, 125 when Ringtail failed, 126 when the command cannot be run, 127 when it is not there.`,
  events: `
Examples:
  $ ringtail events                                     what a running Ringtail sees; without one: execs, exits, sessions
  $ ringtail events --process nginx --event session
  $ ringtail events --container web --event exec --event 'file.*'
  $ ringtail events --path /etc --event file.open
  $ ringtail events --port 443 --user www-data
  $ ringtail events --event '*' --pid 4711 --duration 10s
  $ ringtail events --json --count 100

Attaches to the Ringtail that runs (its extension control) and shows what goes through its pipelines; where none runs, or with --alone, it looks at the kernel itself, which
takes root. Alone it shows what ran and how it ended (process.exec, process.exit) and who talked to whom (session.start, session.end, session.listen); with --path
also files that are opened and unlinked. --event names others: process.fork, session.state, file.read, file.write, network.*, syscall.failed. Events of different options
must match all of them, of one option one. Names and paths may have * and ?; a path without them stands for all below it too.

A reader that is too slow holds up nobody: what it missed is told. Losses of the kernel (ringtail.loss) are always shown.
Exit codes: 0 ended, 2 usage, 3 the kernel or a privilege is missing, 4 the running Ringtail went away.`,
  who: `
Examples:
  $ ringtail who :8080                                who listens there, and who is connected to it
  $ ringtail who 10.0.0.5:443                         who talks to it, or serves it
  $ ringtail who 10.0.0.9:51234 10.0.0.5:443          one connection by its two ends
  $ ringtail who 53/udp
  $ ringtail who --pid 1234
  $ ringtail who nginx --json
  $ ringtail who                                      everything

Root sees all network namespaces and all holders; an ordinary user what its own processes hold.
Exit codes: 0 found, 1 nothing found, 2 usage.`,
  ledger: `
Examples:
  $ ringtail ledger
  $ ringtail ledger --address 127.0.0.1:9464 --json

Exit code 4 when the books do not balance, or nothing answers.`,
  stats: `
Examples:
  $ ringtail stats
  $ ringtail stats --address 127.0.0.1:9464 --json

Exit code 4 when nothing answers.`,
  completion: `
Examples:
  $ source <(ringtail completion bash)                                  in ~/.bashrc
  $ source <(ringtail completion zsh)                                   in ~/.zshrc, behind compinit
  $ ringtail completion fish > ~/.config/fish/completions/ringtail.fish`,
} as const;
