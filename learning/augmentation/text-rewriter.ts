/** Rewrites texts with a language model. Rejects with `E_PROVIDER` or `E_BUDGET` where the model does not answer. */
export interface TextRewriter {
  /** The text in other words. */
  paraphrase(text: string, seed: number): Promise<string>;
  translate(text: string, from: Language, to: Language, seed: number): Promise<string>;
}

export type Language = 'en' | 'fr';
