import { invalid, type JsonPart } from '../json-part.js';
import { readBpe } from './bpe.js';
import type { TokenModel } from './model.js';
import { readUnigram } from './unigram.js';
import { readWordLevel, readWordPiece } from './word-piece.js';

/** The `model` part of tokenizer.json. Files written before the field `type` existed are told by their fields. */
export function readModel(part: JsonPart): TokenModel {
  const type = part.has('type') ? part.type : part.has('merges') ? 'BPE' : part.has('unk_id') ? 'Unigram' : 'WordPiece';
  switch (type) {
    case 'BPE':
      return readBpe(part, readVocabulary(part));
    case 'WordPiece':
      return readWordPiece(part, readVocabulary(part));
    case 'WordLevel':
      return readWordLevel(part, readVocabulary(part));
    case 'Unigram':
      return readUnigram(part);
    default:
      throw part.unsupported('model');
  }
}

function readVocabulary(part: JsonPart): Map<string, number> {
  const vocabulary = new Map<string, number>();
  for (const [text, id] of Object.entries(part.part('vocab').value)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) throw invalid(`${part.path}.vocab`, `gives ${text} no id`);
    vocabulary.set(text, id as number);
  }
  return vocabulary;
}
