import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DEFAULT_FOLDER } from '../../scripts/old-engine/old-engine.ts'
import type { Bench } from '../measurement.ts'
import { temporaryFolder } from '../program.ts'
import { hurlFile, oldEngineSuite, postmanCollection, type Wanted } from './workload.ts'

/** An engine to compare with. `run` does a scene in a process of its own and rejects when a case fails. */
export type Rival = Readonly<{ name: string; scripts: boolean; run(wanted: Wanted, target: string): Promise<void> }>

/** One that is not here, and why. */
export type Absent = Readonly<{ name: string; why: string }>

const BENCH = fileURLToPath(new URL('..', import.meta.url))
const NEWMAN = join(BENCH, 'node_modules/newman/bin/newman.js')
const run = promisify(execFile)

/** What of newman, ApiTestEngine and hurl is here. Newman is installed on first use, the others never are. */
export async function findRivals(
  bench: Bench,
): Promise<Readonly<{ rivals: readonly Rival[]; absent: readonly Absent[] }>> {
  const found = await Promise.all([findOldEngine(bench), findNewman(bench), findHurl(bench)])
  return {
    rivals: found.filter((each) => 'run' in each),
    absent: found.filter((each) => 'why' in each),
  }
}

async function findNewman(bench: Bench): Promise<Rival | Absent> {
  const name = 'newman'
  try {
    if (!existsSync(NEWMAN)) {
      console.error('installing newman for this bench …')
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: BENCH })
    }
    const { stdout } = await run(process.execPath, [NEWMAN, '--version'])
    return {
      name: `${name} ${stdout.trim()}`,
      scripts: true,
      run: async (wanted, target) => {
        const file = await fileOf(bench, JSON.stringify(postmanCollection(wanted, target)))
        await perform(process.execPath, [NEWMAN, 'run', file, '--silent'])
      },
    }
  } catch (error) {
    return { name, why: lastLine(error) }
  }
}

/** In the Python that BENCH_PYTHON names, else in what `scripts/old-engine/setup` makes. */
async function findOldEngine(bench: Bench): Promise<Rival | Absent> {
  const name = 'ApiTestEngine'
  const python = process.env['BENCH_PYTHON'] || join(DEFAULT_FOLDER, 'bin/python')
  try {
    const version = "from importlib.metadata import version; print(version('ApiTestEngine'))"
    const { stdout } = await run(python, ['-c', version])
    return {
      name: `${name} ${stdout.trim()}`,
      scripts: true,
      run: async (wanted, target) => {
        const file = await fileOf(bench, JSON.stringify(oldEngineSuite(wanted, target)))
        await perform(python, [join(BENCH, 'scene/old-engine.py'), file])
      },
    }
  } catch (error) {
    return { name, why: `${lastLine(error)}; scripts/old-engine/setup installs it, BENCH_PYTHON names another Python` }
  }
}

async function findHurl(bench: Bench): Promise<Rival | Absent> {
  const name = 'hurl'
  try {
    const { stdout } = await run('hurl', ['--version'])
    return {
      name: stdout.split(' ').slice(0, 2).join(' '),
      scripts: false,
      run: async (wanted, target) => perform('hurl', [await fileOf(bench, hurlFile(wanted, target))]),
    }
  } catch (error) {
    return { name, why: lastLine(error) }
  }
}

async function fileOf(bench: Bench, text: string): Promise<string> {
  const file = join(await temporaryFolder(bench), 'scene')
  await writeFile(file, text)
  return file
}

/** What it prints goes nowhere, but for errors. */
async function perform(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let told = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(-2_000)))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${told}`)
}

function lastLine(error: unknown): string {
  return (error as Error).message.trim().split('\n').at(-1) ?? ''
}
