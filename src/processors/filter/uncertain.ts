/** Which paths and peers a rule may not rely on; see src/core/rules.ts. */
import { constants } from 'node:os';
import { callFlag, pathFlag } from '../../kernel/layouts.gen.ts';
import { eventName } from '../../otlp/names.ts';
import { fieldState, type FieldState } from './compiled-rules.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const CUT = pathFlag.truncated | pathFlag.fault;
const AWAY = pathFlag.detached | pathFlag.pseudo;
const NOT_THERE = -constants.errno.ENOENT;

/** True when a part of the path is `..`. */
const climbs = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let at = start; at + 1 < end; at++)
    if (
      bytes[at] === DOT &&
      bytes[at + 1] === DOT &&
      (at === start || bytes[at - 1] === SLASH) &&
      (at + 2 === end || bytes[at + 2] === SLASH)
    )
      return true;
  return false;
};

/** Whose path the caller wrote, and no kernel resolved. `opens`: when it failed. */
export type PathOrigin = { readonly opens: boolean; readonly unlinks: boolean };
export const pathOriginOf = (event: string): PathOrigin => ({
  opens: event === eventName.fileOpen,
  unlinks: event === eventName.fileUnlink,
});

/** `bytes[start, end)` is the path of a record; `callFlags`, `pathFlags` and `ret` as it has them. */
export const pathStateOf = (
  { opens, unlinks }: PathOrigin,
  ret: number,
  callFlags: number,
  pathFlags: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): FieldState => {
  if (start === end || (callFlags & callFlag.isUnverified) !== 0 || (pathFlags & CUT) !== 0) return fieldState.uncertain;
  if ((pathFlags & AWAY) === pathFlag.detached) return fieldState.uncertain;
  if (!unlinks && !(opens && ret < 0)) return fieldState.certain;
  const isTelling = (ret >= 0 || ret === NOT_THERE) && bytes[start] === SLASH && !climbs(bytes, start, end);
  return isTelling ? fieldState.certain : fieldState.uncertain;
};

/** Of the address or port of an end; `isUnsure`: it may be another, `isThere`: the record says one. */
export const endStateOf = (isUnsure: boolean, isThere: boolean): FieldState => {
  if (isUnsure) return fieldState.uncertain;
  return isThere ? fieldState.certain : fieldState.absent;
};
