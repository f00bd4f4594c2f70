/** Known models, what they need, and where they come from. Nothing here loads tensors or the runtime. */
export { REGISTERED_MODELS, registeredConfig, registeredModel, type RegisteredModel } from './model-list.js';
export { countParameters, estimateMemory, type MemoryEstimate, type MemoryQuestion } from './estimate-memory.js';
export { resolveModel, type ResolveOptions } from './resolve-model.js';
