// Splits a stream of bytes into lines of text. Bytes are split before they are decoded, so no character is torn.

const NEWLINE = 0x0a;

/** A line is longer than allowed. */
export class LineTooLongError extends Error {
  constructor(maxBytes: number) {
    super(`a line has more than ${maxBytes} bytes`);
    this.name = 'LineTooLongError';
  }
}

/** Yields each non-empty line; the last one needs no newline. Throws {@link LineTooLongError} beyond `maxBytes`. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<string, void, void> {
  const line = new PendingLine(maxBytes);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      line.push(chunk.subarray(start, end));
      start = end + 1;
      if (line.size > 0) yield line.take();
    }
    line.push(chunk.subarray(start));
  }
  if (line.size > 0) yield line.take();
}

class PendingLine {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(part: Uint8Array): void {
    this.size += part.length;
    if (this.size > this.#maxBytes) throw new LineTooLongError(this.#maxBytes);
    this.#parts.push(part);
  }

  take(): string {
    const text = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.size = 0;
    return text;
  }
}
