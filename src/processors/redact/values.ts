/** Whether a text that stands where a secret would is one. */

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`, 'i');

/** It stands for a value that is elsewhere, for none, or has been taken out. */
const references = whole(
  [
    String.raw`\$\w+|\$\{[^}]*\}|\$\(.*\)|` + '`[^`]*`|' + String.raw`\$\{\{.*\}\}|\{\{.*\}\}|%\w*%?|<[^>]*>?|\[[A-Z_ ]+\]`,
    String.raw`\*+|x{3,}|X{3,}|\.{3}|-`,
    'true|false|yes|no|none|null|nil|undefined|auto|on|off|prompt|ask|stdin|required|optional|interactive',
    String.raw`(?:file|fd|env|vault|ref\+\w+|arn|secretsmanager|ssm|op|keyring|cmd|exec):.*`,
    String.raw`@[./-].*`,
  ].join('|'),
);
const places =
  /^(?:\.{1,2}\/|~\/|file:\/\/|\/(?:etc|run|var|home|tmp|usr|opt|root|dev|proc|mnt|srv|data|app|apps|config|configs|secret|secrets|certs|keys|Users|private|workspace|build|lib|bin|sys|boot|media|nix|snap|vault)(?:\/|$))[^\s]*$/;
const fileNames =
  /^[\w.-]+\.(?:pem|key|txt|json|ya?ml|crt|cer|p12|pfx|jks|env|conf|cfg|ini|gpg|asc|pub|der|toml|properties|pass|pw|secret|token)$/;

/** True for what stands in the place of a secret and is none: empty, a reference, a path, yes or no. */
export const isHarmlessValue = (value: string): boolean =>
  value === '' || references.test(value) || places.test(value) || fileNames.test(value);

/** A word of a language would not look like this: digits among letters, capitals inside, signs, or very long. */
export const looksRandom = (value: string): boolean => {
  if (value.length < 6) return false;
  if (value.length >= 40) return true;
  const hasLetter = /[A-Za-z]/.test(value);
  return (
    (hasLetter && /\d/.test(value)) ||
    /[a-z][A-Z]/.test(value) ||
    (/[+/=_!#$%^&*~]/.test(value) && hasLetter) ||
    (!hasLetter && value.length >= 8)
  );
};
