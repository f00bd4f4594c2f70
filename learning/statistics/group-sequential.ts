import { RatchetError } from '../../config/errors.js';
import { findRoot } from './find-root.js';
import { gaussLegendre } from './gauss-legendre.js';
import { normalCdf, normalDensity, normalQuantile, normalSf } from './normal.js';

/**
 * How the error α is dealt out over the looks. Spending functions (Lan & DeMets 1983) give the α spent up to the
 * information share t:
 * - `obrien-fleming-spending`: 4 − 4Φ(z_{α/4} / √t), i.e. α/2 for each tail;
 * - `obrien-fleming-spending-total`: 2 − 2Φ(z_{α/2} / √t), split equally;
 * - `pocock-spending`: α ln(1 + (e − 1) t); `linear-spending`: α t.
 * The classic designs have one constant C: z = C / √t (O'Brien & Fleming 1979), z = C (Pocock 1977).
 */
export type GroupSequentialDesign =
  | 'obrien-fleming-spending'
  | 'obrien-fleming-spending-total'
  | 'pocock-spending'
  | 'linear-spending'
  | 'obrien-fleming-classic'
  | 'pocock-classic';

export interface GroupSequentialBounds {
  /** Reject at look k when |z| reaches z[k]; Infinity where the error to spend is below the least number there is. */
  z: number[];
  /** Two-sided p-value that reaches the bound. */
  nominalP: number[];
  /** Error spent up to and with each look. */
  cumulativeAlpha: number[];
  /** C of the classic designs. */
  constant: number | null;
}

/** Points of the quadrature; the error falls exponentially with them and is below 1e-8 here at 100 looks. */
const POINTS = 96;

/**
 * Two-sided symmetric bounds for looks at given shares of the information, by the recursion of Armitage, McPherson &
 * Rowe (1969).
 * @param information rising, 0 < t ≤ 1
 * @throws RatchetError E_USAGE when the information does not rise within 0 … 1
 */
export function groupSequentialBounds(
  design: GroupSequentialDesign,
  alpha: number,
  information: readonly number[],
): GroupSequentialBounds {
  information.forEach((t, look) => {
    if (t > (information[look - 1] ?? 0) && t <= 1) return;
    throw new RatchetError('E_USAGE', `look ${look + 1} has the information ${t}, which does not rise within 0 … 1`, {
      hint: 'Give the share of all planned data at each look, for example 0.25, 0.5, 0.75, 1.',
    });
  });
  const shape = (t: number) => (design === 'obrien-fleming-classic' ? 1 / Math.sqrt(t) : 1);
  if (design === 'obrien-fleming-classic' || design === 'pocock-classic') {
    const boundsOf = (c: number) => information.map((t) => c * shape(t));
    const last = (spent: number[]) => spent[spent.length - 1]!;
    const constant = findRoot((c) => last(spentBy(boundsOf(c), information)) - alpha, 0.5, 12, 1e-11);
    return describe(boundsOf(constant), information, constant);
  }
  const walk = new StoppedWalk();
  const z: number[] = [];
  let before = 0;
  for (const t of information) {
    const spent = spending(design, alpha, t);
    const target = spent - before;
    const bound = z.length === 0 ? -normalQuantile(target / 2) : solveBound(walk, t, target);
    walk.look(t, bound);
    z.push(bound);
    before = spent;
  }
  return describe(z, information, null);
}

/** α spent up to the information share t. */
function spending(design: GroupSequentialDesign, alpha: number, t: number): number {
  switch (design) {
    case 'obrien-fleming-spending':
      return 4 * normalSf(-normalQuantile(alpha / 4) / Math.sqrt(t));
    case 'obrien-fleming-spending-total':
      return 2 * normalSf(-normalQuantile(alpha / 2) / Math.sqrt(t));
    case 'pocock-spending':
      return alpha * Math.log1p((Math.E - 1) * t);
    default:
      return alpha * t;
  }
}

function solveBound(walk: StoppedWalk, t: number, target: number): number {
  if (!(target > 0)) return Infinity;
  let high = 12;
  while (walk.exitProbability(t, high) > target) high *= 2;
  return findRoot((z) => Math.log(walk.exitProbability(t, z)) - Math.log(target), 0.05, high, 1e-12);
}

function spentBy(z: readonly number[], information: readonly number[]): number[] {
  const walk = new StoppedWalk();
  let total = 0;
  return z.map((bound, look) => (total += walk.look(information[look]!, bound)));
}

function describe(z: number[], information: readonly number[], constant: number | null): GroupSequentialBounds {
  return { z, nominalP: z.map((bound) => 2 * normalSf(bound)), cumulativeAlpha: spentBy(z, information), constant };
}

/** Brownian motion that stops when it leaves ±z·√t at a look: its density at the last look, as weighted points. */
class StoppedWalk {
  private time = 0;
  private points: Float64Array = new Float64Array([0]);
  private masses: Float64Array = new Float64Array([1]);

  /** P(stopping at time t with the bound z, not before). */
  exitProbability(t: number, z: number): number {
    const [edge, step] = [z * Math.sqrt(t), Math.sqrt(t - this.time)];
    let sum = 0;
    this.points.forEach((x, index) => {
      sum += this.masses[index]! * (normalCdf((-edge - x) / step) + normalCdf((x - edge) / step));
    });
    return sum;
  }

  /** Goes on to time t and stops beyond the bound; returns the probability of stopping there. */
  look(t: number, z: number): number {
    if (z === Infinity) return 0;
    const exit = this.exitProbability(t, z);
    const step = Math.sqrt(t - this.time);
    const { nodes, weights } = gaussLegendre(POINTS, -z * Math.sqrt(t), z * Math.sqrt(t));
    const masses = nodes.map((node, place) => {
      let density = 0;
      for (let index = 0; index < this.points.length; index++) {
        density += this.masses[index]! * normalDensity((node - this.points[index]!) / step);
      }
      return (weights[place]! * density) / step;
    });
    [this.time, this.points, this.masses] = [t, nodes, masses];
    return exit;
  }
}
