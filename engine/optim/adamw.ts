/** Settings of {@link AdamW}; PyTorch's names and defaults. */
export interface AdamWSettings {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  /** Decoupled: multiplied by the learning rate, applied to every trainable tensor. */
  weightDecay?: number;
}

/** First and second moments of one parameter. */
export interface Moments {
  first: Float32Array;
  second: Float32Array;
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019), in the order of PyTorch's `torch.optim.AdamW`: decay
 * first, then the bias-corrected step; the correction counts from 1. Moments are float32, the arithmetic of one
 * element float64. It runs in JavaScript because onnxruntime is slower at it than a plain loop.
 */
export class AdamW {
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  private readonly weightDecay: number;
  /** Updates done so far. */
  updates = 0;
  readonly moments = new Map<string, Moments>();

  constructor({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 }: AdamWSettings = {}) {
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
  }

  /**
   * One update of all parameters, in place.
   *
   * @param gradients one of the parameter's size for each parameter; not changed
   * @param gradientScale factor on every gradient (clipping)
   */
  update(
    parameters: ReadonlyMap<string, Float32Array>,
    gradients: ReadonlyMap<string, Float32Array>,
    learningRate: number,
    gradientScale = 1,
  ): void {
    this.updates++;
    const { beta1, beta2, epsilon } = this;
    const keep = 1 - learningRate * this.weightDecay;
    const stepSize = learningRate / (1 - beta1 ** this.updates);
    const correction = Math.sqrt(1 - beta2 ** this.updates);
    for (const [name, parameter] of parameters) {
      const gradient = gradients.get(name);
      if (!gradient || gradient.length !== parameter.length)
        throw new RangeError(`no gradient of ${parameter.length} elements for "${name}"`);
      const { first, second } = this.momentsOf(name, parameter.length);
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i]! * gradientScale;
        const m = (first[i] = beta1 * first[i]! + (1 - beta1) * g);
        const v = (second[i] = beta2 * second[i]! + (1 - beta2) * g * g);
        parameter[i] = parameter[i]! * keep - (stepSize * m) / (Math.sqrt(v) / correction + epsilon);
      }
    }
  }

  private momentsOf(name: string, size: number): Moments {
    let moments = this.moments.get(name);
    if (!moments) {
      moments = { first: new Float32Array(size), second: new Float32Array(size) };
      this.moments.set(name, moments);
    }
    return moments;
  }
}
