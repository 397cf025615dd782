// Runs parts that only make sense together.

/** Runs all until the signal fires. When one fails the others are stopped, and what they have in hand is ended first. */
export async function runTogether(
  parts: readonly { run(signal: AbortSignal): Promise<void> }[],
  signal: AbortSignal,
): Promise<void> {
  const failure = new AbortController();
  const until = AbortSignal.any([signal, failure.signal]);
  const results = await Promise.allSettled(
    parts.map((part) =>
      part.run(until).catch((error: unknown) => {
        failure.abort();
        throw error;
      }),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
