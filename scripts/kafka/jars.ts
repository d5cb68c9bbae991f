import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DataDirectoryInUse, lockDataDirectory } from '../../platform/data-directory.ts'

const run = promisify(execFile)

const POM = new URL('pom.xml', import.meta.url).pathname
/** In the checkout, and ignored by git: what was fetched once serves every run. */
const CACHE = new URL('../../.cache/kafka', import.meta.url).pathname
const OLDEST_JAVA = 17
/** Milliseconds that a slow repository has for some fifty files. */
const PATIENCE = 300_000

/** No broker can be run on this machine; the message says what is missing. */
export class NoKafka extends Error {}

/**
 * The folder with the jars of a Kafka broker: fetched by Maven from whatever repository it is told of, once for a checkout.
 * @throws NoKafka when Java or Maven is missing or the jars cannot be had
 */
export async function kafkaJars(): Promise<string> {
  await checkJava()
  const folder = join(CACHE, await version())
  if (existsSync(folder)) return folder
  const lock = await lockCache()
  try {
    // Somebody else may have fetched them meanwhile.
    if (!existsSync(folder)) await fetchInto(folder)
    return folder
  } finally {
    await lock.release()
  }
}

async function checkJava(): Promise<void> {
  const { stderr } = await run('java', ['-version']).catch(() => ({ stderr: '' }))
  const found = Number.parseInt(/version "(\d+)/.exec(stderr)?.[1] ?? '')
  if (!(found >= OLDEST_JAVA)) throw new NoKafka(`Java ${OLDEST_JAVA} or later is not installed`)
}

async function version(): Promise<string> {
  const pom = await readFile(POM, 'utf8')
  return /<artifactId>kafka_[\d.]+<\/artifactId>\s*<version>([\d.]+)</.exec(pom)?.[1] ?? 'unknown'
}

/** Waits until no other process fetches: Maven's own store of files bears one at a time. */
async function lockCache(): Promise<Awaited<ReturnType<typeof lockDataDirectory>>> {
  for (;;) {
    try {
      return await lockDataDirectory(CACHE)
    } catch (error) {
      if (!(error instanceof DataDirectoryInUse)) throw error
      await pause(100)
    }
  }
}

async function fetchInto(folder: string): Promise<void> {
  const partial = await mkdtemp(`${folder}-`)
  const goals = ['dependency:copy-dependencies', `-DoutputDirectory=${partial}`, '-DincludeScope=runtime']
  try {
    await run('mvn', ['-q', '-B', '-f', POM, ...goals], { timeout: PATIENCE })
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw new NoKafka(reasonOf(error))
  }
}

function reasonOf(error: unknown): string {
  const { code, stdout, message } = error as { code?: unknown; stdout?: string; message: string }
  if (code === 'ENOENT') return 'Maven (mvn) is not installed'
  const [said] = /^\[ERROR\].*$/m.exec(stdout ?? '') ?? []
  return `the jars of Kafka cannot be fetched: ${(said ?? message).slice(0, 300)}`
}
