export { CompileCache, type CacheOptions } from './compile-cache.js';
export { runEagerly, type EagerBackend } from './eager.js';
export { Executable, type CompileOptions } from './executable.js';
export type { Graph } from './graph.js';
export { toOnnx } from './onnx.js';
export { trace, type InputSpec } from './trace.js';
export { tf, withTapeSaved } from './tfjs.js';
export * from './fused.js';
