// A list as JSON, an entry a line, made while it is read: it may be large.

/** Bytes of a JSON array. */
export function* jsonLines(entries: Iterable<unknown>): Generator<Uint8Array> {
  let before = '[\n';
  for (const entry of entries) {
    yield Buffer.from(before + JSON.stringify(entry));
    before = ',\n';
  }
  yield Buffer.from(before === '[\n' ? '[]\n' : '\n]\n');
}
