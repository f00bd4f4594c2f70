const NONE = '–';

/** 0–100 with one decimal; a dash where there is none. */
export function score(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? NONE : value.toFixed(1);
}

/** A share of 0–1 as per cent. */
export function percent(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? NONE : `${(value * 100).toFixed(1)} %`;
}

/** A loss with four significant places. */
export function loss(value: number | null | undefined): string {
  return value == null || !Number.isFinite(value) ? NONE : value.toPrecision(4);
}

/** `0.8 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** Bytes in GB or MB (powers of ten). */
export function bytes(value: number): string {
  return value >= 1e9 ? `${(value / 1e9).toFixed(1)} GB` : `${Math.round(value / 1e6)} MB`;
}

/** The difference of two values with its sign. */
export function change(before: number, after: number, digits = 1): string {
  const difference = (after - before).toFixed(digits);
  return Number(difference) > 0 ? `+${difference}` : Number(difference) === 0 ? '±0' : difference.replace('-', '−');
}
