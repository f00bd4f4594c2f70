export { localEngineBackend, type LocalEngineOptions } from './backends/local-engine.js';
export { createProvider, type Policies } from './create-provider.js';
export { openProvider, type OpenOptions } from './open-provider.js';
export { Budget } from './policies/budget.js';
export { recordCallsTo } from './policies/call-recorder.js';
export { ProviderConfig } from '../config/provider.js';
export { createTextRewriter } from './text-rewriter.js';
export type { Completion, CompletionRequest, Message, Provider, StreamPart } from './provider.js';
