// Does something for each of many, a few at a time.

/** @param parallel how many at a time. Rejects as the first that fails; those that had begun go on. */
export async function eachOf<T>(
  items: Iterable<T>,
  parallel: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = [...items].values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}
