import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parseTargetDeny } from '../../services/runner/case/deny.ts'
import { createInterpreters, type Interpreters } from '../../services/runner/interpreters.ts'
import { givenPool } from '../../services/runner/sandbox/given-sandbox.ts'
import type { SandboxPool } from '../../services/runner/sandbox/pool.ts'
import { differingFields, meantFor, sideBySide } from './compare.ts'
import type { ObservedScene } from './observed.ts'
import { runHere } from './run-here.ts'
import { readGroups, type Scene } from './scene.ts'

/** The same scenes, the same target: what ApiTestEngine 1.0.3 did (test/fixtures/old-engine), and what this engine does. */

type Recorded = Readonly<{ name: string; of: string; seen: ObservedScene & Readonly<{ crash?: string }> }>

/** Scenes under way at once. They share interpreters as scenes of one run do, which in the old engine were all in one process. */
const AT_ONCE = 3
/** Milliseconds for one scene on a machine that has much else to do. */
const SCENE_MS = 120_000

const root = new URL('../../', import.meta.url)
const groups = await readGroups()
const fixtures = new Map<string, ReadonlyMap<string, Recorded>>()
for (const group of groups.keys()) fixtures.set(group, await recorded(group))
const documented = await documentedDifferences()

let pool: SandboxPool
let interpreters: Interpreters
beforeAll(() => {
  pool = givenPool({ size: 0 })
  const { signal } = new AbortController()
  interpreters = createInterpreters({
    sandboxes: pool,
    most: AT_ONCE,
    db: [],
    targetDeny: parseTargetDeny(''),
    signal,
  })
})

const scenes = [...groups.values()].flat()
const underWay = new Map<Scene, Promise<ObservedScene>>()

/** Runs a scene, and begins with those that are asked for next. */
function observed(scene: Scene): Promise<ObservedScene> {
  const at = scenes.indexOf(scene)
  for (const next of scenes.slice(at, at + AT_ONCE)) {
    if (underWay.has(next)) continue
    const running = runHere(next, interpreters)
    // Its own test asks for it, later.
    running.catch(() => undefined)
    underWay.set(next, running)
  }
  return underWay.get(scene) as Promise<ObservedScene>
}

afterAll(async () => {
  await Promise.allSettled(underWay.values())
  await interpreters.close()
  await pool.stop()
})

describe.each([...groups])('%s', (group, asked) => {
  test.each(asked.map((scene) => [scene.name, scene] as const))(
    '%s',
    async (name, scene) => {
      const record = fixtures.get(group)?.get(name)
      if (record?.of !== scene.digest) throw new Error(`not recorded as it is: scripts/old-engine/record ${group}`)
      const differing = new Set<string>()
      for (const [part, theirs, ours] of sideBySide(record.seen, await observed(scene))) {
        const differ = differingFields(theirs, ours)
        const meant = meantFor(scene, part).flatMap((difference) => difference.in)
        // All of what is not meant to differ, for the sake of what is printed when it does.
        expect({ part, ...without(ours, meant) }).toEqual({ part, ...without(theirs, meant) })
        for (const field of differ) differing.add(`${part} ${field}`).add(`* ${field}`)
        for (const { ours: expected = {} } of meantFor(scene, part))
          expect(only(ours, Object.keys(expected))).toEqual(only({ ...ours, ...expected }, Object.keys(expected)))
      }
      for (const [part, differences] of scene.differs) {
        for (const { line, in: fields } of differences) {
          expect(documented).toContain(line)
          expect(fields.filter((field) => !differing.has(`${part} ${field}`))).toEqual([])
        }
      }
    },
    SCENE_MS,
  )
})

test('nothing is recorded that is not asked any more', () => {
  for (const [group, asked] of groups) {
    expect([...(fixtures.get(group)?.keys() ?? [])]).toEqual(asked.map(({ name }) => name))
  }
})

type Fields = Readonly<Record<string, unknown>>

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)))
}

function only(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)))
}

async function recorded(group: string): Promise<ReadonlyMap<string, Recorded>> {
  const file = fileURLToPath(new URL(`test/fixtures/old-engine/${group}.json`, root))
  const text = await readFile(file, 'utf8').catch(() => '[]')
  return new Map((JSON.parse(text) as Recorded[]).map((record) => [record.name, record]))
}

/** The bullets of the section that lists what is meant to differ. */
async function documentedDifferences(): Promise<readonly string[]> {
  const text = await readFile(fileURLToPath(new URL('docs/case-engine.md', root)), 'utf8')
  const [, section = ''] = text.split('## What is different from the old engine\n')
  const [bullets = ''] = section.split('\n## ')
  return bullets.split('\n').flatMap((line) => (line.startsWith('- ') ? [line.slice(2)] : []))
}
