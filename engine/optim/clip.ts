/** L2 norm over all tensors together, summed in float64. */
export function globalNorm(tensors: Iterable<Float32Array>): number {
  let sum = 0;
  for (const tensor of tensors) for (let i = 0; i < tensor.length; i++) sum += tensor[i]! * tensor[i]!;
  return Math.sqrt(sum);
}

/** Factor on the gradients so that their norm is at most `maximum`: min(1, maximum / (norm + 1e-6)), as PyTorch's `clip_grad_norm_`. */
export const clipFactor = (norm: number, maximum: number): number => Math.min(1, maximum / (norm + 1e-6));
