/** Lengths are padded up to a multiple of 16, and above 128 of 32, so that few graphs are compiled. */
export const paddedLength = (length: number): number => {
  const unit = length <= 128 ? 16 : 32;
  return Math.ceil(length / unit) * unit;
};
