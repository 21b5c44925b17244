/** Programs whose options, or words at a certain place, are secrets without being called so. */

/** What the value of an option is. */
export type ValueKind =
  /** All of it. */
  | 'secret'
  /** A user, then behind the first `:`, `%` or `,` a secret. */
  | 'pair'
  /** A pair, or a token alone. */
  | 'login'
  /** `name=secret; ...`. */
  | 'cookie'
  /** Text for people: only what is unmistakable is taken out of it. */
  | 'message'
  /** `name=value` with whatever name. */
  | 'assignment'
  /** Nothing to look for. */
  | 'plain';

export type Client = {
  /** Options with what their value is; one-letter ones may have it attached. */
  readonly options?: Readonly<Record<string, ValueKind>>;
  /** One-letter options that take a value, so that `-sSu user:pass` is read as -s -S -u; those with a kind are among them by themselves. */
  readonly valueLetters?: string;
  /** One-letter options whose value is attached or not there at all: `-psecret`. */
  readonly attachedOnly?: string;
  /** Beginnings of words that are followed by a secret in the same word: `/p:`. */
  readonly prefixes?: readonly string[];
  /** Options whose value is no secret, though they are called like one. */
  readonly plain?: readonly string[];
  /** Options without a value, though they are called like one that has a secret. */
  readonly flags?: readonly string[];
  /** Options whose value is text for people; unless `options` say otherwise. */
  readonly messages?: readonly string[];
  /** What is needed as a word before `options` count, for instance `login`. */
  readonly command?: readonly string[];
  /** The first word behind one of these commands is a secret: `vault login TOKEN`. */
  readonly wordBehind?: readonly string[];
  /** Words that are no options, by their number from 0, are secrets; with `only`, when the first option or the first word is such. */
  readonly places?: { readonly numbers: readonly number[]; readonly only?: RegExp };
  /** Behind one of these words every `name=value` is a secret. */
  readonly assignmentsBehind?: readonly string[];
  /** `user/secret@host` as a word. */
  readonly slashPair?: boolean;
};

const ofPeople = ['-b', '-t', '-n', '-d', '--body', '--title', '--notes', '--description'];

// one line a family, however long
// prettier-ignore
const families: readonly (readonly [names: string, client: Client])[] = [
  ['mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlpump mysqlslap mysqlbinlog mysqlsh mysql_upgrade mydumper myloader xtrabackup mytop mycli', { attachedOnly: 'p' }],
  ['mariadb mariadb-dump mariadb-admin mariadb-check mariadb-import mariadb-show mariabackup mariadb-backup mariadb-binlog mariadb-upgrade', { attachedOnly: 'p' }],
  ['mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop mongofiles', { options: { p: 'secret' }, valueLetters: 'u' }],
  ['ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn', { options: { w: 'secret' }, valueLetters: 'DHbsyYhpPf' }],
  ['ldappasswd', { options: { w: 'secret', s: 'secret', a: 'secret' }, valueLetters: 'DHbyYhpPf' }],
  ['smbclient rpcclient smbget smbcacls smbtree net nmblookup winexe wmic', { options: { U: 'pair', '--user': 'pair' }, valueLetters: 'cILNDpWk' }],
  ['docker podman nerdctl buildah skopeo helm oras crane regctl singularity apptainer', { plain: ['--secret'], command: ['login'], options: { p: 'secret' }, valueLetters: 'u' }],
  ['docker-compose buildctl', { plain: ['--secret'] }],
  ['http https xh xhs', { options: { a: 'login', '--auth': 'login' }, valueLetters: 'Ao' }],
  ['curl curlie', { options: { u: 'pair', '--user': 'pair', U: 'pair', '--proxy-user': 'pair', b: 'cookie', '--cookie': 'cookie', E: 'pair', '--cert': 'pair', '--proxy-cert': 'pair' }, valueLetters: 'AcCdDeFhHKmoPQrtTwxXyYz' }],
  ['etcdctl', { options: { '--user': 'pair' } }],
  ['rabbitmqctl', { places: { numbers: [2], only: /^(?:add_user|change_password|authenticate_user)$/ } }],
  ['rabbitmqadmin cypher-shell couchbase-cli elasticsearch-users hydra crackmapexec nxc netexec evil-winrm steghide youtube-dl yt-dlp beeline', { options: { p: 'secret' }, valueLetters: 'uilLPHcs' }],
  ['ccrypt', { options: { K: 'secret' } }],
  ['sendEmail sendemail', { options: { '-xp': 'secret' } }],
  ['neo4j-admin', { wordBehind: ['set-initial-password'] }],
  ['pdftk', { wordBehind: ['user_pw', 'owner_pw', 'input_pw'] }],
  ['wpa_cli', { wordBehind: ['psk', 'password'] }],
  ['iwconfig', { wordBehind: ['key'] }],
  ['nuget', { wordBehind: ['setapikey'] }],
  ['dotnet', { command: ['nuget'], options: { k: 'secret' }, valueLetters: 's' }],
  ['sqlcmd bcp osql tsql freebcp', { options: { P: 'secret' }, valueLetters: 'SUdQi' }],
  ['sqlplus expdp impdp rman', { slashPair: true }],
  ['cqlsh', { options: { p: 'secret' }, valueLetters: 'uekf' }],
  ['influx', { options: { t: 'secret' } }],
  ['redis-cli valkey-cli keydb-cli', { options: { a: 'secret' }, valueLetters: 'hpsnuri', wordBehind: ['auth'] }],
  ['7z 7za 7zr 7zz rar unrar', { attachedOnly: 'p' }],
  ['zip zipcloak unzip', { options: { P: 'secret' } }],
  ['mosquitto_pub mosquitto_sub mosquitto_rr', { options: { P: 'secret', m: 'message' }, valueLetters: 'hptui' }],
  ['git', { command: ['commit', 'tag', 'merge', 'notes', 'stash', 'revert'], options: { m: 'message', '--message': 'message' }, valueLetters: 'cCFt' }],
  ['hg svn bzr cvs jj', { options: { m: 'message', '--message': 'message' } }],
  ['gh', { command: ['secret'], options: { b: 'secret', '--body': 'secret' }, messages: ofPeople }],
  ['glab', { messages: ofPeople }],
  ['sshpass', { options: { p: 'secret' }, valueLetters: 'fdP' }],
  ['ssh-keygen', { options: { N: 'secret', P: 'secret' }, valueLetters: 'tbfCeIimnVzsDYOrR' }],
  ['openssl', { options: { '-k': 'secret', '-K': 'secret' }, places: { numbers: [1], only: /^passwd$/ } }],
  ['htpasswd', { places: { numbers: [2], only: /^-[a-zA-Z]*b/ } }],
  ['mkpasswd', { places: { numbers: [0] }, options: { m: 'plain', S: 'plain' } }],
  ['wpa_passphrase', { places: { numbers: [1] } }],
  ['useradd usermod groupadd', { options: { p: 'secret' }, valueLetters: 'gGucdsekK' }],
  ['pkcs11-tool', { options: { p: 'secret', '--pin': 'secret', '--so-pin': 'secret', '--new-pin': 'secret' } }],
  ['lftp', { options: { u: 'pair' }, valueLetters: 'epc' }],
  ['ncftpput ncftpget', { options: { p: 'secret' }, valueLetters: 'u' }],
  ['ipmitool', { options: { P: 'secret' }, valueLetters: 'HUILpC' }],
  ['snmpwalk snmpget snmpset snmpbulkwalk snmptrap', { options: { A: 'secret', X: 'secret', c: 'secret' }, valueLetters: 'uvlax' }],
  ['xfreerdp wlfreerdp sdl-freerdp freerdp', { prefixes: ['/p:', '/password:', '/gp:', '/pth:'] }],
  ['rdesktop', { options: { p: 'secret' }, valueLetters: 'udsgk' }],
  ['nmcli', { wordBehind: ['password', 'wifi-sec.psk', '802-11-wireless-security.psk', '802-1x.password'] }],
  ['vault bao', { wordBehind: ['login'], assignmentsBehind: ['put', 'write', 'patch'] }],
  ['kubectl', { command: ['secret'], options: { '--from-literal': 'assignment' } }],
  ['oc', { command: ['secret', 'login'], options: { '--from-literal': 'assignment', p: 'secret' }, valueLetters: 'unf' }],
  ['az', { command: ['login'], options: { p: 'secret' }, valueLetters: 'ut' }],
  ['aws', { plain: ['--secret-id'], command: ['put-parameter', 'put-secret-value', 'create-secret'], options: { '--value': 'secret' } }],
  ['gcloud', { plain: ['--secret'] }],
  ['fly flyctl', { assignmentsBehind: ['secrets'] }],
  ['heroku', { assignmentsBehind: ['config:set'] }],
  ['cf', { command: ['login', 'auth'], options: { p: 'secret' }, valueLetters: 'uaos' }],
  ['snyk', { wordBehind: ['auth'] }],
  ['consul', { options: { '-encrypt': 'secret' } }],
  ['transmission-remote', { options: { n: 'pair', '--auth': 'pair' } }],
  ['pulumi', { flags: ['--secret', '--plaintext'], places: { numbers: [3], only: /^config$/ } }],
  ['netlify', { options: { '--auth': 'secret' } }],
  ['ngrok', { wordBehind: ['authtoken', 'add-authtoken'] }],
  ['rclone', { wordBehind: ['obscure'] }],
  ['mc', { places: { numbers: [4, 5], only: /^alias$/ } }],
  ['ffmpeg avconv x264 x265 mencoder', { plain: ['-pass', '--pass'] }],
];

export const clients: ReadonlyMap<string, Client> = new Map(
  families.flatMap(([names, client]) => names.split(' ').map((name) => [name, client] as const)),
);

/** Programs that run what stands behind their own words. */
// prettier-ignore
export const wrappers: ReadonlySet<string> = new Set([
  'sudo', 'doas', 'su', 'env', 'nice', 'ionice', 'nohup', 'time', 'timeout', 'watch', 'xargs', 'parallel', 'setsid', 'stdbuf', 'chroot', 'unshare', 'nsenter',
  'setpriv', 'runuser', 'gosu', 'tini', 'dumb-init', 'catatonit', 'flock', 'strace', 'ltrace', 'perf', 'taskset', 'numactl', 'chrt', 'systemd-run', 'script', 'faketime',
  'docker', 'podman', 'nerdctl', 'docker-compose', 'kubectl', 'oc', 'crictl', 'ctr', 'lxc', 'lxc-attach', 'machinectl', 'systemd-nspawn', 'ssh', 'sshpass', 'mosh',
  'vagrant', 'find', 'fd', 'exec', 'command', 'busybox', 'toybox', 'bwrap', 'firejail', 'proxychains', 'proxychains4', 'torsocks', 'gdb', 'valgrind', 'entr',
  'dotenv', 'direnv', 'envdir', 'chpst', 'setuidgid', 's6-setuidgid', 'with-contenv', 'aws-vault', 'op', 'doppler', 'npx', 'pipenv', 'poetry', 'uv',
  'eval', 'then', 'do', 'else', '!', '{', 'if', 'while', 'until', 'elif', 'cross-env', 'ssh-agent', 'screen', 'tmux',
]);

/** Options of wrappers whose value is a name, however much it looks like a program. */
export const nameOptions: ReadonlySet<string> = new Set(
  [
    'name',
    'network',
    'net',
    'hostname',
    'link',
    'container',
    'network-alias',
    'label',
    'volume',
    'service',
    'namespace',
    'unit',
    'context',
  ].map((name) => `--${name}`),
);

export const isShell = (name: string): boolean => /^-?(?:ba|da|z|k|a|fi)?sh$/.test(name);
