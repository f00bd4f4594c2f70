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

/** The parameters of a model, by their Hugging Face names. */
export interface ParameterLayout {
  /** Token, position and other lookup tables with their shapes. */
  tables: [name: string, shape: number[]][];
  /** The linear modules of the layers, in the order in which they run. */
  modules: LinearModule[];
  /** The linear modules of the classification head; none for language models. */
  head: LinearModule[];
  /** Norms over the hidden size, without `.weight`. */
  norms: string[];
  /** The token embedding `[vocabulary, hidden]`. */
  embedding: string;
}
