import type { TextTokenizer } from '../tokenizer/tokenizer.js';

/** Tokens before a stop string that may change how its own are written: byte sequences cut in two, dropped spaces. */
const MARGIN = 4;

/** Texts that end a generation. */
export class StopStrings {
  private readonly window: number;

  constructor(
    private readonly tokenizer: TextTokenizer,
    private readonly strings: readonly string[],
  ) {
    // A token stands for at least one byte, so a stop string that ends now began at most this many tokens ago.
    this.window = MARGIN + Math.max(0, ...strings.map((text) => Buffer.byteLength(text)));
  }

  get isEmpty(): boolean {
    return this.strings.length === 0;
  }

  /** True when one of the strings is written at the end of the tokens. @param tokens all new ones of a text */
  end(tokens: readonly number[]): boolean {
    const text = this.tokenizer.decode(tokens.slice(-this.window));
    return this.strings.some((stop) => text.includes(stop));
  }

  /** The text before the first of the strings. */
  cut(text: string): string {
    const places = this.strings.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    return places.length === 0 ? text : text.slice(0, Math.min(...places));
  }
}
