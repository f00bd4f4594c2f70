import { Environment, parse, tokenize } from '@huggingface/jinja';
import { RatchetError } from '../../config/errors.js';
import { formatTime } from './format-time.js';
import { createInterpreter } from './interpreter.js';

export interface ChatMessage {
  role: string;
  content: unknown;
  [field: string]: unknown;
}

export interface ChatOptions {
  /** Ends the text where the assistant's answer begins; default false. */
  addGenerationPrompt?: boolean;
  /** JSON schemas of functions that the model may call. */
  tools?: readonly object[];
  /** Texts for retrieval-augmented templates. */
  documents?: readonly object[];
  /** More variables for the template. */
  variables?: Record<string, unknown>;
  /**
   * What `strftime_now` tells; default 26 July 2024, which Llama's templates write where they have no clock: a training
   * that is resumed on another day must see the same text.
   */
  now?: Date;
}

const FIXED_DAY = new Date(2024, 6, 26);

/** A compiled chat template with the special tokens that it may name (`bos_token`, …). */
export interface ChatTemplate {
  /**
   * The conversation as the text that the model was trained on.
   *
   * @throws RatchetError `E_DATA_INVALID` when the template refuses the conversation or cannot render it; its `cause`
   * carries the template's own message
   */
  render(messages: readonly ChatMessage[], options?: ChatOptions): string;
}

/**
 * Compiles a Jinja chat template in the environment of transformers: `trim_blocks` and `lstrip_blocks` on, one final
 * line end dropped, line ends of the template as LF (those of messages stay). What a message says is never evaluated.
 *
 * @throws RatchetError `E_MODEL_INVALID` for a template that cannot be parsed
 */
export function compileChatTemplate(
  source: string,
  specialTokens: Readonly<Record<string, string>> = {},
  name = 'chat template',
): ChatTemplate {
  let program: ReturnType<typeof parse>;
  try {
    const normalized = source.replace(/\r\n?/g, '\n');
    program = parse(tokenize(normalized, { lstrip_blocks: true, trim_blocks: true }));
  } catch (cause) {
    throw new RatchetError('E_MODEL_INVALID', `${name}: cannot be parsed (${(cause as Error).message}).`, {
      hint: 'Copy the chat template of the model again.',
      cause,
    });
  }
  return {
    render(messages, { addGenerationPrompt = false, tools, documents, variables, now = FIXED_DAY } = {}) {
      const environment = new Environment();
      const values: Record<string, unknown> = {
        ...GLOBALS,
        strftime_now: (format: string) => formatTime(now, format),
        ...specialTokens,
        ...variables,
        messages: messages.map(nameReasoning),
        tools: tools ?? null,
        documents: documents ?? null,
        add_generation_prompt: addGenerationPrompt,
      };
      for (const [key, value] of Object.entries(values)) environment.set(key, value);
      try {
        return createInterpreter(environment).run(program);
      } catch (cause) {
        throw new RatchetError('E_DATA_INVALID', `${name}: ${(cause as Error).message}`, {
          hint: 'Change the conversation so that the template accepts it (roles, order, fields), or use another template.',
          cause,
        });
      }
    },
  };
}

/** Reasoning under any of its names is `reasoning_content` and `thinking` as well, as transformers hands it on. */
function nameReasoning(message: ChatMessage): ChatMessage {
  const reasoning = message['reasoning_content'] ?? message['thinking'] ?? message['reasoning'] ?? null;
  return reasoning === null ? message : { thinking: reasoning, ...message, reasoning_content: reasoning };
}

const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception: (message: string) => {
    throw new Error(message);
  },
  range: (start: number, stop?: number, step = 1): number[] => {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, index) => from + index * step);
  },
};
