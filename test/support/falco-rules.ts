// A file of Falco rules as Falco reads it: lists, macros and rules by name, and what later files override.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The rules that are shipped. */
export const RULES_FILE = join(import.meta.dirname, '../../config/falco/die_rules.yaml');

/** One rule, as far as Falco has to know it. */
export interface FalcoRule {
  rule: string;
  desc: string;
  condition: string;
  output: string;
  priority: string;
  enabled?: boolean;
  tags: string[];
}

type Override = Record<string, 'append' | 'replace'>;
type Entry = Partial<FalcoRule> & {
  list?: string;
  items?: (string | number)[];
  macro?: string;
  override?: Override;
  required_engine_version?: string;
  required_plugin_versions?: { name: string; version: string }[];
};

/** Everything in a file, and in those after it. */
export interface RuleSet {
  engine: string | undefined;
  plugins: { name: string; version: string }[];
  lists: Map<string, string[]>;
  macros: Map<string, string>;
  rules: Map<string, FalcoRule>;
}

/** What Falco 0.44 lets a later file override (userspace/engine/rule_loader_reader.cpp). */
const OVERRIDABLE: Readonly<Record<string, readonly string[]>> = {
  'list append': ['items'],
  'list replace': ['items'],
  'macro append': ['condition'],
  'macro replace': ['condition'],
  'rule append': ['condition', 'output', 'desc', 'tags'],
  'rule replace': ['condition', 'output', 'desc', 'priority', 'tags', 'enabled'],
};

/** The rules of files in their order; rejects what Falco rejects, as far as it is about names and overrides. */
export function readRules(...texts: string[]): RuleSet {
  const set: RuleSet = {
    engine: undefined,
    plugins: [],
    lists: new Map(),
    macros: new Map(),
    rules: new Map(),
  };
  for (const entry of texts.flatMap((text) => parse(text) as Entry[])) add(set, entry);
  return set;
}

/** The rules that are shipped. */
export async function shippedRules(): Promise<RuleSet> {
  return readRules(await readFile(RULES_FILE, 'utf8'));
}

// Falco 0.44 warns of other keys, and does without them.
const KEYS: readonly ReadonlySet<string>[] = [
  new Set(['required_engine_version']),
  new Set(['required_plugin_versions']),
  new Set(['list', 'items', 'override']),
  new Set(['macro', 'condition', 'override']),
  new Set(['rule', 'desc', 'condition', 'output', 'priority', 'enabled', 'tags', 'override']),
];

function add(set: RuleSet, entry: Entry): void {
  const keys = new Set(Object.keys(entry));
  if (!KEYS.some((known) => keys.isSubsetOf(known))) throw new Error(`not an entry: ${[...keys].join(', ')}`);
  set.engine = entry.required_engine_version ?? set.engine;
  set.plugins.push(...(entry.required_plugin_versions ?? []));
  if (entry.list !== undefined) addList(set, entry.list, entry);
  if (entry.macro !== undefined) addMacro(set, entry.macro, entry);
  if (entry.rule !== undefined) addRule(set, entry.rule, entry);
}

function addList({ lists }: RuleSet, name: string, entry: Entry): void {
  const before = old(lists, 'list', name, entry) ?? [];
  const items = (entry.items ?? []).map(String);
  lists.set(name, entry.override?.['items'] === 'append' ? [...before, ...items] : items);
}

function addMacro({ macros }: RuleSet, name: string, entry: Entry): void {
  const before = old(macros, 'macro', name, entry) ?? '';
  const { condition = '' } = entry;
  macros.set(name, entry.override?.['condition'] === 'append' ? `${before} ${condition}` : condition);
}

function addRule({ rules }: RuleSet, name: string, entry: Entry): void {
  const before = old(rules, 'rule', name, entry);
  rules.set(name, before ? overridden(before, entry) : (entry as FalcoRule));
}

/** What an override is about; undefined: nothing has this name yet. */
function old<T>(
  known: ReadonlyMap<string, T>,
  kind: string,
  name: string,
  { override }: Entry,
): T | undefined {
  const before = known.get(name);
  if ((before === undefined) !== (override === undefined)) {
    throw new Error(before === undefined ? `there is no ${kind} ${name}` : `${kind} ${name} is there twice`);
  }
  for (const [key, how] of Object.entries(override ?? {})) {
    if (!OVERRIDABLE[`${kind} ${how}`]?.includes(key)) throw new Error(`${key} of ${name}: no ${how}`);
  }
  return before;
}

function overridden(before: FalcoRule, { override = {}, ...entry }: Entry): FalcoRule {
  const { rule: _, ...changes } = entry;
  if (Object.keys(changes).some((key) => !(key in override)))
    throw new Error(`${before.rule}: a key has no override`);
  const appended = override['condition'] === 'append';
  return {
    ...before,
    ...changes,
    ...(appended && { condition: `${before.condition} ${entry.condition}` }),
  };
}

/** The fields that an output prints. */
export function printedFields(output: string): string[] {
  return [...output.matchAll(/%([a-z][\w.]*)/g)].map(([, field = '']) => field);
}
