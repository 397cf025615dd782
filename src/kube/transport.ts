// The wire to an API server as one function, so that the real one, the embedded one and a faulty one are alike.

/** One HTTP request to the API server. */
export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query, e.g. `/api/v1/namespaces/shop/pods?limit=500`. */
  path: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** True for a watch or a followed log: the answer goes on for minutes. */
  streaming: boolean;
  signal: AbortSignal;
  /** Called right before the first byte leaves, however long that takes; what it throws keeps the request back. */
  beforeSend?: () => void;
}

/** The answer; reading the body may fail like the request. */
export interface HttpResponse {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: AsyncIterable<Uint8Array>;
}

/**
 * Sends one request. Rejects when no answer came: network errors, a fired signal. An answer with an error status is
 * not a rejection.
 */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;
