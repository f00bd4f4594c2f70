/** PEFT's key of a module's low-rank matrix. */
export const loraKey = (module: string, matrix: 'A' | 'B'): string =>
  `base_model.model.${module}.lora_${matrix}.weight`;

/** PEFT's key of a module's DoRA magnitude. */
export const magnitudeKey = (module: string): string => `base_model.model.${module}.lora_magnitude_vector`;
