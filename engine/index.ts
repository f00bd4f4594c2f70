/** The training engine: native training and inference of language models in Node. */
export type * from './api.js';
export { createEngine, type EngineOptions } from './worker/create-engine.js';
export {
  checkDevice,
  DEVICES,
  keepingFreedMemory,
  selectDevice,
  type DeviceCheck,
  type DeviceName,
  type DeviceRequest,
  type SelectedDevice,
} from './devices/index.js';
export { trainModel, type TrainRuntime } from './train/train-model.js';
export { inspectRows, type RowInspector, type RowMeasure } from './train/inspect-rows.js';
export { TrainStep, evaluateForward, type TrainStepOptions, type MicroBatch } from './train/step.js';
export {
  FINE_TUNING_DEFAULTS,
  FineTuningTrainer,
  type FineTuningData,
  type FineTuningScores,
  type FineTuningSettings,
} from './fine-tuning/fine-tuning-trainer.js';
export { embedTexts } from './evaluate/embed-texts.js';
export { evaluateModel } from './evaluate/evaluate-model.js';
export { generateTexts } from './generate/generate.js';
export { readModelConfig } from './nn/new-head.js';
export { loadModel, type LoadedModel, type LoadOptions } from './nn/load-model.js';
export * from './registry/index.js';
export type { ModelConfig } from './nn/config.js';
export { createLora, type LoraAdapter, type LoraSettings } from './peft/lora.js';
export { targetModules } from './peft/target-modules.js';
export { loraFromPeft } from './peft/from-peft.js';
export { AdapterSet, combineAdapters } from './peft/adapter-set.js';
export { loadQuantizedModel, type QuantizedModel } from './quantization/load-quantized-model.js';
export { decodeBitsandbytes, encodeBitsandbytes } from './quantization/bitsandbytes.js';
export { dequantizeModel, quantizeModel, type QuantizedWeight } from './quantization/quantized-weight.js';
export { mergeLora, unmergeLora } from './peft/merge.js';
export { createOptimizer, OPTIMIZER_NAMES, type OptimizerName, type OptimizerSpec } from './optim/create-optimizer.js';
export type { GroupOf, Optimizer, ParameterGroup } from './optim/optimizer.js';
export {
  createSchedule,
  SCHEDULE_NAMES,
  warmupSteps,
  type LearningRateSchedule,
  type ScheduleName,
  type ScheduleSpec,
} from './optim/schedules/create-schedule.js';
export {
  AdvancedLRScheduler,
  THREE_PHASES,
  type AdvancedScheduleConfig,
  type PhaseInfo,
} from './optim/schedules/advanced-lr-scheduler.js';
export { readAdapter, writeAdapter, type Adapter } from './formats/peft.js';
export { readSafetensors, writeSafetensors, toFloat16 } from './formats/safetensors.js';
export { loadTokenizer, type TextTokenizer } from './tokenizer/tokenizer.js';
export type { EncodeOptions } from './tokenizer/pipeline.js';
export { toUtf16Offsets, type Encoding, type Padding, type Truncation } from './tokenizer/encoding.js';
export { compileChatTemplate, type ChatMessage, type ChatOptions, type ChatTemplate } from './chat/chat-template.js';
export { loadChatTemplate } from './chat/load-chat-template.js';
export { encodeChat, findAssistantSpans, type EncodedChat } from './chat/encode-chat.js';
export { loadNewestCheckpoint, saveCheckpoint } from './train/checkpoint.js';
export type { ObjectiveSpec, PreferenceRow } from './objectives/objective-spec.js';
export { preferenceObjective } from './objectives/preference.js';
