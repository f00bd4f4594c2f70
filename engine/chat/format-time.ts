const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/**
 * Python's `strftime` of a local time in the C locale, as far as chat templates use it.
 *
 * @throws Error for a directive that is not supported
 */
export function formatTime(time: Date, format: string): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const directives: Record<string, () => string> = {
    Y: () => String(time.getFullYear()),
    y: () => two(time.getFullYear() % 100),
    m: () => two(time.getMonth() + 1),
    d: () => two(time.getDate()),
    H: () => two(time.getHours()),
    I: () => two(time.getHours() % 12 || 12),
    p: () => (time.getHours() < 12 ? 'AM' : 'PM'),
    M: () => two(time.getMinutes()),
    S: () => two(time.getSeconds()),
    B: () => MONTHS[time.getMonth()]!,
    b: () => MONTHS[time.getMonth()]!.slice(0, 3),
    A: () => DAYS[time.getDay()]!,
    a: () => DAYS[time.getDay()]!.slice(0, 3),
    '-d': () => String(time.getDate()),
    '-m': () => String(time.getMonth() + 1),
    '%': () => '%',
  };
  return format.replace(/%(-?.)/gsu, (whole, name: string) => {
    if (!Object.hasOwn(directives, name)) throw new Error(`strftime_now does not support ${whole}`);
    return directives[name]!();
  });
}
