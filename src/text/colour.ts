/** Whether people want colours there. */
export type ColourOptions = { readonly isTTY?: boolean | undefined; readonly env: Readonly<Record<string, string | undefined>> };

/** On a terminal that has them, unless NO_COLOR is set (https://no-color.org). */
export const wantsColour = ({ isTTY, env }: ColourOptions): boolean => isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
