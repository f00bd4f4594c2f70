/** The differentiable operations that models are written with, each one fused operator when compiled. */
export { layerNorm, rmsNorm } from './fused-normalization.js';
export { attention, byHead, type AttentionSizes } from './fused-attention.js';
export { rotate } from './fused-rotary.js';
export { gelu, silu } from './fused-activation.js';
export { addMatMul, batchMatMul, LARGE_WEIGHT, linear, linearOfFewRows } from './fused-matrix.js';
export { crossEntropyAndGradient, crossEntropySum, pickLogProbabilities } from './fused-cross-entropy.js';
export { dropout, dropoutMask } from './fused-dropout.js';
export { computedAfter } from './fused-order.js';
export { halfRows, isHalf, project, widened } from './fused-half.js';
