import { RatchetError } from '../config/errors.js';
import { anthropicBackend } from './backends/anthropic.js';
import type { HttpBackendOptions } from './backends/http-backend.js';
import { ollamaBackend } from './backends/ollama.js';
import { openAiCompatibleBackend } from './backends/open-ai-compatible.js';
import { systemClock, type Clock } from './clock.js';
import { createProvider } from './create-provider.js';
import { readKey } from './http/read-key.js';
import { Budget } from './policies/budget.js';
import { recordCallsTo } from './policies/call-recorder.js';
import type { Backend, Provider } from './provider.js';
import type { ProviderConfig } from '../config/provider.js';

export interface OpenOptions {
  /** Defaults to `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Shared with other providers; one of its own from the configuration when left out. */
  budget?: Budget;
  clock?: Clock;
  /** Of the jitter of retries; 1 when left out. */
  seed?: number;
}

/**
 * The provider that a configuration describes.
 *
 * @throws RatchetError `E_CONFIG_INVALID` on an address that is no http(s), a variable without a key, or a money cap
 *   without prices
 */
export function openProvider(config: ProviderConfig, options: OpenOptions = {}): Provider {
  const { environment = process.env, clock = systemClock, seed = 1 } = options;
  const budget = options.budget ?? new Budget(config.budget);
  const prices = { input: config.pricePerMillionInputTokens, output: config.pricePerMillionOutputTokens };
  if (budget.limits.maximumCost !== undefined && prices.input === 0 && prices.output === 0)
    throw new RatchetError('E_CONFIG_INVALID', `the provider ${config.model} has a money cap but no prices`, {
      hint: 'Set pricePerMillionInputTokens and pricePerMillionOutputTokens, or cap its tokens.',
    });
  const key = config.apiKeyVariable === undefined ? undefined : readKey(config.apiKeyVariable, environment);
  const secrets = key === undefined ? [] : [key];
  const { baseUrl, model, maximumAnswerBytes } = config;
  const backend = backendOf(config, { baseUrl, model, maximumAnswerBytes, clock, ...(key !== undefined && { key }) });
  return createProvider(backend, {
    retry: config.retry,
    timeouts: config.timeouts,
    limits: { requestsPerMinute: config.requestsPerMinute, tokensPerMinute: config.tokensPerMinute },
    prices,
    budget,
    secrets,
    seed,
    clock,
    ...(config.recordFile !== undefined && { record: recordCallsTo(config.recordFile, secrets) }),
  });
}

function backendOf(config: ProviderConfig, options: HttpBackendOptions): Backend {
  if (config.kind === 'ollama') return ollamaBackend(options);
  if (config.kind === 'anthropic') return anthropicBackend(options);
  return openAiCompatibleBackend({ ...options, maxTokensField: config.maxTokensField });
}
