/** Points and weights of a quadrature: ∫ f ≈ Σ weights[i] · f(nodes[i]). */
export interface Quadrature {
  nodes: Float64Array;
  weights: Float64Array;
}

/** The rules on [−1, 1] by their number of points: a rule is asked for again and again. */
const unitRules = new Map<number, Quadrature>();

/** Nodes and weights of Gauss–Legendre quadrature with n points on [low, high]. */
export function gaussLegendre(n: number, low = -1, high = 1): Quadrature {
  const rule = unitRules.get(n) ?? unitRule(n);
  unitRules.set(n, rule);
  const [centre, half] = [(low + high) / 2, (high - low) / 2];
  return { nodes: rule.nodes.map((x) => centre + half * x), weights: rule.weights.map((weight) => half * weight) };
}

/** Newton's method on the Legendre polynomial of degree n from Tricomi's starting values. */
function unitRule(n: number): Quadrature {
  const rule = { nodes: new Float64Array(n), weights: new Float64Array(n) };
  for (let index = 0; index < n; index++) {
    let x = -Math.cos((Math.PI * (index + 0.75)) / (n + 0.5));
    let derivative = 0;
    for (let step = 0; step < 100; step++) {
      let value = 1;
      let before = 0;
      for (let k = 1; k <= n; k++) {
        const next = ((2 * k - 1) * x * value - (k - 1) * before) / k;
        before = value;
        value = next;
      }
      derivative = (n * (x * value - before)) / (x * x - 1);
      const change = value / derivative;
      x -= change;
      if (Math.abs(change) < 1e-15) break;
    }
    rule.nodes[index] = x;
    rule.weights[index] = 2 / ((1 - x * x) * derivative * derivative);
  }
  return rule;
}
