// What sends the requests of an S3 client in a test: it notes them, and can stand for a process that dies at one.
import { S3, type S3ClientConfig } from '@aws-sdk/client-s3';

interface Request {
  method: string;
  path: string;
  query?: Record<string, unknown>;
  headers: Record<string, string>;
  body?: unknown;
}

interface Handler {
  handle(request: Request, options?: unknown): Promise<unknown>;
}

/** A request as it went out. */
export interface SeenRequest {
  method: string;
  path: string;
  query: Readonly<Record<string, unknown>>;
  headers: Readonly<Record<string, string>>;
}

/** See the file's first line. */
export interface TestHandler {
  handler: NonNullable<S3ClientConfig['requestHandler']>;
  seen: SeenRequest[];
  /** Resolves when the process is dead; from then on nothing is sent and nothing answered. */
  died: Promise<'died'>;
}

/** What happens to requests. */
export interface Fate {
  /** The request (from 1) at which the process dies. */
  diesAt?: number;
  /** It dies when that one was answered, and not before it was sent. */
  answered?: boolean;
  /** Called before each request is sent, which it may change. */
  before?: (request: Request) => void;
  /** Called with each request and its number; what it throws is the connection's failure, in place of the answer. */
  after?: (request: SeenRequest, number: number) => void;
}

/** See the file's first line. */
export function testHandler(fate: Fate = {}): TestHandler {
  const { diesAt = Infinity, answered = false, before = () => {}, after = () => {} } = fate;
  const real = new S3({ region: 'none' }).config.requestHandler as unknown as Handler;
  const seen: SeenRequest[] = [];
  const { promise: died, resolve: die } = Promise.withResolvers<'died'>();
  const never = new Promise<never>(() => {});
  const handle = async (request: Request, options?: unknown) => {
    if (seen.length >= diesAt) return never;
    const number = seen.push(noted(request));
    before(request);
    if (number < diesAt) {
      const answer = await real.handle(request, options);
      after(noted(request), number);
      return answer;
    }
    if (answered) await real.handle(request, options);
    die('died');
    return never;
  };
  const handler = Object.create(real, { handle: { value: handle } }) as TestHandler['handler'];
  return { handler, seen, died };
}

function noted({ method, path, query = {}, headers }: Request): SeenRequest {
  return { method, path, query, headers: { ...headers } };
}
