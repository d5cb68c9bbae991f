import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { differingFields, meantFor, sideBySide } from '../../test/old-engine/compare.ts'
import { runHere } from '../../test/old-engine/run-here.ts'
import { readGroup } from '../../test/old-engine/scene.ts'
import { givenPool } from '../../services/runner/sandbox/given-sandbox.ts'
import { DEFAULT_FOLDER, startOldEngine } from './old-engine.ts'

/**
 * `scripts/old-engine/compare [--folder FOLDER] FILE ...`: runs the scenes of files in both engines and prints where they differ: a
 * minus is the old engine, a plus is this one, and `meant` what `differs` names. Nothing is kept.
 */
export async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--folder')
  const engine = startOldEngine(at === -1 ? DEFAULT_FOLDER : (args[at + 1] ?? DEFAULT_FOLDER))
  const files = args.filter((_, index) => at === -1 || (index !== at && index !== at + 1))
  const pool = givenPool()
  let differing = 0
  let cases = 0
  try {
    for (const file of files) {
      for (const scene of await readGroup(resolve(file))) {
        const [{ crash, ...old }, ours] = await Promise.all([engine.run(scene), runHere(scene, pool)])
        if (crash !== undefined) console.log(`${scene.name}: the old engine was ended by ${crash}`)
        cases += ours.cases.length
        for (const [part, theirs, mine] of sideBySide(old, ours)) {
          const meant = meantFor(scene, part).flatMap((difference) => difference.in)
          const fields = differingFields(theirs, mine)
          for (const field of fields) {
            // What follows from another verdict is many lines and says nothing more.
            if (fields.includes('state') && field !== 'state' && field !== 'log') continue
            differing += meant.includes(field) ? 0 : 1
            console.log(`${scene.name} [${part}] ${field}${meant.includes(field) ? ' (meant)' : ''}`)
            console.log(onlyIn('-', theirs[field], mine[field]))
            console.log(onlyIn('+', mine[field], theirs[field]))
          }
        }
      }
    }
  } finally {
    await engine.stop()
    await pool.stop()
  }
  console.log(`${cases} cases, ${differing} fields differ`)
}

/** The lines of a value, laid out, that the other does not have. */
function onlyIn(mark: string, value: unknown, other: unknown): string {
  const [lines, others] = [value, other].map((one) => {
    const shown = typeof one === 'string' ? one : inspect(one, { depth: null, breakLength: 160, maxStringLength: 2000 })
    return shown.split('\n').map((line) => line.replace(/,$/, ''))
  })
  return (lines ?? [])
    .filter((line) => !others?.includes(line))
    .map((line) => `  ${mark} ${line}`)
    .join('\n')
}
