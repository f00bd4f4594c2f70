import { Optimizer, type OneUpdate, type OptimizerOptions, type Slots } from './optimizer.js';

/** Settings of {@link Sgd}; PyTorch's names and defaults. */
export interface SgdSettings extends OptimizerOptions {
  /** 0 … below 1. */
  momentum?: number;
  /** Taken off what a new gradient adds to the momentum. */
  dampening?: number;
  /** Looks ahead along the momentum; needs momentum > 0 and dampening 0. */
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent with momentum as PyTorch's `torch.optim.SGD`: the decay is added to the gradient (it is not
 * decoupled), and the first momentum is the first gradient, undamped. Weight decay 0 when left out.
 *
 * @throws RangeError when nesterov is asked for without momentum or with dampening
 */
export class Sgd extends Optimizer {
  private readonly momentum: number;
  private readonly dampening: number;
  private readonly nesterov: boolean;

  constructor({ momentum = 0.9, dampening = 0, nesterov = false, ...options }: SgdSettings = {}) {
    super(options, 0);
    if (nesterov && (momentum <= 0 || dampening !== 0))
      throw new RangeError('Nesterov momentum needs momentum > 0 and dampening 0');
    this.momentum = momentum;
    this.dampening = dampening;
    this.nesterov = nesterov;
  }

  protected createSlots(_shape: readonly number[], size: number): Slots {
    return this.momentum === 0 ? {} : { momentum: new Float32Array(size) };
  }

  protected updateOne({ values, gradient, slots, gradientScale, learningRate, weightDecay }: OneUpdate): void {
    const { momentum, nesterov } = this;
    const buffer = slots['momentum'];
    const added = this.updates === 1 ? 1 : 1 - this.dampening;
    for (let i = 0; i < values.length; i++) {
      let g = gradient[i]! * gradientScale + weightDecay * values[i]!;
      if (buffer) {
        const b = (buffer[i] = momentum * buffer[i]! + added * g);
        g = nesterov ? g + momentum * b : b;
      }
      values[i] = values[i]! - learningRate * g;
    }
  }
}
