import type { ModelConfig } from './config.js';
import { bertLayout } from './config-bert.js';
import { gpt2Layout } from './config-gpt2.js';
import { llamaLayout } from './config-llama.js';
import { t5Layout } from './config-t5.js';
import type { LinearModule, ParameterLayout } from './parameter-layout.js';

export type { LinearLayout, LinearModule } from './parameter-layout.js';

function layout(config: ModelConfig): ParameterLayout {
  if (config.kind === 'classifier') return bertLayout(config);
  if (config.kind === 'encoder-decoder') return t5Layout(config);
  return config.architecture === 'gpt2' ? gpt2Layout(config) : llamaLayout(config);
}

/** The linear modules of all layers (without any head), in the order in which they run. */
export const linearModules = (config: ModelConfig): LinearModule[] => layout(config).modules;

/** The linear modules of the classification head, the classifier last; none for language models. */
export const headModules = (config: ModelConfig): LinearModule[] => layout(config).head;

/** Name and shape of every parameter the model needs, by Hugging Face names; a tied head has none of its own. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  const { tables, modules, head, norms } = layout(config);
  const shapes = new Map(tables);
  for (const { name, inputs, outputs, layout: order, bias } of [...modules, ...head]) {
    shapes.set(`${name}.weight`, order === 'in-out' ? [inputs, outputs] : [outputs, inputs]);
    if (bias) shapes.set(`${name}.bias`, [outputs]);
  }
  for (const name of norms) {
    shapes.set(`${name}.weight`, [config.hiddenSize]);
    if (config.norm === 'layer') shapes.set(`${name}.bias`, [config.hiddenSize]);
  }
  if (config.kind !== 'classifier' && !config.tiedHead)
    shapes.set('lm_head.weight', [config.vocabularySize, config.hiddenSize]);
  return shapes;
}

/** The token embedding `[vocabulary, hidden]`. */
export const embeddingName = (config: ModelConfig): string => layout(config).embedding;

/** The language-model head `[vocabulary, hidden]`: the embedding itself where the head is tied. */
export const headName = (config: ModelConfig): string => (config.tiedHead ? embeddingName(config) : 'lm_head.weight');
