// The process in which a mutant lives: hunts for it and prints how that ended as JSON.
import { hunt } from './hunt.ts';
import { mutantNamed } from './mutants.ts';

const [mutant = '', from = '1', limit = '1'] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await hunt(mutantNamed(mutant), Number(from), Number(limit))));
