/** System calls in a few words. */
import { attributeName as name, eventName } from '../otlp/names.ts';
import { before, dim, endText, show, type Part, type Values } from './parts.ts';

/** `begun`: when it goes on behind the call. */
type Words = { readonly done: string; readonly failed: string; readonly begun?: string };

/** What became of it: `opened`, or `could not open` and why. */
const outcome = (values: Values, { done, failed, begun }: Words, what: string): Part[] => {
  const error = show(values, name.errorType);
  if (error === 'EINPROGRESS' && begun !== undefined) return [{ text: begun, style: 'cyan' }, { text: what }];
  return error === ''
    ? [{ text: done, style: 'cyan' }, { text: what }]
    : [{ text: `could not ${failed}${what}: ${error}`, style: 'yellow' }];
};

const doubt = (values: Values): Part => dim(values.get(name.unverified) === true && !values.has(name.errorType) ? '(unverified)' : '');

const fileText = (values: Values): string => {
  const path =
    show(values, name.filePath) || show(values, name.fileRequested) || (values.has(name.fd) ? `fd ${show(values, name.fd)}` : '');
  return values.get(name.pathTruncated) === true ? `…${path}` : path;
};

const fileParts =
  (words: Words) =>
  (values: Values): Part[] => [
    ...outcome(values, words, before(fileText(values))),
    dim(show(values, name.fileFlags)),
    dim(values.get(name.fileDeleted) === true ? '(deleted)' : ''),
    doubt(values),
  ];

const bytesText = (values: Values): string => {
  const [transferred, requested] = [show(values, name.ioTransferred), show(values, name.ioRequested)];
  const of = requested === '' || requested === transferred ? '' : ` of ${requested}`;
  return transferred === '' ? '' : ` ${transferred}${of} bytes`;
};

const ioParts =
  (words: Words, preposition: string) =>
  (values: Values): Part[] => {
    const file = fileText(values);
    const what = `${bytesText(values)}${file === '' ? '' : ` ${preposition} ${file}`}`;
    const calls = show(values, name.ioCalls);
    return [...outcome(values, words, what), dim(calls === '' ? '' : `in ${calls} calls`), doubt(values)];
  };

const socketParts =
  (words: Words, preposition: string) =>
  (values: Values): Part[] => {
    const local = endText(values, name.networkLocalAddress, name.networkLocalPort);
    const peer = endText(values, name.networkPeerAddress, name.networkPeerPort);
    const socket = show(values, name.networkTransport) || show(values, name.networkProtocol) || 'socket';
    const what = `${bytesText(values)} ${socket}${peer === '' ? '' : ` ${preposition} ${peer}`}`.replace(/ +/g, ' ');
    return [...outcome(values, words, what), dim(local === '' ? '' : `at ${local}`), doubt(values)];
  };

const failedParts = (values: Values): Part[] => [
  { text: `${show(values, name.syscallName)} failed: ${show(values, name.errorType)}`, style: 'yellow' },
  dim(show(values, name.cloneFlags)),
];

/** By name of the event. */
export const callParts: Readonly<Record<string, (values: Values) => Part[]>> = {
  [eventName.fileOpen]: fileParts({ done: 'opened', failed: 'open' }),
  [eventName.fileUnlink]: fileParts({ done: 'unlinked', failed: 'unlink' }),
  [eventName.fileRead]: ioParts({ done: 'read', failed: 'read' }, `from`),
  [eventName.fileWrite]: ioParts({ done: 'wrote', failed: 'write' }, 'to'),
  [eventName.networkConnect]: socketParts({ done: 'connected', failed: 'connect', begun: 'connecting' }, 'to'),
  [eventName.networkAccept]: socketParts({ done: 'accepted', failed: 'accept' }, `from`),
  [eventName.networkSend]: socketParts({ done: 'sent', failed: 'send' }, 'to'),
  [eventName.networkReceive]: socketParts({ done: 'received', failed: 'receive' }, `from`),
  [eventName.networkClose]: socketParts({ done: 'closed', failed: 'close' }, 'to'),
  [eventName.syscallFailed]: failedParts,
};
