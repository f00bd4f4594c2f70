/**
 * Characters that are newer than the Unicode tables which Rust `tokenizers` 0.23 uses, or were classed otherwise there.
 * The reference leaves them alone where a newer table has them as marks, punctuation or something to normalise. Found
 * by comparing each code point with the reference under Unicode 17; each text is the inside of a class of an expression
 * with the `u` flag.
 */

/** Of `\p{M}`, since Unicode 9 (crate unicode-normalization-alignments). */
const NEWER_MARKS =
  String.raw`\u07fd\u0897-\u08d3\u09fe\u0afa-\u0aff\u0b55\u0c04-\u0c3c\u0cf3-\u0d00\u0d3b\u0d3c\u0d81\u0eba\u0ece\u1715` +
  String.raw`\u180f\u1abf-\u1aeb\u1cf7\u1df6-\u1dfa\ua82c\ua8ff\u{10d24}-\u{10f85}\u{11070}-\u{11074}\u{110c2}\u{11145}` +
  String.raw`\u{11146}\u{111c9}\u{111ce}\u{111cf}\u{11241}\u{1133b}\u{113b8}-\u{113e2}\u{1145e}\u{1182c}-\u{11b67}` +
  String.raw`\u{11d31}-\u{11f5a}\u{13440}-\u{13455}\u{1611e}-\u{1612f}\u{16f4f}\u{16f7f}-\u{16f87}\u{16fe4}-\u{16ff1}` +
  String.raw`\u{1cf00}-\u{1cf46}\u{1e08f}-\u{1e6f5}`;

/** Of `\p{Mn}`, since Unicode 8 (crate unicode_categories). */
const NEWER_NONSPACING_MARKS =
  String.raw`\u07fd\u0897-\u08e1\u09fe\u0afa-\u0aff\u0b55\u0c04-\u0c3c\u0d00\u0d3b\u0d3c\u0d81\u0eba\u0ece\u180f-\u1886` +
  String.raw`\u1abf-\u1aeb\u1df6-\u1dfb\ua82c\ua8c5\ua8ff\ua9bd\u{10d24}-\u{10f85}\u{11070}-\u{11074}\u{110c2}\u{111c9}` +
  String.raw`\u{111cf}\u{1123e}-\u{11241}\u{1133b}\u{113bb}-\u{1145e}\u{1182f}-\u{11f5a}\u{13440}-\u{13455}` +
  String.raw`\u{1611e}-\u{1612f}\u{16f4f}\u{16fe4}\u{1cf00}-\u{1cf46}\u{1e000}-\u{1e6f5}\u{1e944}-\u{1e94a}`;

/** Of `\p{P}`, since Unicode 8 (crate unicode_categories). */
const NEWER_PUNCTUATION =
  String.raw`\u061d\u09fd-\u0a76\u0c77-\u0c84\u1b4e\u1b4f\u1b7d-\u1b7f\u2e43-\u2e5d\u{10d6e}-\u{10f89}\u{113d4}-\u{1145d}` +
  String.raw`\u{11660}-\u{116b9}\u{1183b}-\u{11fff}\u{12ff1}\u{12ff2}\u{16d6d}-\u{16fe2}\u{1e5ff}-\u{1e95f}`;

/** With a decomposition, a canonical order or a composition, since Unicode 9. */
const NEWER_IN_NORMALIZATION =
  String.raw`\u07fd\u0897-\u089f\u08ca-\u08d3\u09fe\u0c3c\u0d3b\u0d3c\u0eba\u1715\u1abf-\u1aeb\u1df6-\u1dfa\u32ff` +
  String.raw`\ua7f1-\ua7f4\ua82c\uab69\u{105c9}\u{105d2}\u{105da}\u{105e4}\u{10781}-\u{107ba}\u{10d24}-\u{10d27}` +
  String.raw`\u{10d69}-\u{10d6d}\u{10eab}\u{10eac}\u{10efa}\u{10efb}\u{10efd}-\u{10eff}\u{10f46}-\u{10f50}` +
  String.raw`\u{10f82}-\u{10f85}\u{11070}\u{1133b}\u{11382}-\u{11385}\u{1138b}-\u{11391}\u{113c2}-\u{113c9}` +
  String.raw`\u{113ce}-\u{113d0}\u{1145e}\u{11839}\u{1183a}\u{11935}\u{11938}\u{1193d}\u{1193e}\u{11943}\u{119e0}` +
  String.raw`\u{11a34}\u{11a47}\u{11a99}\u{11d42}\u{11d44}\u{11d45}\u{11d97}\u{11f41}\u{11f42}\u{1611e}` +
  String.raw`\u{16121}-\u{16129}\u{1612f}\u{16d63}\u{16d67}-\u{16d6a}\u{16ff0}\u{16ff1}\u{1ccd6}-\u{1ccf9}` +
  String.raw`\u{1e030}-\u{1e08f}\u{1e130}-\u{1e136}\u{1e2ae}\u{1e2ec}-\u{1e2ef}\u{1e4ec}-\u{1e4ef}\u{1e5ee}\u{1e5ef}` +
  String.raw`\u{1e6e3}\u{1e6e6}\u{1e6ee}\u{1e6ef}\u{1e6f5}\u{1f16c}\u{1fbf0}-\u{1fbf9}`;

// The classes come first, as nearly every character fails them: what is newer is looked for behind.

/** One combining mark of Unicode 9. */
export const COMBINING_MARK = new RegExp(`^[\\p{M}\\u1cf2\\u1cf3](?<![${NEWER_MARKS}])$`, 'u');

/** One non-spacing mark of Unicode 8. */
export const NONSPACING_MARK = new RegExp(`^[\\p{Mn}\\u1734\\u{1171e}](?<![${NEWER_NONSPACING_MARKS}])$`, 'u');

/** One control, format or private character of Unicode 8. */
export const OTHER = /^[\p{Cc}\p{Cf}\p{Co}](?<![\u0890\u0891\u08e2\u{110cd}\u{13430}-\u{1343f}])$/u;

/** Punctuation of ASCII and Unicode 8, one character a match. */
export const PUNCTUATION = new RegExp(`[\\p{P}!-/:-@[-\`{-~\\u166d\\u{111c9}](?<![${NEWER_PUNCTUATION}])`, 'gu');

/** Runs of characters that normalisation does not know. */
export const UNKNOWN_TO_NORMALIZATION = new RegExp(`[${NEWER_IN_NORMALIZATION}]+`, 'gu');
