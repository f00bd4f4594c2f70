import { Optimizer, type OneUpdate, type OptimizerOptions, type Slots } from './optimizer.js';

/** Settings of {@link Lion}. */
export interface LionSettings extends OptimizerOptions {
  /** Weight of the momentum in the direction of an update. */
  beta1?: number;
  /** Weight of the momentum in its own average. */
  beta2?: number;
}

/**
 * Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2) with decoupled weight decay: every
 * element moves by the learning rate, in the direction sign(β₁·m + (1 − β₁)·g). Use a learning rate 3 to 10 times smaller
 * than AdamW's. It remembers one float a parameter, half of AdamW. Weight decay 0 when left out.
 */
export class Lion extends Optimizer {
  private readonly beta1: number;
  private readonly beta2: number;

  constructor({ beta1 = 0.9, beta2 = 0.99, ...options }: LionSettings = {}) {
    super(options, 0);
    this.beta1 = beta1;
    this.beta2 = beta2;
  }

  protected createSlots(_shape: readonly number[], size: number): Slots {
    return { momentum: new Float32Array(size) };
  }

  protected updateOne({ values, gradient, slots, gradientScale, learningRate, weightDecay }: OneUpdate): void {
    const { beta1, beta2 } = this;
    const momentum = slots['momentum']!;
    const keep = 1 - learningRate * weightDecay;
    for (let i = 0; i < values.length; i++) {
      const g = gradient[i]! * gradientScale;
      const m = momentum[i]!;
      values[i] = values[i]! * keep - learningRate * Math.sign(beta1 * m + (1 - beta1) * g);
      momentum[i] = beta2 * m + (1 - beta2) * g;
    }
  }
}
