import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openDatabase } from '../../platform/postgres.ts'
import { createPostgresEventStore, eventStoreMigration } from '../../platform/event-store/postgres.ts'
import { migrate } from '../../platform/migrations.ts'
import { claimDatabase } from '../../platform/single.ts'
import { projections } from '../../projections/all.ts'
import { createProjectionEngine } from '../../projections/engine.ts'
import { runCommand, temporaryFolder } from '../support/command.ts'
import { type EventLog, newEventLog } from '../support/event-log.ts'
import { caller, login } from '../support/platform.ts'
import { freshDatabase } from '../support/postgres.ts'
import { quiet } from '../support/quiet.ts'

const ADMIN = { username: 'admin', password: 'admin-password' }
const all = projections.map(({ name }) => name)
const switchedOnce = (names: readonly string[], from: number): string =>
  names.map((name) => `  ${name.padEnd(14)} generation ${from} -> ${from + 1}\n`).join('')

describe('npm run rebuild', () => {
  const folder = temporaryFolder()
  let eventLog: EventLog
  let environment: Readonly<Record<string, string>>
  beforeAll(async () => {
    eventLog = await newEventLog()
    environment = { DATA_DIR: `${folder.path}/data`, PORT: '0', LOG_LEVEL: 'warn', ...eventLog.environment }
  })
  afterAll(() => eventLog.stop())
  const start = () =>
    runCommand('scripts/start.ts', [], { cwd: folder.path, env: { ...environment, ADMIN_PASSWORD: ADMIN.password } })
  const rebuild = (...names: string[]) =>
    runCommand('scripts/rebuild.ts', names, { cwd: folder.path, env: environment }).ended
  /** Of a platform that is asked for the projects. */
  async function projectsOf(platform: ReturnType<typeof start>) {
    const [, url = ''] = await platform.said(/ready at (http\S+)/)
    let token = ''
    const call = caller(
      () => url,
      () => token,
    )
    token = await login(call, ADMIN)
    return {
      create: (name: string) => call('POST', '/api/testPro/projects/', { name, leader: 'torin' }),
      names: async () => {
        const { body } = await call('GET', '/api/testPro/projects/')
        return (body as { name: string }[]).map(({ name }) => name)
      },
    }
  }

  test('makes no database where there is none', async () => {
    expect(await rebuild()).toMatchObject({ code: 1, errors: expect.stringContaining('does not exist') })
  })

  test('beside a running platform, then without one, switches to rows that are the same', async () => {
    const platform = start()
    const projects = await projectsOf(platform)
    await projects.create('小小电商')
    await projects.create('大电商')

    const beside = await rebuild()
    expect(beside).toMatchObject({ code: 0, errors: '' })
    expect(beside.output).toContain(`Rebuilding ${all.join(', ')} by the running platform\n${switchedOnce(all, 1)}`)
    expect(beside.output).toMatch(new RegExp(`Switched ${all.length} of ${all.length} in \\d+\\.\\d\\d s\n$`))
    expect(await projects.names()).toEqual(['小小电商', '大电商'])
    await projects.create('写在重建之后')
    expect(await projects.names()).toEqual(['小小电商', '大电商', '写在重建之后'])
    platform.signal('SIGTERM')
    expect(await platform.ended).toMatchObject({ code: 0 })

    const offline = await rebuild('projects', 'users')
    expect(offline).toMatchObject({ code: 0, errors: '' })
    expect(offline.output).toContain(
      `Rebuilding projects, users here, for no platform runs\n${switchedOnce(['projects', 'users'], 2)}Switched 2 of 2`,
    )

    const two = await Promise.all([rebuild('cases'), rebuild('cases')])
    expect(two).toMatchObject([
      { code: 0, errors: '' },
      { code: 0, errors: '' },
    ])
    expect(
      two.map(({ output }) => /generation \d -> (\d)/.exec(output)?.[1]).toSorted((a, b) => Number(a) - Number(b)),
    ).toEqual(['3', '4'])

    const again = start()
    expect(await (await projectsOf(again)).names()).toEqual(['小小电商', '大电商', '写在重建之后'])
    again.signal('SIGTERM')
    expect(await again.ended).toMatchObject({ code: 0 })
  }, 180_000)

  test('a name that no read model has is refused, and nothing is built', async () => {
    const { code, output, errors } = await rebuild('projects', 'sagas')
    expect({ code, output }).toEqual({ code: 2, output: '' })
    expect(errors).toBe(`There is no read model sagas. There are: ${all.join(', ')}\n`)
  })
})

test('npm run rebuild beside roles of which none is a projector says so, and is done when one starts', async () => {
  const database = await freshDatabase()
  const db = await openDatabase({ connection: database.url, log: quiet })
  await migrate(db, [eventStoreMigration])
  const store = createPostgresEventStore({ db, log: quiet })
  const engine = () => createProjectionEngine({ db, store, projections, log: quiet })
  const before = engine()
  await before.start()
  await before.stop()
  const claim = await claimDatabase(db, { alone: false, log: quiet })
  const env = { DATABASE_URL: database.url, JWT_SECRET: 'a'.repeat(64), MASTER_KEY: 'a'.repeat(64) }
  const rebuilding = runCommand('scripts/rebuild.ts', ['users', 'cases'], { cwd: '/', env })
  await rebuilding.said(/No projector seems to run: nobody has taken up cases, users\n.*The request is kept/)
  const projector = engine()
  await projector.start()
  expect(await rebuilding.ended).toMatchObject({
    code: 0,
    errors: '',
    output: expect.stringContaining('Switched 2 of 2'),
  })
  await projector.stop()
  await claim.release()
  await store.stop()
  await db.close()
  await database.drop()
}, 60_000)
