// Reads a bolt database, the file format of go.etcd.io/bbolt, without trusting it: every number in it is checked and everything
// is limited. A database that its owner writes at the same time may be read, see `isCurrent`.

/** The file is no such database, is damaged, or is larger than the limits. */
export class BoltError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BoltError';
  }
}

/** Reads exactly so many bytes of the file. @throws when there are fewer */
export type ReadAt = (offset: number, length: number) => Buffer;

/** What a bucket holds: a value, or another bucket. */
export interface BoltEntry {
  key: Buffer;
  value: Buffer;
  isBucket: boolean;
}

/** A database, as it was when it was opened. */
export interface Bolt {
  /** What the bucket at the end of these names holds; undefined if there is none. @throws BoltError */
  bucket(...names: string[]): Iterable<BoltEntry> | undefined;
  /** What a bucket holds that was found in another. @throws BoltError */
  inside(entry: BoltEntry): Iterable<BoltEntry>;
  /** False once something was written since it was opened: pages that were read may have been used for something else. */
  isCurrent(): boolean;
}

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const META_BYTES = 64;
const PAGE_HEADER = 16;
const BUCKET_HEADER = 16;
const BRANCH_ELEMENT = 16;
const LEAF_ELEMENT = 16;
const [BRANCH, LEAF] = [1, 2];
const PAGE_SIZES = new Set([1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]);
/** A tree of containerd has three levels; each level holds dozens of times what the one above does. */
const MAX_DEPTH = 16;
/** 400 MB of pages of 4 KiB. */
const MAX_PAGES = 100_000;
const MAX_OVERFLOW = 1024;

interface Meta {
  pageSize: number;
  root: bigint;
  pages: bigint;
  transaction: bigint;
}

/** Opens a database. @throws BoltError */
export function openBolt(read: ReadAt): Bolt {
  const meta = newestMeta(read);
  const source = { read, meta, pagesLeft: MAX_PAGES };
  const inside = (entry: BoltEntry) => bucketEntries(source, entry.value);
  return {
    bucket: (...names) => {
      let entries: Iterable<BoltEntry> | undefined = pageEntries(source, meta.root, 0);
      for (const name of names) {
        const found = find(entries, name);
        if (!found?.isBucket) return undefined;
        entries = inside(found);
      }
      return entries;
    },
    inside,
    isCurrent: () => newestMeta(read).transaction === meta.transaction,
  };
}

/** The entry of that name. @throws BoltError */
export function find(entries: Iterable<BoltEntry>, name: string): BoltEntry | undefined {
  const sought = Buffer.from(name);
  for (const entry of entries) if (entry.key.equals(sought)) return entry;
  return undefined;
}

interface Source {
  read: ReadAt;
  meta: Meta;
  pagesLeft: number;
}

// Two pages hold it in turn, so that one is whole whenever the writer dies. The second begins after the first, whose size is in
// the first; where that one is damaged, after any size that a page can have.
function newestMeta(read: ReadAt): Meta {
  const first = readMeta(read, 0);
  const sizes = first ? [first.pageSize] : [...PAGE_SIZES];
  const others = sizes.flatMap((size) => readMeta(read, size) ?? []);
  const [newest] = [...(first ? [first] : []), ...others].toSorted((a, b) =>
    a.transaction < b.transaction ? 1 : -1,
  );
  if (newest === undefined) throw new BoltError('it is no bolt database, or both of its heads are damaged');
  return newest;
}

function readMeta(read: ReadAt, offset: number): Meta | undefined {
  let bytes: Buffer;
  try {
    bytes = read(offset + PAGE_HEADER, META_BYTES);
  } catch {
    return undefined;
  }
  const pageSize = bytes.readUInt32LE(8);
  const isMeta = bytes.readUInt32LE(0) === MAGIC && bytes.readUInt32LE(4) === VERSION;
  if (!isMeta || !PAGE_SIZES.has(pageSize) || fnv64a(bytes.subarray(0, 56)) !== bytes.readBigUInt64LE(56))
    return undefined;
  return {
    pageSize,
    root: bytes.readBigUInt64LE(16),
    pages: bytes.readBigUInt64LE(40),
    transaction: bytes.readBigUInt64LE(48),
  };
}

function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

function bucketEntries(source: Source, value: Buffer): Iterable<BoltEntry> {
  if (value.length < BUCKET_HEADER) throw new BoltError('a bucket has no head');
  const root = value.readBigUInt64LE(0);
  // A small bucket has its only page in its value.
  return root === 0n ? leafEntries(checkedPage(value.subarray(BUCKET_HEADER))) : pageEntries(source, root, 0);
}

function* pageEntries(source: Source, id: bigint, depth: number): Generator<BoltEntry> {
  if (depth > MAX_DEPTH) throw new BoltError(`a tree has more than ${MAX_DEPTH} levels`);
  const page = readPage(source, id);
  if (page.flags === LEAF) {
    yield* leafEntries(page);
    return;
  }
  if (page.flags !== BRANCH) throw new BoltError(`page ${id} is no part of a tree`);
  for (let index = 0; index < page.count; index += 1) {
    const at = PAGE_HEADER + index * BRANCH_ELEMENT;
    yield* pageEntries(source, page.bytes.readBigUInt64LE(at + 8), depth + 1);
  }
}

function* leafEntries({ bytes, flags, count }: Page): Generator<BoltEntry> {
  if (flags !== LEAF) throw new BoltError('a bucket has a page that is no leaf');
  for (let index = 0; index < count; index += 1) {
    const at = PAGE_HEADER + index * LEAF_ELEMENT;
    const from = at + bytes.readUInt32LE(at + 4);
    const middle = from + bytes.readUInt32LE(at + 8);
    const to = middle + bytes.readUInt32LE(at + 12);
    if (to > bytes.length) throw new BoltError('an entry lies outside its page');
    const isBucket = (bytes.readUInt32LE(at) & 1) === 1;
    yield { key: bytes.subarray(from, middle), value: bytes.subarray(middle, to), isBucket };
  }
}

interface Page {
  bytes: Buffer;
  flags: number;
  count: number;
}

function readPage(source: Source, id: bigint): Page {
  const { read, meta } = source;
  if (id < 2n || id >= meta.pages) throw new BoltError(`page ${id} lies outside the database`);
  const offset = Number(id) * meta.pageSize;
  const overflow = read(offset, PAGE_HEADER).readUInt32LE(12);
  source.pagesLeft -= 1 + overflow;
  if (overflow > MAX_OVERFLOW || source.pagesLeft < 0) throw new BoltError('it is larger than is read');
  return checkedPage(read(offset, (1 + overflow) * meta.pageSize));
}

function checkedPage(bytes: Buffer): Page {
  if (bytes.length < PAGE_HEADER) throw new BoltError('a page has no head');
  const page = { bytes, flags: bytes.readUInt16LE(8), count: bytes.readUInt16LE(10) };
  // Elements of branches and of leaves have the same size.
  if (PAGE_HEADER + page.count * LEAF_ELEMENT > bytes.length)
    throw new BoltError('a page says that it holds more than it can');
  return page;
}
