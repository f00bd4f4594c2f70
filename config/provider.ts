import { z } from 'zod';

const milliseconds = z.int().min(1).max(86_400_000);
const price = z.number().min(0);

/** A language model that answers over HTTP. The key is never in a configuration: it names the variable that holds it. */
export const ProviderConfig = z.strictObject({
  kind: z.enum(['ollama', 'openai-compatible', 'anthropic']).describe('Protocol that the server speaks.'),
  baseUrl: z.string().min(1).describe('Address of the server, such as http://127.0.0.1:11434 or https://host/v1.'),
  model: z.string().min(1).describe('Name of the model on the server.'),
  apiKeyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be the name of an environment variable, not the key itself' })
    .optional()
    .describe('Environment variable that holds the key; absent where the server wants none.'),
  maxTokensField: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .default('max_tokens')
    .describe('How an OpenAI-compatible server calls the limit of the answer.'),
  pricePerMillionInputTokens: price.default(0).describe('US dollars.'),
  pricePerMillionOutputTokens: price.default(0).describe('US dollars.'),
  requestsPerMinute: z.number().positive().optional().describe('Calls are held back to this rate.'),
  tokensPerMinute: z.number().positive().optional().describe('Calls are held back to this rate.'),
  retry: z
    .strictObject({
      attempts: z.int().min(1).max(20).default(5).describe('Attempts of a call.'),
      firstMilliseconds: milliseconds
        .default(500)
        .describe('Ceiling of the first wait; doubles with each further one.'),
      longestMilliseconds: milliseconds.default(30_000).describe('Longest wait, also when the server asks for more.'),
    })
    .prefault({})
    .describe('Retries of faults that pass by themselves.'),
  timeouts: z
    .strictObject({
      connectMilliseconds: milliseconds.default(10_000).describe('Until the connection stands.'),
      firstTokenMilliseconds: milliseconds.default(120_000).describe('From there to the first piece of the answer.'),
      totalMilliseconds: milliseconds.default(600_000).describe('Of a whole call with all its attempts.'),
    })
    .prefault({})
    .describe('Time limits of a call.'),
  budget: z
    .strictObject({
      maximumTokens: z.int().min(1).optional().describe('Tokens of all calls together; no limit when absent.'),
      maximumCost: z.number().positive().optional().describe('US dollars of all calls; no limit when absent.'),
    })
    .prefault({})
    .describe('Spending at which further calls are refused.'),
  maximumAnswerBytes: z.int().min(1024).default(16_777_216).describe('Longest answer that is read.'),
  recordFile: z.string().min(1).optional().describe('JSONL file that gets every call, secrets redacted.'),
});
export type ProviderConfig = z.infer<typeof ProviderConfig>;
