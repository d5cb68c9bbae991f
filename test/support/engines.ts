import { afterEach, beforeEach } from '@jest/globals'
import {
  createProjectionEngine,
  type ProjectionEngine,
  type ProjectionEngineOptions,
} from '../../projections/engine.ts'
import { accountsProjection, countsProjection, type Ledger, openLedger } from './ledger.ts'
import { freshDatabase, type TestDatabase } from './postgres.ts'
import { quiet } from './quiet.ts'

export const projections = [accountsProjection, countsProjection]

/** Projection engines over a ledger, in a database of their own for each test of the file, which are ended after it. */
export function enginesOnLedger(defaults: Partial<ProjectionEngineOptions>): Readonly<{
  /** That of the test that runs, and the URL of its database. */
  ledger: Omit<Ledger, 'close'> & Readonly<{ url: string }>
  engineOf(options?: Partial<ProjectionEngineOptions>): ProjectionEngine
  started(options?: Partial<ProjectionEngineOptions>): Promise<ProjectionEngine>
}> {
  let fresh: TestDatabase | undefined
  let ledger: Ledger | undefined
  let engines: ProjectionEngine[] = []

  beforeEach(async () => {
    fresh = await freshDatabase()
    ledger = await openLedger(fresh.url)
  })
  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop()))
    engines = []
    await ledger?.close()
    await fresh?.drop()
  })

  function engineOf(options: Partial<ProjectionEngineOptions> = {}): ProjectionEngine {
    const { db, store } = opened(ledger)
    const engine = createProjectionEngine({
      db,
      store,
      projections,
      log: quiet,
      pollMilliseconds: 50,
      ...defaults,
      ...options,
    })
    engines.push(engine)
    return engine
  }

  return {
    ledger: {
      get url() {
        return opened(fresh).url
      },
      get db() {
        return opened(ledger).db
      },
      get store() {
        return opened(ledger).store
      },
      write: (count) => opened(ledger).write(count),
      say: (type, data) => opened(ledger).say(type, data),
    },
    engineOf,
    async started(options) {
      const engine = engineOf(options)
      await engine.start()
      return engine
    },
  }
}

function opened<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is a ledger only while a test runs')
  return value
}
