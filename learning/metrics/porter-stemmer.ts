/** A suffix, what replaces it, and when. The first suffix that a word has decides, whether its condition holds or not. */
type Rule = readonly [suffix: string, replacement: string, applies?: (stem: string) => boolean];

/** Words that the rules get wrong. */
const IRREGULAR = new Map([
  ['sky', 'sky'],
  ['skies', 'sky'],
  ['dying', 'die'],
  ['lying', 'lie'],
  ['tying', 'tie'],
  ['news', 'news'],
  ['inning', 'inning'],
  ['innings', 'inning'],
  ['outing', 'outing'],
  ['outings', 'outing'],
  ['canning', 'canning'],
  ['cannings', 'canning'],
  ['howe', 'howe'],
  ['proceed', 'proceed'],
  ['exceed', 'exceed'],
  ['succeed', 'succeed'],
]);

/** One letter a character: `v` for a vowel, `c` for a consonant; a y after a consonant is a vowel. */
function classes(word: string): string {
  let result = '';
  for (const letter of word) {
    const vowel = 'aeiou'.includes(letter) || (letter === 'y' && result.endsWith('c'));
    result += vowel ? 'v' : 'c';
  }
  return result;
}

/** m in the form [C](VC)^m[V] of the stem. */
const measure = (stem: string): number => classes(stem).split('vc').length - 1;
const hasMeasure = (stem: string): boolean => measure(stem) > 0;
const hasLongMeasure = (stem: string): boolean => measure(stem) > 1;
const hasVowel = (stem: string): boolean => classes(stem).includes('v');
const endsInDouble = (word: string): boolean => word.at(-1) === word.at(-2) && classes(word).endsWith('c');

/** The paper's *o: ends consonant, vowel, consonant other than w, x, y; here also a whole word of vowel, consonant. */
function endsShort(word: string): boolean {
  const shape = classes(word);
  return (shape.endsWith('cvc') && !/[wxy]$/.test(word)) || shape === 'vc';
}

const rulesOf = (applies: (stem: string) => boolean, ...pairs: [suffix: string, replacement: string][]): Rule[] =>
  pairs.map(([suffix, replacement]) => [suffix, replacement, applies]);

const PLURALS: Rule[] = [
  ['sses', 'ss'],
  ['ies', 'i'],
  ['ss', 'ss'],
  ['s', ''],
];

const DOUBLE_SUFFIXES: Rule[] = [
  ...rulesOf(
    hasMeasure,
    ['ational', 'ate'],
    ['tional', 'tion'],
    ['enci', 'ence'],
    ['anci', 'ance'],
    ['izer', 'ize'],
    ['bli', 'ble'],
    ['alli', 'al'],
    ['entli', 'ent'],
    ['eli', 'e'],
    ['ousli', 'ous'],
    ['ization', 'ize'],
    ['ation', 'ate'],
    ['ator', 'ate'],
    ['alism', 'al'],
    ['iveness', 'ive'],
    ['fulness', 'ful'],
    ['ousness', 'ous'],
    ['aliti', 'al'],
    ['iviti', 'ive'],
    ['biliti', 'ble'],
    ['fulli', 'ful'],
  ),
  // The l counts to the stem, so that geo- and theo- are treated like archaeo-.
  ['logi', 'log', (stem) => hasMeasure(`${stem}l`)],
];

const SINGLE_SUFFIXES = rulesOf(
  hasMeasure,
  ['icate', 'ic'],
  ['ative', ''],
  ['alize', 'al'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
);

const long = (...suffixes: string[]): Rule[] => suffixes.map((suffix) => [suffix, '', hasLongMeasure]);
const ENDINGS: Rule[] = [
  ...long('al', 'ance', 'ence', 'er', 'ic', 'able', 'ible', 'ant', 'ement', 'ment', 'ent'),
  ['ion', '', (stem) => hasLongMeasure(stem) && /[st]$/.test(stem)],
  ...long('ou', 'ism', 'ate', 'iti', 'ous', 'ive', 'ize'),
];

function replaceSuffix(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, applies] of rules) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, word.length - suffix.length);
    return applies === undefined || applies(stem) ? stem + replacement : word;
  }
  return word;
}

function withoutPlural(word: string): string {
  return word.length === 4 && word.endsWith('ies') ? word.slice(0, -1) : replaceSuffix(word, PLURALS);
}

function withoutPastOrGerund(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith('eed')) return hasMeasure(word.slice(0, -3)) ? word.slice(0, -1) : word;
  const ending = ['ed', 'ing'].find((suffix) => word.endsWith(suffix) && hasVowel(word.slice(0, -suffix.length)));
  if (ending === undefined) return word;
  const stem = word.slice(0, -ending.length);
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

function withIForY(word: string): string {
  return word.length > 2 && word.endsWith('y') && classes(word.slice(0, -1)).endsWith('c')
    ? `${word.slice(0, -1)}i`
    : word;
}

function withoutDoubleSuffix(word: string): string {
  const isAlli = word.endsWith('alli') && hasMeasure(word.slice(0, -4));
  return isAlli ? withoutDoubleSuffix(word.slice(0, -2)) : replaceSuffix(word, DOUBLE_SUFFIXES);
}

function tidied(word: string): string {
  let result = word;
  if (word.endsWith('e')) {
    const stem = word.slice(0, -1);
    if (measure(stem) > 1 || (measure(stem) === 1 && !endsShort(stem))) result = stem;
  }
  return result.endsWith('ll') && hasLongMeasure(result.slice(0, -1)) ? result.slice(0, -1) : result;
}

/**
 * The stem of an English word (Porter 1980) with NLTK's extensions: irregular forms, y → i only after a consonant,
 * short forms in -ies and -ied, -fulli and -logi.
 *
 * @param word lower case
 */
export function porterStem(word: string): string {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  if (word.length <= 2) return word;
  const base = withIForY(withoutPastOrGerund(withoutPlural(word)));
  return tidied(replaceSuffix(replaceSuffix(withoutDoubleSuffix(base), SINGLE_SUFFIXES), ENDINGS));
}
