import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Json, stringifyJson } from '../../contracts/json.ts'
import { normalised, type ObservedScene } from '../../test/old-engine/observed.ts'
import { sceneFor, type Scene } from '../../test/old-engine/scene.ts'
import { NEXT_CASE, startTarget } from '../../test/old-engine/target.ts'

/** ApiTestEngine 1.0.3 in a Python process of its own. Scenes run one after the other. */
export type OldEngine = Readonly<{
  run: (scene: Scene) => Promise<ObservedScene & Readonly<{ crash?: string }>>
  stop: () => Promise<void>
}>

/** Where `scripts/old-engine/setup` puts it. */
export const DEFAULT_FOLDER = join(tmpdir(), 'testledger-old-engine')

type Answered = Readonly<{
  crash?: string
  cases: readonly Readonly<Record<string, unknown>>[]
  env: Readonly<Record<string, string>>
  ENV: Readonly<Record<string, string>>
}>

export function startOldEngine(folder: string): OldEngine {
  const python = join(folder, 'bin', 'python')
  if (!existsSync(python)) throw new Error(`${python} is not there: run scripts/old-engine/setup ${folder}`)
  const driver = fileURLToPath(new URL('driver.py', import.meta.url))
  // No proxy, no locale and no .netrc of whoever records; sets are printed in one order.
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', LANG: 'C.UTF-8', TZ: 'UTC', PYTHONHASHSEED: '0' }
  const child = spawn(python, [driver], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  return {
    async run(scene) {
      const target = await startTarget(scene.answers)
      try {
        const { debug, ENV, globalFunc, files, cases } = sceneFor(scene, target)
        const asked = new Map<string, Json>([
          ['address', target.address],
          ['next_case', NEXT_CASE],
          ['debug', debug],
          ['ENV', ENV],
          ['global_func', globalFunc],
          ['files', new Map([...files].map(([path, bytes]) => [path, bytes.toString('base64')]))],
          ['cases', cases],
        ])
        child.stdin.write(`${stringifyJson(asked)}\n`)
        const { value, done } = await lines.next()
        if (done === true) throw new Error(`the old engine has ended in scene ${scene.name}`)
        const { crash, cases: results, env, ENV: left } = JSON.parse(value) as Answered
        const sent = target.sent()
        const seen = { cases: results.map((result, index) => ({ result, sent: sent[index] ?? [] })), env, ENV: left }
        return { ...(crash !== undefined && { crash }), ...normalised(seen, target) }
      } finally {
        await target.stop()
      }
    },
    async stop() {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
