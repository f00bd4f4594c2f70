import { RatchetError } from '../../config/errors.js';
import type { ModelConfig } from '../nn/config.js';
import { linearModules, type LinearModule } from '../nn/parameters.js';

/** PEFT's default targets (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING`). */
const AUTO: Record<ModelConfig['architecture'], string[]> = { gpt2: ['c_attn'], llama: ['q_proj', 'v_proj'] };

/** The last part of a module's path, which PEFT's `target_modules` lists. */
export const shortName = (module: string): string => module.slice(module.lastIndexOf('.') + 1);

/**
 * The linear modules that get an adapter, in the order in which they run: PEFT's choice for the architecture (`auto`),
 * every linear module but the head (`all-linear`), or those whose path is, or ends in, a listed name.
 *
 * @throws RatchetError `E_CONFIG_INVALID` naming a listed module that the model does not have
 */
export function targetModules(config: ModelConfig, wanted: 'auto' | 'all-linear' | readonly string[]): LinearModule[] {
  const modules = linearModules(config);
  if (wanted === 'all-linear') return modules;
  const names = wanted === 'auto' ? AUTO[config.architecture] : wanted;
  const matches = (name: string, module: LinearModule) => module.name === name || module.name.endsWith(`.${name}`);
  const unknown = names.filter((name) => !modules.some((module) => matches(name, module)));
  if (unknown.length > 0 || names.length === 0) {
    const known = [...new Set(modules.map((module) => shortName(module.name)))];
    throw new RatchetError(
      'E_CONFIG_INVALID',
      names.length === 0
        ? 'training.targetModules: the list is empty.'
        : `training.targetModules: a ${config.architecture} model has no linear module ${unknown.map((name) => `"${name}"`).join(', ')}.`,
      { hint: `Choose from ${known.join(', ')}, or write auto or all-linear.` },
    );
  }
  return modules.filter((module) => names.some((name) => matches(name, module)));
}
