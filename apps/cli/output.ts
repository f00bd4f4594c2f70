import type { WriteStream } from 'node:tty';
import { printable } from './render/printable.js';
import { fit } from './render/progress.js';
import { createStyle, type Style } from './render/style.js';

export interface OutputOptions {
  json: boolean;
  verbose: boolean;
  stream?: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;
  env?: NodeJS.ProcessEnv;
}

/** Between two lines of a progress that cannot be redrawn. */
const LOG_EVERY_MILLISECONDS = 15_000;
const CLEAR_LINE = '\r\u001B[2K';

/** Where a command prints: text for people (with a live last line on a terminal), or JSON lines for programs. */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  /** True where a line can be redrawn. */
  readonly live: boolean;
  readonly style: Style;
  private readonly coloured: boolean;
  private readonly stream: NonNullable<OutputOptions['stream']>;
  private current = '';
  private logged = Number.NEGATIVE_INFINITY;

  constructor({ json, verbose, stream = process.stdout, env = process.env }: OutputOptions) {
    const terminal = stream.isTTY === true;
    this.json = json;
    this.verbose = verbose;
    this.stream = stream;
    this.live = terminal && !json && env.TERM !== 'dumb';
    this.coloured = terminal && !json && !env.NO_COLOR && env.TERM !== 'dumb';
    this.style = createStyle(this.coloured);
  }

  /** A line of text, made {@link printable}; nothing with `--json`. */
  line(text = ''): void {
    if (this.json) return;
    this.stream.write(`${this.live && this.current !== '' ? CLEAR_LINE : ''}${this.printed(text)}\n${this.current}`);
  }

  /** One JSON line; nothing without `--json`. */
  object(value: object): void {
    if (this.json) this.stream.write(`${JSON.stringify(value)}\n`);
  }

  /** Replaces the live line; '' removes it. Nothing where lines cannot be redrawn. */
  progress(text: string): void {
    if (!this.live) return;
    const line = text === '' ? '' : fit(this.printed(text), this.stream.columns || 80);
    if (line === this.current) return;
    this.stream.write(`${CLEAR_LINE}${line}`);
    this.current = line;
  }
  /** A progress worth a line now and then where lines cannot be redrawn: of what takes minutes. */
  slowProgress(text: string, now = performance.now()): void {
    if (this.live) return this.progress(text);
    if (now - this.logged < LOG_EVERY_MILLISECONDS) return;
    this.logged = now;
    this.line(text);
  }

  private printed(text: string): string {
    return printable(text, this.coloured);
  }
}
