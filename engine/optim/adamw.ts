import { Optimizer, type OneUpdate, type OptimizerOptions, type Slots } from './optimizer.js';

/** Settings of {@link AdamW}; PyTorch's names and defaults. */
export interface AdamWSettings extends OptimizerOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019), in the order of PyTorch's `torch.optim.AdamW`: decay
 * first, then the bias-corrected step; the correction counts from 1. Weight decay 0.01 when left out.
 */
export class AdamW extends Optimizer {
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;

  constructor({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, ...options }: AdamWSettings = {}) {
    super(options, 0.01);
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
  }

  protected createSlots(_shape: readonly number[], size: number): Slots {
    return { first: new Float32Array(size), second: new Float32Array(size) };
  }

  protected updateOne({ values, gradient, slots, gradientScale, learningRate, weightDecay }: OneUpdate): void {
    const { beta1, beta2, epsilon } = this;
    const { first, second } = slots as { first: Float32Array; second: Float32Array };
    const keep = 1 - learningRate * weightDecay;
    const stepSize = learningRate / (1 - beta1 ** this.updates);
    const correction = Math.sqrt(1 - beta2 ** this.updates);
    // m / (√v / correction + ε) with one division less.
    const scaledStep = stepSize * correction;
    const scaledEpsilon = epsilon * correction;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i]! * gradientScale;
      const m = (first[i] = beta1 * first[i]! + (1 - beta1) * g);
      const v = (second[i] = beta2 * second[i]! + (1 - beta2) * g * g);
      values[i] = values[i]! * keep - (scaledStep * m) / (Math.sqrt(v) + scaledEpsilon);
    }
  }
}
