/** A message of a conversation. Contents that are lists of parts are joined when they are read. */
export interface ExampleMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string;
  /** 0: the turn is read, not learned. */
  weight?: number;
  name?: string;
  tool_calls?: unknown[];
}

/** A row of a training file, whatever its format was. */
export type TrainingExample =
  | { kind: 'completion'; id: string; prompt: string; completion: string }
  | { kind: 'chat'; id: string; messages: ExampleMessage[]; tools?: object[] }
  | { kind: 'preference'; id: string; prompt: string | ExampleMessage[]; chosen: string; rejected: string }
  | { kind: 'classification'; id: string; text: string; label: string }
  | { kind: 'text'; id: string; text: string };

/** Why a row of a file was left out. */
export interface LedgerEntry {
  file: string;
  /** 1-based. */
  line: number;
  /** Path of the field; empty when the whole row is wrong. */
  field: string;
  reason: string;
}
