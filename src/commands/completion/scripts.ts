/** Completion scripts. They hold all words themselves: completing starts no program. */

export type OptionWords = {
  readonly flags: readonly string[];
  readonly description: string;
  /** What follows it. */
  readonly takes: 'nothing' | 'file' | 'folder' | 'setting' | 'text';
};

export type CommandWords = {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionWords[];
  /** Allowed values of what is not an option. */
  readonly arguments: readonly string[];
};

const globals: readonly string[] = ['--help', '--version'];

const flagsOf = ({ options }: CommandWords): readonly string[] => options.flatMap(({ flags }) => flags);
/** All flags of all commands that take this. */
const taking = (commands: readonly CommandWords[], takes: OptionWords['takes']): readonly string[] => [
  ...new Set(commands.flatMap(({ options }) => options.filter((option) => option.takes === takes).flatMap(({ flags }) => flags))),
];
/** In single quotes, for any of the shells; fish alone knows backslashes in them, and our texts have none. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Cases for what follows an option, shared by bash and zsh. */
const optionCases = (
  commands: readonly CommandWords[],
  actions: Readonly<Record<Exclude<OptionWords['takes'], 'nothing'>, string>>,
): string =>
  (['file', 'folder', 'setting', 'text'] as const)
    .flatMap((takes) => {
      const flags = taking(commands, takes);
      return flags.length === 0 ? [] : [`    ${flags.join('|')}) ${actions[takes]}; return ;;\n`];
    })
    .join('');

const wordCases = (commands: readonly CommandWords[], add: (words: string) => string): string =>
  commands.map((command) => `    ${command.name}) ${add([...command.arguments, ...flagsOf(command)].join(' '))} ;;\n`).join('');

export const bashScript = (commands: readonly CommandWords[], settings: readonly string[]): string => `# bash completion of ringtail
_ringtail() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command='' index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
    ${commands.map(({ name }) => name).join('|')}) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  case $prev in
${optionCases(commands, {
  file: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))',
  folder: 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"))',
  setting: 'compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -W "$_ringtail_settings" -- "$cur"))',
  text: 'COMPREPLY=()',
})}  esac
  case $command in
    '') COMPREPLY=($(compgen -W '${[...commands.map(({ name }) => name), ...globals].join(' ')}' -- "$cur")) ;;
${wordCases(commands, (words) => `COMPREPLY=($(compgen -W '${words}' -- "$cur"))`)}  esac
}
_ringtail_settings=${quote(settings.join(' '))}
complete -F _ringtail ringtail
`;

export const zshScript = (commands: readonly CommandWords[], settings: readonly string[]): string => `#compdef ringtail
# zsh completion of ringtail
_ringtail() {
  local command='' index
  for ((index = 2; index < CURRENT; index++)); do
    case $words[index] in
    ${commands.map(({ name }) => name).join('|')}) command=$words[index]; break ;;
    esac
  done
  case $words[CURRENT-1] in
${optionCases(commands, {
  file: '_files',
  folder: '_files -/',
  setting: "compadd -S '' -- $_ringtail_settings",
  text: '_message value',
})}  esac
  case $command in
    '') compadd -- ${[...commands.map(({ name }) => name), ...globals].join(' ')} ;;
${wordCases(commands, (words) => `compadd -- ${words}`)}  esac
}
typeset -ga _ringtail_settings=(${settings.map(quote).join(' ')})
compdef _ringtail ringtail
`;

const fishOption = (command: string, { flags, description, takes }: OptionWords): string => {
  const long = flags.find((flag) => flag.startsWith('--'));
  const short = flags.find((flag) => !flag.startsWith('--'));
  const parts = [
    `complete -c ringtail -n '__fish_seen_subcommand_from ${command}'`,
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
    ...{
      nothing: [],
      file: ['-r -F'],
      folder: [`-x -a '(__fish_complete_directories)'`],
      setting: [`-x -a '$_ringtail_settings'`],
      text: ['-x'],
    }[takes],
    `-d ${quote(description)}`,
  ];
  return `${parts.join(' ')}\n`;
};

export const fishScript = (commands: readonly CommandWords[], settings: readonly string[]): string => {
  const none = `not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`;
  return [
    '# fish completion of ringtail\n',
    `set -g _ringtail_settings ${settings.map(quote).join(' ')}\n`,
    'complete -c ringtail -f\n',
    ...commands.flatMap((command) => [
      `complete -c ringtail -n '${none}' -a ${command.name} -d ${quote(command.description)}\n`,
      ...command.options.map((option) => fishOption(command.name, option)),
      ...(command.arguments.length === 0
        ? []
        : [`complete -c ringtail -n '__fish_seen_subcommand_from ${command.name}' -a '${command.arguments.join(' ')}'\n`]),
    ]),
    `complete -c ringtail -n '${none}' -l help -d 'print this help'\n`,
    `complete -c ringtail -n '${none}' -l version -d 'print the version'\n`,
  ].join('');
};
