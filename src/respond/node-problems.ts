// Problems that a node tells of: whoever is in a container can cause any number of them.
import type { BundleWriter } from '../evidence/bundle.ts';

/** Half of those that a bundle lists: what others have to tell keeps its room. */
const MAX_NODE_PROBLEMS = 128;

/** Takes the problems of one node. */
export interface NodeProblems {
  add: BundleWriter['problem'];
  /** Tells how many there were besides. */
  end: () => void;
}

/** See the file's first line. */
export function someProblems(bundle: BundleWriter): NodeProblems {
  let count = 0;
  return {
    add: (collector, message) => {
      count += 1;
      if (count <= MAX_NODE_PROBLEMS) bundle.problem(collector, message);
    },
    end: () => {
      if (count > MAX_NODE_PROBLEMS)
        bundle.problem('node', `${count - MAX_NODE_PROBLEMS} more problems of the node are not listed`);
      count = 0;
    },
  };
}
