import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../../config/errors.js';
import { diskError } from '../formats/disk-error.js';
import { compileChatTemplate, type ChatTemplate } from './chat-template.js';

async function readText(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw diskError(error, `reading ${path}`);
  });
}

/**
 * The chat template of a model folder: `chat_template.jinja`, else `chat_template` of tokenizer_config.json, which is
 * one text or a list of named ones (`name` picks one, `default` otherwise). Null when the model has none.
 *
 * @throws RatchetError `E_NOT_FOUND` for an unknown name, `E_MODEL_INVALID`
 */
export async function loadChatTemplate(folder: string, name = 'default'): Promise<ChatTemplate | null> {
  const configPath = join(folder, 'tokenizer_config.json');
  const configText = await readText(configPath);
  const file = join(folder, name === 'default' ? 'chat_template.jinja' : `additional_chat_templates/${name}.jinja`);
  const separate = /^[\w.-]+$/.test(name) ? await readText(file) : null;
  let config: Record<string, unknown> = {};
  try {
    if (configText !== null) config = JSON.parse(configText) as Record<string, unknown>;
  } catch (error) {
    throw invalid(configPath, `not valid JSON (${(error as Error).message})`);
  }
  const tokens = specialTokens(config);
  if (separate !== null) return compileChatTemplate(separate, tokens, file);
  const found = pick(config['chat_template'], name, configPath);
  return found === null ? null : compileChatTemplate(found, tokens, `${configPath}: chat_template`);
}

function pick(value: unknown, name: string, path: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && name === 'default') return value;
  const list = typeof value === 'string' ? [{ name: 'default', template: value }] : value;
  if (!Array.isArray(list)) throw invalid(path, 'chat_template is neither a text nor a list of named templates');
  const named = list as { name?: unknown; template?: unknown }[];
  const template = named.find((item) => item?.name === name)?.template;
  if (typeof template === 'string') return template;
  throw new RatchetError('E_NOT_FOUND', `${path} has no chat template named ${name}.`, {
    hint: `It has: ${named.map((item) => String(item?.name)).join(', ')}.`,
  });
}

/** The special tokens of tokenizer_config.json, each a text or `{content}`. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (!/^(bos|eos|unk|sep|pad|cls|mask)_token$/.test(key)) continue;
    const text = typeof value === 'string' ? value : (value as { content?: unknown } | null)?.content;
    if (typeof text === 'string') tokens[key] = text;
  }
  return tokens;
}

const invalid = (path: string, what: string): RatchetError =>
  new RatchetError('E_MODEL_INVALID', `${path}: ${what}.`, { hint: 'Copy the tokenizer files of the model again.' });
