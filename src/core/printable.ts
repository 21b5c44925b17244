/** Text from outside, made safe for a terminal and for one line: control, separator and bidirectional characters become escapes. */

// oxlint-disable-next-line no-control-regex -- they are what is meant
const unsafe = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu;

const names: Readonly<Record<string, string>> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t` };

export const printable = (text: string): string =>
  text.replace(unsafe, (character) => names[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
