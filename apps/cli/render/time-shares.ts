import { KINDS, type Kind, type TimeShares } from '../../../workers/trace/time-shares.js';
import { percent } from './numbers.js';
import type { Style } from './style.js';

const SIGNS: Record<Kind, string> = { gpu: '█', cpu: '▓', store: '▒', retries: '×', orchestration: '░' };

/** A kind's share of the whole, 0 to 1. */
export function shareOf(time: TimeShares, kind: Kind): number {
  const whole = KINDS.reduce((sum, each) => sum + time[each], 0);
  return whole === 0 ? 0 : time[kind] / whole;
}

/** A bar whose parts are the shares, each rounded up where it would vanish; signs tell them apart without colours. */
export function shareBar(time: TimeShares, width: number, style: Style): string {
  const paint: Record<Kind, (text: string) => string> = {
    gpu: style.cyan,
    cpu: style.green,
    store: style.yellow,
    retries: style.red,
    orchestration: style.dim,
  };
  let left = width;
  return KINDS.map((kind, index) => {
    const later = KINDS.slice(index + 1).filter((each) => time[each] > 0).length;
    const wanted = time[kind] > 0 ? Math.max(1, Math.round(shareOf(time, kind) * width)) : 0;
    const length = index === KINDS.length - 1 ? left : Math.min(wanted, left - later);
    left -= length;
    return paint[kind](SIGNS[kind].repeat(length));
  }).join('');
}

/** The bar with its legend. */
export function timeParts(time: TimeShares, style: Style): string {
  const parts = KINDS.filter((kind) => time[kind] > 0).map(
    (kind) => `${SIGNS[kind]} ${kind} ${percent(shareOf(time, kind))}`,
  );
  return `${shareBar(time, 24, style)} ${parts.join(' · ')}`;
}
