const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** `0 B`, `999 B`, `1.2 KiB`, `34 KiB`, `5.0 GiB`. */
export const amountText = (bytes: number): string => {
  let value = bytes;
  let unit = 'B';
  for (const larger of UNITS) {
    if (value < 1023.5) break;
    value /= 1024;
    unit = larger;
  }
  return `${unit === 'B' || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${unit}`;
};
