/** What a terminal is told: only what every one since the VT220 knows, or does nothing at. */

const csi = '\u001b[';

/** Another screen than the shell's, no cursor, and no line goes on in the next one when it is wider than we think. */
export const enterScreen = `${csi}?1049h${csi}?25l${csi}?7l${csi}0m${csi}2J`;
export const leaveScreen = `${csi}?2026l${csi}0m${csi}?7h${csi}?25h${csi}?1049l`;
/** What is between these is shown at once by terminals that can. */
export const beginUpdate = `${csi}?2026h`;
export const endUpdate = `${csi}?2026l`;
export const eraseScreen = `${csi}0m${csi}2J`;
/** From the cursor on. */
export const eraseRest = `${csi}K`;
export const eraseLine = `${csi}2K`;
/** Both begin at 0. */
export const goTo = (row: number, column: number): string => `${csi}${row + 1};${column + 1}H`;
/** In the same line; begins at 0. */
export const goToColumn = (column: number): string => `${csi}${column + 1}G`;
