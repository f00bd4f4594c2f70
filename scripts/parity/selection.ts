import { readFile } from 'node:fs/promises';
import {
  cosineSimilarity,
  facilityLocation,
  radialSimilarity,
  type Similarity,
} from '../../learning/selection/strategies/facility-location.js';
import { kCenter, type Metric } from '../../learning/selection/strategies/k-center.js';
import {
  embeddingDistance,
  gradientDistance,
  gradientEmbedding,
  kMeansPlusPlus,
} from '../../learning/selection/strategies/k-means-plus-plus.js';
import { cosine, matrixOf, rowNorms, type Matrix } from '../../learning/selection/strategies/matrix.js';
import { maximalMarginalRelevance } from '../../learning/selection/strategies/maximal-marginal-relevance.js';
import {
  entropyScores,
  leastConfidenceScores,
  margins,
  ratioScores,
  topRows,
} from '../../learning/selection/strategies/uncertainty-scores.js';
import { compareFields, type Tolerance } from './compare-tree.js';
import type { CaseRecorder } from './report.js';

interface Traversal {
  start: number[];
  order: number[];
  distance_when_picked: number[];
  final_radius: number;
}
interface Facilities {
  gamma?: number;
  order: number[];
  gain: number[];
  safe_prefix: number;
  objective: number;
}
interface Drawn {
  draws: number[];
  order: number[];
  potential: number[];
}
interface Marginal {
  lambda_: number;
  order: number[];
  value: number[];
}
interface SelectionFixture {
  embeddings: number[][];
  probabilities: number[][];
  uncertainty: Record<string, { score: number[]; order: number[] }>;
  k_center: Record<string, Traversal>;
  mmr: { query: number[]; relevance: number[]; runs: Marginal[]; by_entropy: Marginal[] };
  facility_location: Facilities & { rbf: Facilities };
  kmeans_plus_plus: Drawn[];
  badge: { norm: number[]; first_rows: number[][]; runs: Drawn[] };
  k_center_with_duplicates: { embeddings: number[][]; start: number[]; order: number[] };
}

const SCORES: Tolerance = { relative: 1e-9, absolute: 1e-9 };

/** selection.json: scores and greedy orders; orders are exact. */
export async function checkSelection(file: string, record: CaseRecorder): Promise<void> {
  const fixture = JSON.parse(await readFile(file, 'utf8')) as SelectionFixture;
  const embeddings = matrixOf(fixture.embeddings);
  const probabilities = matrixOf(fixture.probabilities);
  const compare = (name: string, actual: object, expected: object) =>
    compareFields(record, name, { ...actual }, { ...expected }, SCORES);

  const scorers: Record<string, (matrix: Matrix) => Float64Array> = {
    entropy: entropyScores,
    margin: margins,
    least_confidence: leastConfidenceScores,
    ratio: ratioScores,
  };
  for (const [name, expected] of Object.entries(fixture.uncertainty)) {
    const score = scorers[name]?.(probabilities);
    const ranked = name === 'margin' ? score?.map((value) => -value) : score;
    const order = ranked && topRows(ranked, expected.order.length);
    compare(`uncertainty/${name}`, { score: score && [...score], order }, expected);
  }

  for (const [name, { start, ...expected }] of Object.entries(fixture.k_center)) {
    const metric: Metric = name.startsWith('cosine') ? 'cosine' : 'euclidean';
    const { order, distances, radius } = kCenter(embeddings, start, expected.order.length, metric);
    compare(`k_center/${name}`, { order, distance_when_picked: distances, final_radius: radius }, expected);
  }
  const { embeddings: doubled, start, order: expectedOrder } = fixture.k_center_with_duplicates;
  const { order: withDuplicates } = kCenter(matrixOf(doubled), start, expectedOrder.length);
  compare('k_center_with_duplicates', { order: withDuplicates }, { order: expectedOrder });

  checkMarginal(fixture, embeddings, probabilities, compare);

  const { rbf, ...cosineFixture } = fixture.facility_location;
  checkFacilities('facility_location', cosineSimilarity(embeddings), cosineFixture, embeddings.rows, compare);
  const radial = radialSimilarity(embeddings, rbf.gamma ?? 1);
  checkFacilities('facility_location/rbf', radial, rbf, embeddings.rows, compare);

  const drawn = (prefix: string, runs: Drawn[], distance: (a: number, b: number) => number) =>
    runs.forEach(({ draws, ...expected }, index) => {
      let next = 0;
      const run = kMeansPlusPlus(embeddings.rows, distance, expected.order.length, () => draws[next++]!);
      compare(`${prefix}/${index}`, { order: run.order, potential: run.potentials }, expected);
    });
  drawn('kmeans_plus_plus', fixture.kmeans_plus_plus, embeddingDistance(embeddings));
  const gradients = gradientEmbedding(probabilities, embeddings);
  drawn('badge/runs', fixture.badge.runs, gradientDistance(gradients));
  const rowOf = ({ data, columns }: Matrix, row: number) => [...data.subarray(row * columns, (row + 1) * columns)];
  const firstRows = fixture.badge.first_rows.map((_, row) =>
    rowOf(gradients.residuals, row).flatMap((r) => rowOf(embeddings, row).map((e) => r * e)),
  );
  const { norm, first_rows } = fixture.badge;
  compare('badge', { norm: [...gradients.norms], first_rows: firstRows }, { norm, first_rows });
}

type Compare = (name: string, actual: object, expected: object) => void;

/** Relevance is the cosine to a query, or the entropy over its largest possible value. */
function checkMarginal({ mmr }: SelectionFixture, embeddings: Matrix, probabilities: Matrix, compare: Compare): void {
  const { rows, columns } = embeddings;
  const data = Float64Array.from([...embeddings.data, ...mmr.query]);
  const withQuery = { data, rows: rows + 1, columns };
  const norms = rowNorms(withQuery);
  const relevance = Array.from({ length: rows }, (_, row) => cosine(withQuery, norms, row, rows));
  compare('mmr', { relevance }, { relevance: mmr.relevance });
  const byEntropy = entropyScores(probabilities).map((score) => score / Math.log(probabilities.columns));
  const run = (name: string, items: Marginal[], weights: ArrayLike<number>) =>
    items.forEach(({ lambda_, ...expected }, index) => {
      const { order, values } = maximalMarginalRelevance(embeddings, weights, expected.order.length, lambda_);
      compare(`mmr/${name}/${index}`, { order, value: values }, expected);
    });
  run('runs', mmr.runs, relevance);
  run('by_entropy', mmr.by_entropy, byEntropy);
}

/** Past `safe_prefix` symmetric pairs tie exactly: only the objective is compared there, to 1e-3. */
function checkFacilities(
  name: string,
  similarity: Similarity,
  expected: Facilities,
  rows: number,
  compare: Compare,
): void {
  const all = Array.from({ length: rows }, (_, row) => row);
  const { order, values, objective } = facilityLocation(all, all, similarity, expected.order.length);
  const safe = expected.safe_prefix;
  compare(
    name,
    {
      order: order.slice(0, safe),
      gain: values.slice(0, safe),
      objective: Math.abs(objective / expected.objective - 1) < 1e-3,
    },
    { order: expected.order.slice(0, safe), gain: expected.gain.slice(0, safe), objective: true },
  );
}
