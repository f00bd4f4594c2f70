import { RatchetError } from '../../config/errors.js';
import type { ModelConfig } from '../nn/config.js';
import { headModules, linearModules, type LinearModule } from '../nn/parameters.js';
import { modulesToSave, savedParameters } from './saved-modules.js';

/**
 * PEFT's default targets (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING` of 0.21). PEFT has none for DistilBERT and
 * Phi-3.
 */
const AUTO: Readonly<Record<string, readonly string[]>> = {
  gpt2: ['c_attn'],
  llama: ['q_proj', 'v_proj'],
  qwen2: ['q_proj', 'v_proj'],
  mistral: ['q_proj', 'v_proj'],
  t5: ['q', 'v'],
  bert: ['query', 'value'],
  roberta: ['query', 'value'],
};

/** The last part of a module's path, which PEFT's `target_modules` lists. */
export const shortName = (module: string): string => module.slice(module.lastIndexOf('.') + 1);

/** PEFT's rule for a listed name: it is the module's path, or the path's last parts. */
export const matchesName = (module: string, name: string): boolean => module === name || module.endsWith(`.${name}`);

/**
 * The linear modules that get an adapter, in the order in which they run: PEFT's choice for the architecture (`auto`),
 * every linear module but those of the head that are saved in full (`all-linear`; BERT's pooler is not), or those whose
 * path is, or ends in, a listed name.
 *
 * @throws RatchetError `E_CONFIG_INVALID` naming a listed module that the model does not have, or an architecture without
 *   a default
 */
export function targetModules(config: ModelConfig, wanted: 'auto' | 'all-linear' | readonly string[]): LinearModule[] {
  const saved = savedParameters(config, modulesToSave(config, []) ?? []);
  const head = headModules(config).filter(({ name }) => !saved.includes(`${name}.weight`));
  const modules = [...linearModules(config), ...head];
  if (wanted === 'all-linear') return modules;
  const known = [...new Set(modules.map((module) => shortName(module.name)))];
  const invalid = (message: string) =>
    new RatchetError('E_CONFIG_INVALID', `training.targetModules: ${message}`, {
      hint: `Choose from ${known.join(', ')}, or write all-linear${AUTO[config.architecture] ? ' or auto' : ''}.`,
    });
  const names = wanted === 'auto' ? AUTO[config.architecture] : wanted;
  if (!names) throw invalid(`there is no default for a ${config.architecture} model.`);
  if (names.length === 0) throw invalid('the list is empty.');
  const unknown = names.filter((name) => !modules.some((module) => matchesName(module.name, name)));
  if (unknown.length > 0)
    throw invalid(
      `a ${config.architecture} model has no linear module ${unknown.map((name) => `"${name}"`).join(', ')}.`,
    );
  return modules.filter((module) => names.some((name) => matchesName(module.name, name)));
}
