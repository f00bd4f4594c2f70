import { RatchetError } from '../../config/errors.js';
import { Adafactor, type AdafactorSettings } from './adafactor.js';
import { AdamW, type AdamWSettings } from './adamw.js';
import { Lion, type LionSettings } from './lion.js';
import type { GroupOf, Optimizer, OptimizerOptions } from './optimizer.js';
import { isNormOrBias } from './optimizer.js';
import { Sgd, type SgdSettings } from './sgd.js';

type Settings<T> = Omit<T, keyof OptimizerOptions>;

/** An optimizer by name, with what differs from its defaults. */
export type OptimizerSpec =
  | ({ name: 'adamw' } & Settings<AdamWSettings>)
  | ({ name: 'sgd' } & Settings<SgdSettings>)
  | ({ name: 'lion' } & Settings<LionSettings>)
  | ({ name: 'adafactor' } & Settings<AdafactorSettings>);

export type OptimizerName = OptimizerSpec['name'];

const makers: Record<OptimizerName, (settings: OptimizerOptions) => Optimizer> = {
  adamw: (settings) => new AdamW(settings),
  sgd: (settings) => new Sgd(settings),
  lion: (settings) => new Lion(settings),
  adafactor: (settings) => new Adafactor(settings),
};

export const OPTIMIZER_NAMES = Object.keys(makers) as OptimizerName[];

/**
 * The optimizer of this name.
 *
 * @param common.decayNormsAndBiases false exempts vectors and scalars from the decay; true when left out, as PEFT's own
 *   training loop
 * @throws RatchetError `E_CONFIG_INVALID` naming an unknown optimizer, or settings that exclude each other
 */
export function createOptimizer(
  spec: OptimizerSpec | OptimizerName,
  common: OptimizerOptions & { decayNormsAndBiases?: boolean } = {},
): Optimizer {
  const { name, ...settings } = typeof spec === 'string' ? { name: spec } : spec;
  const { decayNormsAndBiases = true, groupOf, weightDecay } = common;
  if (!Object.hasOwn(makers, name))
    throw new RatchetError('E_CONFIG_INVALID', `There is no optimizer "${name}".`, {
      hint: `Choose one of ${OPTIMIZER_NAMES.join(', ')}.`,
    });
  const withoutDecay: GroupOf = (parameter, shape) => {
    const group = groupOf?.(parameter, shape);
    return isNormOrBias(shape) ? { ...group, weightDecay: 0 } : group;
  };
  try {
    return makers[name]({ ...settings, weightDecay, groupOf: decayNormsAndBiases ? groupOf : withoutDecay });
  } catch (error) {
    throw new RatchetError('E_CONFIG_INVALID', `optimizer ${name}: ${(error as Error).message}.`, { cause: error });
  }
}
