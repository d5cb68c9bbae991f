import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { readGroups } from '../../test/old-engine/scene.ts'
import { DEFAULT_FOLDER, startOldEngine } from './old-engine.ts'

/**
 * `scripts/old-engine/record [--folder FOLDER] [--all] [GROUP ...]`: runs the scenes of test/old-engine/cases in the old engine and
 * writes what they do to test/fixtures/old-engine. What is recorded of an unchanged scene stands, unless `--all` says otherwise.
 */
export async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--folder')
  const folder = at === -1 ? DEFAULT_FOLDER : (args[at + 1] ?? DEFAULT_FOLDER)
  const wanted = args.filter((arg, index) => !arg.startsWith('--') && (at === -1 || index !== at + 1))
  const engine = startOldEngine(folder)
  try {
    for (const [group, scenes] of await readGroups()) {
      if (wanted.length > 0 && !wanted.includes(group)) continue
      const file = fileURLToPath(new URL(`../../test/fixtures/old-engine/${group}.json`, import.meta.url))
      const known = args.includes('--all') ? new Map<string, Recorded>() : await recordedIn(file)
      const records: Recorded[] = []
      for (const scene of scenes) {
        const kept = known.get(scene.digest)
        if (kept === undefined) console.log(`${group}: ${scene.name}`)
        records.push(kept ?? { name: scene.name, of: scene.digest, seen: await engine.run(scene) })
      }
      await writeFile(file, `${laidOut(records, FIELDS_DEPTH)}\n`)
    }
  } finally {
    await engine.stop()
  }
}

/** From the list of records down to the fields of a case. */
const FIELDS_DEPTH = 5

/** JSON with a line for each field of a case, so that a change shows what it changes. */
function laidOut(value: unknown, depth: number, indent = ''): string {
  if (depth === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent} `
  const list = Array.isArray(value)
  const members = Object.entries(value).map(
    ([name, member]) => (list ? '' : `${JSON.stringify(name)}: `) + laidOut(member, depth - 1, inner),
  )
  const [open, close] = list ? ['[', ']'] : ['{', '}']
  return members.length === 0 ? open + close : `${open}\n${inner}${members.join(`,\n${inner}`)}\n${indent}${close}`
}

type Recorded = Readonly<{ name: string; of: string; seen: unknown }>

async function recordedIn(file: string): Promise<ReadonlyMap<string, Recorded>> {
  const text = await readFile(file, 'utf8').catch(() => '[]')
  return new Map((JSON.parse(text) as Recorded[]).map((record) => [record.of, record]))
}
