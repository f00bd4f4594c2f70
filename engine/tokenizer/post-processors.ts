import { BYTE_CHARACTERS } from './byte-level.js';
import { joinEncodings, type Encoding } from './encoding.js';
import { invalid, JsonPart } from './json-part.js';

/** Puts special tokens around one or two encodings, sets type ids and corrects offsets. */
export interface PostProcessor {
  process(encodings: Encoding[], addSpecialTokens: boolean): Encoding[];
  /** How many tokens it adds to one text or a pair. */
  addedTokens(isPair: boolean): number;
}

interface SpecialToken {
  ids: number[];
  tokens: string[];
}

type Piece = { special: SpecialToken; typeId: number } | { sequence: number; typeId: number };

/** The post-processor of a tokenizer.json part. Semantics of Rust `tokenizers` 0.23. */
export function readPostProcessor(value: unknown, path: string): PostProcessor | null {
  return value === null || value === undefined ? null : fromPart(JsonPart.from(value, path));
}

function fromPart(part: JsonPart): PostProcessor {
  switch (part.type) {
    case 'TemplateProcessing':
      return template(readPieces(part, 'single'), readPieces(part, 'pair'));
    case 'ByteLevel':
      return part.flag('trim_offsets', true) ? trimOffsets(part.flag('add_prefix_space', true)) : untouched;
    case 'BertProcessing':
      return around(readPair(part, 'cls'), readPair(part, 'sep'), false);
    case 'RobertaProcessing': {
      const inner = around(readPair(part, 'cls'), readPair(part, 'sep'), true);
      if (!part.flag('trim_offsets', true)) return inner;
      return chain([trimOffsets(part.flag('add_prefix_space', true)), inner]);
    }
    case 'Sequence':
      return chain(part.parts('processors').map(fromPart));
    default:
      throw part.unsupported('post-processor');
  }
}

const untouched: PostProcessor = { process: (encodings) => encodings, addedTokens: () => 0 };

function chain(steps: PostProcessor[]): PostProcessor {
  return {
    process: (encodings, addSpecialTokens) =>
      steps.reduce((current, step) => step.process(current, addSpecialTokens), encodings),
    addedTokens: (isPair) => steps.reduce((sum, step) => sum + step.addedTokens(isPair), 0),
  };
}

/**
 * BERT's `[begin] A [end] B [end]` and RoBERTa's `[begin] A [end] [end] B [end]`, where all is of type 0. Each text and
 * the tokens around it are one encoding for a processor that follows.
 */
function around(begin: SpecialToken, end: SpecialToken, isRoberta: boolean): PostProcessor {
  const added = isRoberta ? 4 : 3;
  return {
    process(encodings, addSpecialTokens) {
      return encodings.map((encoding, index) => {
        const zeros = encoding.ids.map(() => 0);
        const own = isRoberta ? { ...encoding, typeIds: zeros } : encoding;
        if (!addSpecialTokens) return own;
        // Tokens that an earlier processor put there count as text.
        const inner = { ...own, specialTokensMask: zeros };
        const type = isRoberta || index === 0 ? 0 : 1;
        const before = index === 0 ? [begin] : isRoberta ? [end] : [];
        return joinEncodings([
          ...before.map((token) => specialEncoding(token, type)),
          inner,
          specialEncoding(end, type),
        ]);
      });
    },
    addedTokens: (isPair) => (isPair ? added : 2),
  };
}

function readPair(part: JsonPart, name: string): SpecialToken {
  const [token, id] = part.list(name);
  if (typeof token !== 'string' || !Number.isSafeInteger(id)) throw invalid(`${part.path}.${name}`, 'is no token');
  return { ids: [id as number], tokens: [token] };
}

function readPieces(part: JsonPart, name: string): Piece[] {
  return part.parts(name).map((piece) => {
    if (piece.has('Sequence')) {
      const sequence = piece.part('Sequence');
      return { sequence: sequence.text('id') === 'B' ? 1 : 0, typeId: sequence.integer('type_id', 0) };
    }
    const special = piece.part('SpecialToken');
    const known = part.part('special_tokens').part(special.text('id'));
    return {
      special: { ids: known.list('ids') as number[], tokens: known.list('tokens') as string[] },
      typeId: special.integer('type_id', 0),
    };
  });
}

function template(single: Piece[], pair: Piece[]): PostProcessor {
  return {
    process(encodings, addSpecialTokens) {
      return (encodings.length > 1 ? pair : single).flatMap((piece) => {
        if ('special' in piece) return addSpecialTokens ? [specialEncoding(piece.special, piece.typeId)] : [];
        const encoding = encodings[piece.sequence];
        return encoding === undefined ? [] : [{ ...encoding, typeIds: encoding.ids.map(() => piece.typeId) }];
      });
    },
    addedTokens: (isPair) =>
      (isPair ? pair : single).reduce((sum, piece) => sum + ('special' in piece ? piece.special.ids.length : 0), 0),
  };
}

function specialEncoding({ ids, tokens }: SpecialToken, typeId: number): Encoding {
  return joinEncodings(
    ids.map((id, index) => ({
      ids: [id],
      tokens: [tokens[index]!],
      typeIds: [typeId],
      offsets: [[0, 0]],
      specialTokensMask: [1],
      attentionMask: [1],
      sequences: [null],
    })),
  );
}

/** Takes white space at the ends of byte-level tokens out of their offsets, but not a space that was put in front. */
function trimOffsets(hasPrefixSpace: boolean): PostProcessor {
  const isSpace = (character: string): boolean =>
    character === BYTE_CHARACTERS[0x20] || /\p{White_Space}/u.test(character);
  const trim = (token: string, [start, end]: [number, number], index: number): [number, number] => {
    const characters = [...token];
    let leading = characters.findIndex((character) => !isSpace(character));
    if (leading < 0) leading = characters.length;
    const trailing = characters.length - 1 - characters.findLastIndex((character) => !isSpace(character));
    if (leading > 0) {
      // One space may be the one that was put in front; more than one are the text's own.
      if (leading === 1 && hasPrefixSpace && (index === 0 || start === 0)) leading = 0;
      start = Math.min(start + leading, end);
    }
    if (trailing > 0 && end >= trailing) end = Math.max(end - trailing, start);
    return [start, end];
  };
  return {
    process: (encodings) =>
      encodings.map((encoding) => ({
        ...encoding,
        offsets: encoding.offsets.map((offset, index) => trim(encoding.tokens[index]!, offset, index)),
      })),
    addedTokens: () => 0,
  };
}
