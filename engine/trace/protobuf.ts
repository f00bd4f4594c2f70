const encoder = new TextEncoder();

/** Writes the protocol-buffer wire format: only what an ONNX file needs (varints, 32-bit floats, length-delimited fields). */
export class ProtobufWriter {
  private readonly chunks: Uint8Array[] = [];
  private buffer = new Uint8Array(256);
  private used = 0;
  private flushed = 0;

  int(field: number, value: number): this {
    this.varint(BigInt(field << 3));
    return this.varint(BigInt.asUintN(64, BigInt(value)));
  }

  float(field: number, value: number): this {
    this.varint(BigInt((field << 3) | 5));
    return this.raw(new Uint8Array(new Float32Array([value]).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    this.varint(BigInt((field << 3) | 2)).varint(BigInt(value.length));
    return this.raw(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  message(field: number, message: ProtobufWriter): this {
    return this.bytes(field, message.finish());
  }

  /** Everything written so far as one array. */
  finish(): Uint8Array {
    const result = new Uint8Array(this.flushed + this.used);
    let offset = 0;
    for (const chunk of this.chunks) {
      result.set(chunk, offset);
      offset += chunk.length;
    }
    result.set(this.buffer.subarray(0, this.used), offset);
    return result;
  }

  private varint(value: bigint): this {
    if (value < 0x80n) {
      this.reserve(1);
      this.buffer[this.used++] = Number(value);
      return this;
    }
    this.reserve(10);
    for (let rest = value; ; rest >>= 7n) {
      if (rest < 0x80n) {
        this.buffer[this.used++] = Number(rest);
        return this;
      }
      this.buffer[this.used++] = Number(rest & 0x7fn) | 0x80;
    }
  }

  private raw(value: Uint8Array): this {
    if (value.length > 4096) {
      this.chunks.push(this.buffer.slice(0, this.used), value);
      this.flushed += this.used + value.length;
      this.used = 0;
      return this;
    }
    this.reserve(value.length);
    this.buffer.set(value, this.used);
    this.used += value.length;
    return this;
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.used + bytes));
    grown.set(this.buffer.subarray(0, this.used));
    this.buffer = grown;
  }
}
