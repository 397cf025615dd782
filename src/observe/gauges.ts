// The shapes of metrics: counters that begin at 0, gauges that ask their source each time they are read.
import { Counter, Gauge, type Registry } from 'prom-client';

/** A counter that has every value of its labels from the start. */
export function counter(
  registry: Registry,
  name: string,
  help: string,
  labels: Readonly<Record<string, readonly string[]>>,
): Counter {
  const made = new Counter({
    name: `die_operator_${name}`,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
  });
  const none: Record<string, string>[] = [{}];
  const all = Object.entries(labels).reduce(
    (some, [label, values]) => some.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    none,
  );
  for (const one of all) made.inc(one, 0);
  return made;
}

/** A gauge without labels that asks its source each time it is read. */
export function reading(registry: Registry, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Gauge({
      name: `die_operator_${name}`,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    }),
  );
}

/** A gauge that asks the returned sources each time it is read. */
export function sizes(
  registry: Registry,
  name: string,
  help: string,
  label: string,
): Map<string, () => number> {
  const sources = new Map<string, () => number>();
  const gauge = new Gauge({
    name: `die_operator_${name}`,
    help,
    labelNames: [label],
    registers: [],
    collect() {
      for (const [value, size] of sources) this.set({ [label]: value }, size());
    },
  });
  registry.registerMetric(gauge);
  return sources;
}

/** A gauge of counts by verdict. It takes the place of one of that name: each term of a leader has its own. */
export function byVerdict(
  registry: Registry,
  short: string,
  help: string,
  counts: () => Readonly<Record<string, number>>,
): void {
  const name = `die_operator_${short}`;
  registry.removeSingleMetric(name);
  registry.registerMetric(
    new Gauge({
      name,
      help,
      labelNames: ['verdict'],
      registers: [],
      collect() {
        for (const [verdict, count] of Object.entries(counts())) this.set({ verdict }, count);
      },
    }),
  );
}
