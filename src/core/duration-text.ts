/** `850 µs`, `12 ms`, `3.2 s`, `2 min 5 s`, `3 h 12 min`. */
export const durationText = (ns: number): string => {
  if (ns < 999_500) return `${Math.round(ns / 1e3)} µs`;
  if (ns < 999_500_000) return `${Math.round(ns / 1e6)} ms`;
  if (ns < 59_950_000_000) return `${(ns / 1e9).toFixed(1)} s`;
  const seconds = Math.round(ns / 1e9);
  return seconds < 3600
    ? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
    : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
};
