export type Correction = 'bonferroni' | 'holm' | 'holm-sidak' | 'simes-hochberg' | 'hommel' | 'fdr_bh' | 'fdr_by';

/**
 * Adjusted p-values, in the order given; reject where one is at most α. Names and results as statsmodels'
 * `multipletests`: the first five control the family-wise error, fdr_bh (Benjamini & Hochberg 1995) and fdr_by
 * (Benjamini & Yekutieli 2001) the false discovery rate. A p that is NaN counts as the largest, so that the methods which
 * step up from there give NaN for all.
 */
export function adjustPValues(pValues: readonly number[], method: Correction): number[] {
  const order = pValues
    .map((_, index) => index)
    .sort((a, b) => {
      const [first, second] = [pValues[a]!, pValues[b]!];
      return Number(Number.isNaN(first)) - Number(Number.isNaN(second)) || first - second;
    });
  const adjusted = adjustSorted(
    order.map((index) => pValues[index]!),
    method,
  );
  const result: number[] = [];
  order.forEach((index, place) => (result[index] = Math.min(1, adjusted[place]!)));
  return result;
}

function adjustSorted(p: readonly number[], method: Correction): number[] {
  const n = p.length;
  const steps = (factor: (place: number) => number) => p.map((value, place) => value * factor(place));
  switch (method) {
    case 'bonferroni':
      return steps(() => n);
    case 'holm':
      return runningMaximum(steps((place) => n - place));
    case 'holm-sidak':
      return runningMaximum(p.map((value, place) => -Math.expm1((n - place) * Math.log1p(-value))));
    case 'simes-hochberg':
      return runningMinimum(steps((place) => n - place));
    case 'fdr_bh':
      return runningMinimum(steps((place) => n / (place + 1)));
    case 'fdr_by': {
      const harmonic = p.reduce((sum, _, place) => sum + 1 / (place + 1), 0);
      return runningMinimum(steps((place) => (n * harmonic) / (place + 1)));
    }
    case 'hommel':
      return hommel(p);
  }
}

/** Wright's algorithm (1992) for Hommel's procedure: every closed Simes test of m hypotheses, m = n … 2. */
function hommel(p: readonly number[]): number[] {
  const n = p.length;
  const adjusted = [...p];
  for (let m = n; m > 1; m--) {
    let simes = Infinity;
    for (let k = 0; k < m; k++) simes = Math.min(simes, (m * p[n - m + k]!) / (k + 1));
    for (let place = 0; place < n; place++) {
      const bound = place >= n - m ? simes : Math.min(simes, m * p[place]!);
      adjusted[place] = Math.max(adjusted[place]!, bound);
    }
  }
  return adjusted;
}

function runningMaximum(values: number[]): number[] {
  let largest = -Infinity;
  return values.map((value) => (largest = Math.max(largest, value)));
}

/** Minimum of each value and all after it. */
function runningMinimum(values: number[]): number[] {
  let smallest = Infinity;
  return values
    .toReversed()
    .map((value) => (smallest = Math.min(smallest, value)))
    .toReversed();
}
