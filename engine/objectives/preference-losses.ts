import { RatchetError } from '../../config/errors.js';
import { tf } from '../trace/index.js';

interface Reference {
  /**
   * What the policy is held to: the model without any adapter (when left out, as in TRL), or what the run starts from, which
   * is another thing where it continues an adapter.
   */
  reference?: 'base' | 'initial';
}

/** A loss over pairs of a chosen and a rejected answer. */
export type PreferenceLoss =
  /** Direct preference optimisation (Rafailov et al. 2023); smoothing as in conservative DPO (Mitchell 2023). */
  | ({ kind: 'dpo'; loss?: 'sigmoid'; beta?: number; labelSmoothing?: number } & Reference)
  /** Azar et al. 2023; on log-probabilities a token, as TRL. Hinge: Liu et al. 2023 (RSO). */
  | ({ kind: 'dpo'; loss: 'ipo' | 'hinge'; beta?: number } & Reference)
  /** Meng et al. 2024: log-probabilities a token, no reference; `gamma` is subtracted after `beta`. */
  | { kind: 'simpo'; beta?: number; gamma?: number }
  /** Hong et al. 2024: the chosen answer's loss plus `lambda` times the log odds ratio's, no reference. */
  | { kind: 'orpo'; lambda?: number };

/** Natural-log probabilities of the answers of each pair, `[pairs]`; the means are a scored token. */
export interface PairLogProbabilities {
  chosen: tf.Tensor;
  rejected: tf.Tensor;
  referenceChosen: tf.Tensor;
  referenceRejected: tf.Tensor;
  meanChosen: tf.Tensor;
  meanRejected: tf.Tensor;
  /** Negative log likelihood of the chosen answer a token. */
  chosenLoss: tf.Tensor;
}

/** True for losses that compare with a reference model. */
export const needsReference = ({ kind }: PreferenceLoss): boolean => kind === 'dpo';

/** @throws RatchetError `E_CONFIG_INVALID` naming a setting out of range */
export function checkPreferenceLoss(loss: PreferenceLoss): void {
  const refuse = (setting: string, value: number, wanted: string) => {
    throw new RatchetError('E_CONFIG_INVALID', `objective ${loss.kind}: ${setting} ${value} is not ${wanted}.`);
  };
  if ('beta' in loss && loss.beta !== undefined && !(loss.beta > 0)) refuse('beta', loss.beta, 'above 0');
  if ('lambda' in loss && loss.lambda !== undefined && !(loss.lambda >= 0)) refuse('lambda', loss.lambda, 'at least 0');
  const smoothing = 'labelSmoothing' in loss ? loss.labelSmoothing : undefined;
  if (smoothing !== undefined && !(smoothing >= 0 && smoothing < 0.5))
    refuse('labelSmoothing', smoothing, 'at least 0 and below 0.5');
}

/** −log σ(x), finite for every x. */
const negativeLogSigmoid = (x: tf.Tensor): tf.Tensor => tf.neg(tf.logSigmoid(x));

/** (log π(chosen) − log π(rejected)) − (log ref(chosen) − log ref(rejected)), `[pairs]`. */
export const preferenceLogRatio = (pairs: PairLogProbabilities): tf.Tensor =>
  tf.sub(tf.sub(pairs.chosen, pairs.rejected), tf.sub(pairs.referenceChosen, pairs.referenceRejected));

/** DPO's loss of each pair from its log-ratio, `[pairs]`. */
export function dpoLosses(ratio: tf.Tensor, loss: Extract<PreferenceLoss, { kind: 'dpo' }>): tf.Tensor {
  const { beta = 0.1 } = loss;
  if (loss.loss === 'ipo') return tf.square(tf.sub(ratio, 1 / (2 * beta)));
  const scaled = tf.mul(ratio, beta);
  if (loss.loss === 'hinge') return tf.relu(tf.sub(1, scaled));
  const { labelSmoothing = 0 } = loss as { labelSmoothing?: number };
  const kept = negativeLogSigmoid(scaled);
  if (labelSmoothing === 0) return kept;
  const flipped = negativeLogSigmoid(tf.neg(scaled));
  return tf.add(tf.mul(kept, 1 - labelSmoothing), tf.mul(flipped, labelSmoothing));
}

/** The loss of each pair, `[pairs]`. */
export function preferenceLosses(pairs: PairLogProbabilities, loss: PreferenceLoss): tf.Tensor {
  if (loss.kind === 'dpo') return dpoLosses(preferenceLogRatio(pairs), loss);
  if (loss.kind === 'simpo') {
    const { beta = 2, gamma = 0.5 } = loss;
    return negativeLogSigmoid(tf.sub(tf.mul(tf.sub(pairs.meanChosen, pairs.meanRejected), beta), gamma));
  }
  const { lambda = 0.1 } = loss;
  return tf.add(pairs.chosenLoss, tf.mul(negativeLogSigmoid(logOddsRatio(pairs)), lambda));
}

/** log odds of the chosen answer minus that of the rejected, of their probabilities a token, `[pairs]`. */
export function logOddsRatio({ meanChosen, meanRejected }: PairLogProbabilities): tf.Tensor {
  const logOdds = (mean: tf.Tensor) => tf.sub(mean, logOneMinusExp(mean));
  return tf.sub(logOdds(meanChosen), logOdds(meanRejected));
}

/**
 * log(1 − eˣ) for x ≤ 0. 1 − eˣ = −tanh(x/2)·(eˣ + 1) loses no digits near 0; there the result is held at log 1e-30, and
 * the gradient with it.
 */
function logOneMinusExp(x: tf.Tensor): tf.Tensor {
  const rest = tf.mul(tf.tanh(tf.mul(x, -0.5)), tf.add(tf.exp(x), 1));
  return tf.log(tf.maximum(rest, 1e-30));
}
