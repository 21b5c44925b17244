/** Secrets before a host: in URLs, and without a scheme. Linear in the length of the text. */
import { markValue, type Mark } from './marks.ts';
import { looksRandom } from './values.ts';

/** A name before `@` that is a version, a digest or the like: `npm:left-pad@1.3.0`, `redis:7@sha256:...`. */
const noHost = /^@(?:sha256|sha512|md5)[:-]|^@(?!\d{1,3}\.\d{1,3}\.\d{1,3}\.\d)[\d^~*v]|^@(?:latest|next|main|master)\b/;
const noUser =
  /^(?:npm|jsr|pkg|workspace|github|gitlab|bitbucket|docker|oci|file|link|patch|portal|git|mailto|sip|xmpp|acct|ssh|http|https)$/i;

/** The user information of one URL without its scheme, `at` characters into the text. */
const markAuthority = (url: string, at: number, mark: Mark): void => {
  const path = url.search(/[/?#]/);
  const authorityEnd = path < 0 ? url.length : path;
  const colon = url.indexOf(':');
  let sign = url.lastIndexOf('@', authorityEnd);
  // a slash or another end of the authority in the secret: what stands before it is no port
  if (sign < 0 && colon >= 0 && colon < authorityEnd && (url[authorityEnd] === '#' || !/^\d*$/.test(url.slice(colon + 1, authorityEnd)))) {
    sign = url.lastIndexOf('@');
  }
  if (sign < 0) return;
  // an @ and a slash in the secret; one behind a slash names a scope, one before a number a version
  const rest = url.slice(sign + 1, url.search(/[?#]|$/));
  const later = colon >= 0 && colon < sign ? rest.search(/[^/]@[A-Za-z][\w.-]*(?::\d+)?(?:\/[^@]*)?$/) : -1;
  if (later >= 0) sign += later + 2;
  if (colon >= 0 && colon < sign) markValue(url, colon + 1, sign, (start, end) => mark(at + start, at + end));
  // `https://TOKEN@github.com`: the user alone proves who one is
  else if (sign >= 20 && looksRandom(url.slice(0, sign)) && /\d/.test(url.slice(0, sign))) mark(at, at + sign);
};

/** `user:secret@host` without a scheme. */
const markBarePair = (piece: string, at: number, mark: Mark): void => {
  const colon = piece.indexOf(':');
  const sign = piece.lastIndexOf('@');
  if (colon < 1 || sign <= colon + 1) return;
  const user = piece.slice(0, colon);
  const host = piece.slice(sign, sign + 80);
  if (!/^[\w.+%\\-]+$/.test(user) || noUser.test(user) || noHost.test(host) || !/^@[\w[]/.test(host)) return;
  markValue(piece, colon + 1, sign, (start, end) => mark(at + start, at + end));
};

/** `jdbc:oracle:thin:user/secret@host`. */
const oracle = /oracle:(?:thin|oci8?):[\w$]{1,64}\/([^@\s"']{1,256})@/g;

/** `//user:secret@` and `user:secret@host`, in what stands between blanks and quotes. */
export const markUserInformation = (text: string, mark: Mark): void => {
  for (const match of text.matchAll(oracle)) {
    const end = match.index + match[0].length - 1;
    markValue(text, end - match[1]!.length, end, mark);
  }
  for (const match of text.matchAll(/[^\s"'`<>()]{4,}/g)) {
    const [segment] = match;
    if (!segment.includes('@')) continue;
    let scheme = segment.indexOf('://');
    if (scheme < 0) {
      for (const piece of segment.matchAll(/[^=,;/]+/g)) markBarePair(piece[0], match.index + piece.index, mark);
    }
    while (scheme >= 0) {
      const start = scheme + 3;
      scheme = segment.indexOf('://', start);
      markAuthority(segment.slice(start, scheme < 0 ? segment.length : scheme), match.index + start, mark);
    }
  }
};
