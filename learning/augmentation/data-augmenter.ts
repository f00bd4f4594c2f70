import type { ExampleRow, RejectedRow } from '../../config/domain.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';

/** Makes one variant of an example; null where the operator has nothing to change. Equal seeds give equal variants. */
export interface AugmentationOperator {
  name: string;
  apply(example: ExampleRow, seed: readonly (string | number)[]): { input: string; target: string } | null;
}

/** Scores the target of a variant against its input, 0–100. */
export type VerifyVariant = (variant: ExampleRow) => number | Promise<number>;

export interface AugmentedSet {
  /** The originals in their order, then the variants in the order they were made. */
  examples: ExampleRow[];
  /** Variants whose label no longer held. */
  rejected: RejectedRow[];
}

const FULL_SCORE = 100;
/** Passes over all parents that may bring nothing before the search ends. */
const IDLE_PASSES = 3;
const RAW_LIMIT = 4096;

/**
 * R9: enlarges the training rows to `factor` times their number with variants of them. A variant counts only when its
 * label still scores 100 and no other row has the same input and target. Every parent gets one variant before any
 * gets its second. Rows of the validation split are passed through, neither augmented nor counted.
 */
export class DataAugmenter {
  private readonly factor: number;

  /** @param factor size of the augmented set over the original one, 1 … 5 */
  constructor(factor = 2) {
    this.factor = factor;
  }

  /**
   * Exactly round(factor × training rows) training rows when the operators can make that many valid variants, else all
   * that were found. Depends on the ids and the seed, not on the order of the examples.
   */
  async augmentTrainingData(
    examples: readonly ExampleRow[],
    operators: readonly AugmentationOperator[],
    verify: VerifyVariant,
    options: { factor?: number; seed: number },
  ): Promise<AugmentedSet> {
    const parents = examples.filter((row) => row.split === 'train').sort((a, b) => (a.id < b.id ? -1 : 1));
    const wanted = Math.round(parents.length * (options.factor ?? this.factor)) - parents.length;
    const seen = new Set(examples.map(contentKey));
    const tried = new Set<string>();
    const variants: ExampleRow[] = [];
    const rejected: RejectedRow[] = [];

    const makeOne = async (parent: ExampleRow, place: number, pass: number): Promise<boolean> => {
      for (let turn = 0; turn < operators.length; turn++) {
        const operator = operators[(place + pass + turn) % operators.length]!;
        const made = operator.apply(parent, [options.seed, 'augmentation', parent.id, operator.name, pass]);
        if (made === null) continue;
        const variant: ExampleRow = {
          ...parent,
          ...made,
          id: `${parent.id}~${operator.name}-${pass}`,
          source: 'augmented',
          parentId: parent.id,
          operator: operator.name,
          labelScore: FULL_SCORE,
        };
        const key = contentKey(variant);
        if (seen.has(key) || tried.has(key)) continue;
        tried.add(key);
        const score = await verify(variant);
        if (score === FULL_SCORE) {
          seen.add(key);
          variants.push(variant);
          return true;
        }
        const reason = `the label of a ${operator.name} variant of ${parent.id} scores ${score}, not ${FULL_SCORE}`;
        const raw = JSON.stringify(made).slice(0, RAW_LIMIT);
        rejected.push({ source: 'augmentation', line: 0, field: 'target', reason, raw });
      }
      return false;
    };

    for (let pass = 0, idle = 0; variants.length < wanted && idle < IDLE_PASSES; pass++) {
      const before = variants.length;
      for (const [place, parent] of parents.entries()) {
        if (variants.length >= wanted) break;
        await makeOne(parent, place, pass);
      }
      idle = variants.length === before ? idle + 1 : 0;
    }
    return { examples: [...examples, ...variants], rejected };
  }

  /** R14. */
  async selfTest(): Promise<SelfTestResult> {
    const example: ExampleRow = {
      id: 'e1',
      eventId: 'e1',
      artifactType: 'erd',
      input: 'a customer',
      target: 'customer',
      source: 'correction',
      difficulty: 0.2,
      reward: 1,
      labelScore: 100,
      hardNegative: false,
      split: 'train',
    };
    const rename = { name: 'rename', apply: (row: ExampleRow) => ({ input: `the ${row.target}`, target: row.target }) };
    const spoil = { name: 'spoil', apply: (row: ExampleRow) => ({ input: row.input, target: 'nothing' }) };
    const verify = (row: ExampleRow) => (row.input.endsWith(row.target) ? 100 : 0);
    const doubled = await this.augmentTrainingData([example], [spoil, rename], verify, { factor: 2, seed: 1 });
    return runChecks('DataAugmenter', {
      'one example becomes two': () => doubled.examples.length === 2,
      'the variant keeps its label': () => doubled.examples[1]?.operator === 'rename',
      'the variant with a wrong label is rejected': () => doubled.rejected.length === 1,
    });
  }
}

function contentKey(row: Pick<ExampleRow, 'artifactType' | 'input' | 'target'>): string {
  return JSON.stringify([row.artifactType, row.input, row.target]);
}
