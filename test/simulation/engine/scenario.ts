// What a scenario is: what is there before, and what alerts and people do.
import type { Stage } from './stage.ts';

/** See the file's first line. */
export interface Scenario {
  name: string;
  /** In a sentence. */
  about: string;
  /** Where its incidents may end: final phases, or the reasons of waits. */
  ends: readonly string[];
  /** Somebody acts at a moment that the history can choose. */
  hasMoment?: true;
  /** What is there before the operator starts. */
  setUp(stage: Stage): Promise<void>;
  /** What happens then; resolves when alerts and people have done all they do. */
  play(stage: Stage): Promise<void>;
}
