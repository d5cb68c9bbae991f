import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from '@jest/globals'

/** The import rules see what they are there for: each violation is planted, and named. */

const run = promisify(execFile)
const root = new URL('..', import.meta.url).pathname
const planted: string[] = []

/** Plants a file in a folder of its own below `layer`, and answers the rules that it breaks. */
async function brokenBy(layer: string, source: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(root, layer, 'planted-'))
  planted.push(folder)
  const file = join(folder, 'violation.ts')
  await writeFile(file, source)
  const args = ['node_modules/.bin/depcruise', '--config', '.dependency-cruiser.cjs']
  const { stdout } = await run(process.execPath, [...args, '--output-type', 'json', relative(root, file)], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '' },
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => error as { stdout: string })
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } }
  return summary.violations.filter(({ from }) => from.includes('planted-')).map(({ rule }) => rule.name)
}

afterAll(() => Promise.all(planted.map((folder) => rm(folder, { recursive: true, force: true }))))

describe('import rules', () => {
  test.each([
    [
      'contracts',
      "import { createBlobs } from '../../platform/blobs.ts'\nexport { createBlobs }\n",
      'contracts-imports-upwards',
    ],
    [
      'platform',
      "import type { Folds } from '../../services/commands/folds.ts'\nexport type { Folds }\n",
      'platform-imports-upwards',
    ],
    [
      'projections',
      "import { Folds } from '../../services/commands/folds.ts'\nexport { Folds }\n",
      'projections-imports-upwards',
    ],
    [
      'services',
      "import { createApp } from '../../gateway/app.ts'\nexport { createApp }\n",
      'services-imports-upwards',
    ],
    ['cli', "import { pino } from 'pino'\nexport { pino }\n", 'client-stands-alone'],
    ['cli', "import { Rejected } from '../../contracts/core.ts'\nexport { Rejected }\n", 'client-stands-alone'],
    ['services', "import pg from 'pg'\nexport { pg }\n", 'pg-in-one-place'],
    ['gateway', "import { request } from 'undici'\nexport { request }\n", 'undici-in-one-place'],
    ['services', "import { loadPyodide } from 'pyodide'\nexport { loadPyodide }\n", 'pyodide-in-one-place'],
    [
      'gateway',
      "import { createProjectionEngine } from '../../projections/engine.ts'\nexport { createProjectionEngine }\n",
      'gateway-and-services-use-queries-alone',
    ],
    ['services', "import { jest } from '@jest/globals'\nexport { jest }\n", 'no-development-dependencies'],
    ['services', "import { nothing } from './nowhere.ts'\nexport { nothing }\n", 'no-unknown-modules'],
  ])('%s: %j breaks %s', async (layer, source, rule) => {
    expect(await brokenBy(layer, source)).toContain(rule)
  })

  test('a type of an outside client may be named anywhere', async () => {
    expect(await brokenBy('services', "import type { Pool } from 'pg'\nexport type { Pool }\n")).toEqual([])
  })
})
