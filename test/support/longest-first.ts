import { createRequire } from 'node:module'
import type library from '@jest/test-sequencer'

// Its types tell of what is required alone.
const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer') as typeof library

type Files = Parameters<InstanceType<typeof Sequencer>['sort']>[0]

/**
 * By the ends of their names, those that take longest first (CONTRIBUTING.md tells what they are). Those with Kafka lie among others: on
 * a fresh machine the first of them fetches it, and the next one waits for that.
 */
const KINDS = [/\.(chaos|kafka|e2e)\.test\.ts$/, /\.int\.test\.ts$/, /\.unit\.test\.ts$/]

/**
 * The order in which test files are begun. jest begins those first that took longest the last time; where it knows of no time, as on a
 * fresh machine, the largest: but large ones are often units, and a small one that waits for servers would be alone at the end. So the
 * kind comes first then.
 */
export default class LongestFirst extends Sequencer {
  override sort(files: Files): Files {
    const sorted = super.sort([...files]) as Files
    if (sorted.some(({ duration }) => duration !== undefined)) return sorted
    return sorted.toSorted((one, other) => kindOf(one.path) - kindOf(other.path))
  }
}

function kindOf(path: string): number {
  return KINDS.findIndex((kind) => kind.test(path))
}
