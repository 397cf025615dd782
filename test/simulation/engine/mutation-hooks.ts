// Preloaded by the process that hunts for a mutant (DIE_MUTANT): replaces its text in the one file as that is loaded.
import { registerHooks } from 'node:module';
import { mutantNamed } from './mutants.ts';

const { file, find, replacement, name } = mutantNamed(process.env['DIE_MUTANT'] ?? '');
const target = new URL(`../../../src/${file}`, import.meta.url).href;

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    const { source = '' } = loaded;
    const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString();
    const found = text.split(find).length - 1;
    if (found !== 1)
      throw new Error(`mutant ${name}: its text is ${found} times in src/${file}: mend the mutant`);
    return { ...loaded, source: text.replace(find, () => replacement) };
  },
});
