import type { Engine } from '../../engine/api.js';
import type { Backend, CompletionRequest, Message } from '../provider.js';

export interface LocalEngineOptions {
  /** The engine; whoever builds the provider opens and closes it. */
  engine: Pick<Engine, 'generate'>;
  modelDir: string;
  /** PEFT folder, or null for the base model alone. */
  adapterDir: string | null;
  /** The prompt of a conversation: the model's chat template, or what it was trained on. */
  render: (messages: readonly Message[]) => string;
  /** Tokens of a prompt; without it the input's usage is an upper bound. */
  countTokens?: (prompt: string) => number;
}

/** Our own engine. The answer comes in one piece. Temperature 0, greedy, when left out. */
export function localEngineBackend(options: LocalEngineOptions): Backend {
  const { engine, modelDir, adapterDir, render, countTokens } = options;
  const specOf = ({ messages, maxTokens, temperature, stop, seed }: CompletionRequest) => ({
    modelDir,
    adapterDir,
    prompts: [render(messages)],
    batchSize: 1,
    maxNewTokens: maxTokens,
    temperature: temperature ?? 0,
    ...(stop !== undefined && { stopStrings: [...stop] }),
    ...(seed !== undefined && { seed }),
  });
  return {
    name: 'engine',
    model: adapterDir ?? modelDir,
    supportsSeed: true,
    address: 'engine',
    headers: {},
    bodyOf: specOf,
    async *attempt(request, { signal, connected }) {
      connected();
      const spec = specOf(request);
      const [generation] = await engine.generate(spec, { signal });
      if (generation!.text !== '') yield { kind: 'text', text: generation!.text };
      yield {
        kind: 'usage',
        inputTokens: countTokens?.(spec.prompts[0]!),
        outputTokens: generation!.tokens.length,
      };
      yield { kind: 'end', stopReason: generation!.finished ? 'stop' : 'length' };
    },
  };
}
