import type { ModelConfig } from './config.js';

/** Layout of a linear module's weight: `[out, in]` (torch Linear) or `[in, out]` (GPT-2's Conv1D). */
export type LinearLayout = 'out-in' | 'in-out';

/** One linear module, by its Hugging Face path without `.weight`. */
export interface LinearModule {
  name: string;
  inputs: number;
  outputs: number;
  layout: LinearLayout;
  bias: boolean;
}

/** The linear modules of all decoder layers (without the head), in the order in which they run. */
export function linearModules(config: ModelConfig): LinearModule[] {
  const { hiddenSize: hidden, intermediateSize: intermediate, heads, keyValueHeads, headSize } = config;
  return Array.from({ length: config.layers }, (_, layer): LinearModule[] => {
    if (config.architecture === 'gpt2') {
      const module = (name: string, inputs: number, outputs: number): LinearModule => ({
        name: `transformer.h.${layer}.${name}`,
        inputs,
        outputs,
        layout: 'in-out',
        bias: true,
      });
      return [
        module('attn.c_attn', hidden, 3 * hidden),
        module('attn.c_proj', hidden, hidden),
        module('mlp.c_fc', hidden, intermediate),
        module('mlp.c_proj', intermediate, hidden),
      ];
    }
    const module = (name: string, inputs: number, outputs: number, bias: boolean): LinearModule => ({
      name: `model.layers.${layer}.${name}`,
      inputs,
      outputs,
      layout: 'out-in',
      bias,
    });
    return [
      module('self_attn.q_proj', hidden, heads * headSize, config.attentionBias),
      module('self_attn.k_proj', hidden, keyValueHeads * headSize, config.attentionBias),
      module('self_attn.v_proj', hidden, keyValueHeads * headSize, config.attentionBias),
      module('self_attn.o_proj', heads * headSize, hidden, config.attentionBias),
      module('mlp.gate_proj', hidden, intermediate, config.mlpBias),
      module('mlp.up_proj', hidden, intermediate, config.mlpBias),
      module('mlp.down_proj', intermediate, hidden, config.mlpBias),
    ];
  }).flat();
}

/** Name and shape of every parameter the model needs, by Hugging Face names; a tied head has none of its own. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const { hiddenSize: hidden } = config;
  const gpt2 = config.architecture === 'gpt2';
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [hidden]);
    if (gpt2) shapes.set(`${name}.bias`, [hidden]);
  };
  shapes.set(embeddingName(config), [config.vocabularySize, hidden]);
  if (gpt2) shapes.set('transformer.wpe.weight', [config.maxPositions, hidden]);
  for (const { name, inputs, outputs, layout, bias } of linearModules(config)) {
    shapes.set(`${name}.weight`, layout === 'in-out' ? [inputs, outputs] : [outputs, inputs]);
    if (bias) shapes.set(`${name}.bias`, [outputs]);
  }
  for (let layer = 0; layer < config.layers; layer++) for (const name of normNames(config, layer)) norm(name);
  norm(gpt2 ? 'transformer.ln_f' : 'model.norm');
  if (!config.tiedHead) shapes.set('lm_head.weight', [config.vocabularySize, hidden]);
  return shapes;
}

/** The norms before the attention and before the MLP. */
export const normNames = (config: ModelConfig, layer: number): [attention: string, mlp: string] =>
  config.architecture === 'gpt2'
    ? [`transformer.h.${layer}.ln_1`, `transformer.h.${layer}.ln_2`]
    : [`model.layers.${layer}.input_layernorm`, `model.layers.${layer}.post_attention_layernorm`];

/** The token embedding `[vocabulary, hidden]`. */
export const embeddingName = (config: ModelConfig): string =>
  config.architecture === 'gpt2' ? 'transformer.wte.weight' : 'model.embed_tokens.weight';

/** The language-model head `[vocabulary, hidden]`: the embedding itself where the head is tied. */
export const headName = (config: ModelConfig): string => (config.tiedHead ? embeddingName(config) : 'lm_head.weight');
