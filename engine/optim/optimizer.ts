import type { HostTensor } from '../api.js';

/** How one parameter differs from the optimizer's own settings. */
export interface ParameterGroup {
  /** Times the learning rate; 1 when left out (LoRA+ raises it for B). */
  learningRateFactor?: number;
  /** Instead of the optimizer's. */
  weightDecay?: number;
}

/** The group of a parameter by its name and shape; undefined for the optimizer's own settings. */
export type GroupOf = (parameter: string, shape: readonly number[]) => ParameterGroup | undefined;

export interface OptimizerOptions {
  weightDecay?: number;
  groupOf?: GroupOf;
}

/** What an optimizer remembers of one parameter between updates, by slot: `first`, `second`, … */
export type Slots = Record<string, Float32Array>;

/**
 * An update rule over named float32 parameters. The arithmetic of one element is float64, what is remembered float32. It
 * runs in JavaScript because onnxruntime is slower at it than a plain loop.
 */
export abstract class Optimizer {
  /** Updates done so far. */
  updates = 0;
  /** With {@link updates} all that is remembered; a parameter is absent before its first update. */
  readonly state = new Map<string, Slots>();
  protected readonly weightDecay: number;
  private readonly groupOf: GroupOf | undefined;

  constructor({ weightDecay, groupOf }: OptimizerOptions, defaultDecay: number) {
    this.weightDecay = weightDecay ?? defaultDecay;
    this.groupOf = groupOf;
  }

  /**
   * One update of all parameters, in place.
   *
   * @param gradients one of the parameter's size for each parameter; not changed
   * @param gradientScale factor on every gradient (clipping)
   * @throws RangeError naming a parameter without a gradient of its size
   */
  update(
    parameters: ReadonlyMap<string, Pick<HostTensor, 'shape' | 'data'>>,
    gradients: ReadonlyMap<string, Float32Array>,
    learningRate: number,
    gradientScale = 1,
  ): void {
    this.updates++;
    for (const [name, { data, shape }] of parameters) {
      const values = data as Float32Array;
      const gradient = gradients.get(name);
      if (gradient?.length !== values.length)
        throw new RangeError(`no gradient of ${values.length} elements for "${name}"`);
      const group = this.groupOf?.(name, shape);
      let slots = this.state.get(name);
      if (!slots) this.state.set(name, (slots = this.createSlots(shape, values.length)));
      this.updateOne({
        values,
        gradient,
        shape,
        slots,
        gradientScale,
        learningRate: learningRate * (group?.learningRateFactor ?? 1),
        weightDecay: group?.weightDecay ?? this.weightDecay,
      });
    }
  }

  /** Names and sizes of what is remembered of a parameter. */
  protected abstract createSlots(shape: readonly number[], size: number): Slots;

  /** The rule itself; {@link updates} already counts this update. */
  protected abstract updateOne(one: OneUpdate): void;
}

export interface OneUpdate {
  values: Float32Array;
  gradient: Float32Array;
  shape: readonly number[];
  slots: Slots;
  gradientScale: number;
  learningRate: number;
  weightDecay: number;
}

/** Norm gains and biases: vectors and scalars, which the usual recipe does not decay. */
export const isNormOrBias = (shape: readonly number[]): boolean => shape.length < 2;
