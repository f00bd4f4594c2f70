import type { ExampleRow, RejectedRow } from '../../config/domain.js';
import { isRatchetError, RatchetError } from '../../config/errors.js';
import { runChecks, type SelfTestResult } from '../self-test-result.js';
import type { IsHeldOut } from '../tracking/held-out.js';
import { backTranslationOperator } from './rewriting-operators.js';
import type { TextRewriter } from './text-rewriter.js';

/** What an operator made of an example. */
export interface Variant {
  input: string;
  target: string;
  /** How much of the request's meaning a rewriting is known to have kept, 0–1; of rewriting operators only. */
  roundTrip?: number;
}

/** Makes one variant of an example; null where the operator has nothing to change. Equal seeds give equal variants. */
export interface AugmentationOperator {
  name: string;
  apply(example: ExampleRow, seed: readonly (string | number)[]): Variant | null | Promise<Variant | null>;
}

/** Scores the target of a variant against its input, 0–100; null where the validator cannot judge it. */
export type VerifyVariant = (variant: ExampleRow) => number | null | Promise<number | null>;

/** Why the label of a variant holds: the validator gives it 100, or the rewriting kept enough of the request. */
export interface AugmentationProof {
  /** Of the variant. */
  id: string;
  kind: 'validator' | 'round-trip';
  /** The validator's score, 0–100, or the similarity, 0–1. */
  value: number;
}

export interface AugmentedSet {
  /** The originals in their order, then the variants in the order they were made. */
  examples: ExampleRow[];
  /** One for each variant, in their order. */
  proofs: AugmentationProof[];
  /** Variants whose label no longer held or that nothing proves, and operators whose provider failed. */
  rejected: RejectedRow[];
}

export interface AugmenterOptions {
  /** Adds variants translated en → fr → en; needs a rewriter. Default false. */
  useBackTranslation?: boolean;
  rewriter?: TextRewriter;
  /** Round-trip similarity from which a variant that the validator cannot judge is believed, 0–1; default 0.6. */
  minimumRoundTrip?: number;
}

const FULL_SCORE = 100;
/** Passes over all parents that may bring nothing before the search ends. */
const IDLE_PASSES = 3;
/** Draws of one operator before the next has its turn, while what comes out is held out. */
const DRAWS = 4;
const RAW_LIMIT = 4096;
const MINIMUM_ROUND_TRIP = 0.6;
/** Faults of a provider: its operator rests for the remainder of the call, the others go on. */
const PROVIDER_FAULTS: ReadonlySet<string> = new Set(['E_PROVIDER', 'E_BUDGET']);

/**
 * R9: enlarges the training rows to `factor` times their number with variants of them. A variant counts only with a
 * proof that its label holds, when no other row has the same input and target, and when its request is not held out.
 * The proof is the validator's score of 100; where the validator cannot judge, a rewriting's round-trip similarity.
 * Every parent gets one variant before any gets its second. Rows of the validation split are passed through, neither
 * augmented nor counted.
 */
export class DataAugmenter {
  private readonly factor: number;
  private readonly minimumRoundTrip: number;
  private readonly backTranslation: AugmentationOperator[];

  /**
   * @param factor size of the augmented set over the original one, 1 … 5
   * @throws RatchetError E_CONFIG_INVALID when back-translation is on without a rewriter
   */
  constructor(factor = 2, options: AugmenterOptions = {}) {
    this.factor = factor;
    this.minimumRoundTrip = options.minimumRoundTrip ?? MINIMUM_ROUND_TRIP;
    if (options.useBackTranslation === true && options.rewriter === undefined)
      throw new RatchetError('E_CONFIG_INVALID', 'back-translation is on, but no language model is configured for it', {
        hint: 'Configure a provider, or switch back-translation off.',
      });
    this.backTranslation =
      options.useBackTranslation === true && options.rewriter ? [backTranslationOperator(options.rewriter)] : [];
  }

  /**
   * Exactly round(factor × training rows) training rows when the operators can make that many valid variants, else all
   * that were found. Depends on the ids and the seed, not on the order of the examples.
   */
  async augmentTrainingData(
    examples: readonly ExampleRow[],
    given: readonly AugmentationOperator[],
    verify: VerifyVariant,
    options: { factor?: number; seed: number; isHeldOut?: IsHeldOut },
  ): Promise<AugmentedSet> {
    const parents = examples.filter((row) => row.split === 'train').sort((a, b) => (a.id < b.id ? -1 : 1));
    const wanted = Math.round(parents.length * (options.factor ?? this.factor)) - parents.length;
    const isHeldOut = options.isHeldOut ?? (() => false);
    const seen = new Set(examples.map(contentKey));
    const tried = new Set<string>();
    const variants: ExampleRow[] = [];
    const proofs: AugmentationProof[] = [];
    const rejected: RejectedRow[] = [];
    const operators = [...given, ...this.backTranslation];
    const failed = new Set<AugmentationOperator>();
    const reject = (field: string, reason: string, raw: unknown) =>
      rejected.push({ source: 'augmentation', line: 0, field, reason, raw: JSON.stringify(raw).slice(0, RAW_LIMIT) });

    const applyTo = async (operator: AugmentationOperator, parent: ExampleRow, pass: number, draw: number) => {
      if (failed.has(operator)) return null;
      const purpose = ['augmentation', parent.id, operator.name, pass, ...(draw === 0 ? [] : [draw])];
      try {
        return await operator.apply(parent, [options.seed, ...purpose]);
      } catch (error) {
        if (!isRatchetError(error) || !PROVIDER_FAULTS.has(error.code)) throw error;
        failed.add(operator);
        reject('input', `${operator.name} made no more variants: ${error.message}`, { parentId: parent.id });
        return null;
      }
    };

    // Held-out requests fall to renaming more than to others: passing the turn on at once would change the mix.
    const drawFrom = async (operator: AugmentationOperator, parent: ExampleRow, pass: number) => {
      for (let draw = 0; draw < DRAWS; draw++) {
        const made = await applyTo(operator, parent, pass, draw);
        if (made === null || made.input === parent.input || !isHeldOut(parent.artifactType, made.input)) return made;
      }
      return null;
    };

    const makeOne = async (parent: ExampleRow, place: number, pass: number): Promise<boolean> => {
      for (let turn = 0; turn < operators.length; turn++) {
        const operator = operators[(place + pass + turn) % operators.length]!;
        const made = await drawFrom(operator, parent, pass);
        if (made === null) continue;
        const { input, target, roundTrip } = made;
        const variant: ExampleRow = {
          ...parent,
          input,
          target,
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
        const proof = this.proofOf(variant, score, roundTrip);
        if (proof !== null) {
          seen.add(key);
          variants.push(score === null ? { ...variant, labelScore: parent.labelScore } : variant);
          proofs.push(proof);
          return true;
        }
        const ofParent = `the label of a ${operator.name} variant of ${parent.id}`;
        if (score !== null) reject('target', `${ofParent} scores ${score}, not ${FULL_SCORE}`, made);
        else if (roundTrip === undefined) reject('target', `nothing proves ${ofParent}`, made);
        else
          reject(
            'input',
            `${ofParent} kept ${roundTrip.toFixed(2)} of its request, not ${this.minimumRoundTrip}`,
            made,
          );
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
    return { examples: [...examples, ...variants], proofs, rejected };
  }

  private proofOf({ id }: ExampleRow, score: number | null, roundTrip = 0): AugmentationProof | null {
    if (score === FULL_SCORE) return { id, kind: 'validator', value: score };
    if (score === null && roundTrip >= this.minimumRoundTrip) return { id, kind: 'round-trip', value: roundTrip };
    return null;
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
