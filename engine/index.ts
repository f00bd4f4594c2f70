/** The training engine: native training and inference of language models in Node. */
export type * from './api.js';
export { createEngine, type EngineOptions } from './worker/create-engine.js';
export { trainModel, type TrainRuntime } from './train/train-model.js';
export { TrainStep, evaluateForward, type TrainStepOptions, type MicroBatch } from './train/step.js';
export { generateTexts } from './generate/generate.js';
export { loadModel, type LoadedModel } from './nn/load-model.js';
export type { ModelConfig } from './nn/config.js';
export { createLora, loraFromPeft, type LoraAdapter } from './peft/lora.js';
export { mergeLora, unmergeLora } from './peft/merge.js';
export { createOptimizer, OPTIMIZER_NAMES, type OptimizerName, type OptimizerSpec } from './optim/create-optimizer.js';
export type { GroupOf, Optimizer, ParameterGroup } from './optim/optimizer.js';
export { linearSchedule, warmupSteps } from './optim/schedule.js';
export { readAdapter, writeAdapter, type Adapter } from './formats/peft.js';
export { readSafetensors, writeSafetensors, toFloat16 } from './formats/safetensors.js';
export { loadTokenizer, type TextTokenizer } from './tokenizer/tokenizer.js';
export { loadNewestCheckpoint, saveCheckpoint } from './train/checkpoint.js';
