import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Recorded } from '../../contracts/core.ts'
import { createEsdbEventStore } from '../../platform/event-store/esdb.ts'
import { type Ended, runCommand } from '../support/command.ts'
import { type EsdbDouble, startEsdbDouble } from '../support/esdb-double.ts'
import { eventsThere, type OpenedLog } from '../support/event-log.ts'
import { startProcess, tryStart } from '../support/platform-process.ts'
import { quiet } from '../support/quiet.ts'

/** EventStoreDB comes back from its backup, which is a little older than what the database has read from it. */

const PROJECTS = '/api/testPro/projects/'

let dataDir: string
let lost: EsdbDouble
let restored: EsdbDouble
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'testledger-restored-'))
  ;[lost, restored] = await Promise.all([startEsdbDouble(), startEsdbDouble()])
})
afterEach(async () => {
  await Promise.all([lost.stop(), restored.stop()])
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
})

const on = ({ url }: EsdbDouble): Record<string, string> => ({ EVENT_STORE: 'esdb', EVENTSTOREDB_URL: url })

const rebuild = (double: EsdbDouble): Promise<Ended> =>
  runCommand('scripts/rebuild.ts', [], { cwd: dataDir, env: { DATA_DIR: dataDir, ...on(double) } }).ended

async function within<T>(double: EsdbDouble, work: (store: OpenedLog) => Promise<T>): Promise<T> {
  const store = createEsdbEventStore({ url: double.url, log: quiet })
  try {
    return await work(store)
  } finally {
    await store.stop()
  }
}

/** What was in the backup: all that came before `last`. */
async function restoreBefore(last: (event: Recorded) => boolean): Promise<void> {
  const events = await within(lost, eventsThere)
  await within(restored, async (store) => {
    for (const { stream, revision, ...event } of events.slice(0, events.findIndex(last))) {
      await store.append(stream, revision === 0n ? 'none' : revision - 1n, [event])
    }
  })
}

test('the platform refuses it, a rebuild takes it as it is, and then the platform goes on', async () => {
  const before = await startProcess(dataDir, on(lost))
  const create = (name: string) => before.call('POST', PROJECTS, { name, leader: 'torin' })
  expect([(await create('在备份里')).body.id, (await create('备份之后')).body.id]).toEqual([1, 2])
  await before.end('SIGTERM')
  await restoreBefore(({ stream }) => stream === 'project-2')

  const refused = { code: 1, said: expect.stringMatching(/restored from a backup.*npm run rebuild/) }
  expect(await tryStart(dataDir, on(restored))).toMatchObject(refused)
  expect(await tryStart(dataDir, on(restored))).toMatchObject(refused)
  const { code, output, errors } = await rebuild(restored)
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  expect(output).toContain('EventStoreDB was restored')

  const after = await startProcess(dataDir, on(restored))
  const names = async (): Promise<string[]> =>
    ((await after.call('GET', PROJECTS)).body as { name: string }[]).map(({ name }) => name)
  expect(await names()).toEqual(['在备份里'])
  expect((await after.call('POST', PROJECTS, { name: '恢复之后', leader: 'torin' })).status).toBe(201)
  expect(await names()).toEqual(['在备份里', '恢复之后'])
  expect(await after.end('SIGTERM')).toBe(0)
}, 180_000)

test('one that came back empty is refused, by a rebuild too, and nothing is forgotten', async () => {
  const before = await startProcess(dataDir, on(lost))
  await before.call('POST', PROJECTS, { name: '还在', leader: 'torin' })
  await before.end('SIGTERM')

  const words = expect.stringContaining("a log without this database's events")
  expect(await tryStart(dataDir, on(restored))).toMatchObject({ code: 1, said: words })
  expect(await rebuild(restored)).toMatchObject({ code: 1, errors: words })
  expect(await within(restored, eventsThere)).toEqual([])

  const after = await startProcess(dataDir, on(lost))
  expect((await after.call('GET', PROJECTS)).body).toMatchObject([{ name: '还在' }])
  expect(await after.end('SIGTERM')).toBe(0)
}, 180_000)
