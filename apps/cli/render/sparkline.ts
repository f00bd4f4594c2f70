const LEVELS = [...'▁▂▃▄▅▆▇█'];

/** Values as a line of blocks, low to high over their own range; longer series are averaged to `width`. A gap is a blank. */
export function sparkline(values: readonly number[], width = 40): string {
  const points = values.length <= width ? [...values] : resample(values, width);
  const finite = points.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const level = (value: number) =>
    high === low ? 3 : Math.round(((value - low) / (high - low)) * (LEVELS.length - 1));
  return points.map((value) => (Number.isFinite(value) ? LEVELS[level(value)] : ' ')).join('');
}

function resample(values: readonly number[], width: number): number[] {
  return Array.from({ length: width }, (_, index) => {
    const part = values.slice(
      Math.floor((index * values.length) / width),
      Math.floor(((index + 1) * values.length) / width),
    );
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
