import { connect, type Send } from './client.ts'
import { startDatabases } from './database.ts'
import type { Bench, Figure } from './measurement.ts'
import { startPlatformProcess } from './platform.ts'
import { startProgram, urlOfServer } from './program.ts'
import { count, inTurns, round, type Round, tellCompared } from './rounds.ts'

const PATH = '/api/TestInterFace/interfaces/'

/** Of the bare route's rate, by clients. */
const AIMS: Readonly<Record<number, number>> = { 16: 0.75, 64: 1 }

/**
 * An interface is created over REST and read back at once, on the platform and on a bare koa and pg route, each in a process of its
 * own, with databases on one server. One a second is one POST and the GET after it.
 */
export async function createAndRead(bench: Bench): Promise<readonly Figure[]> {
  const databases = await startDatabases(bench)
  const platform = await startPlatformProcess(bench, await databases.fresh('platform'))
  const bare = await urlOfServer(
    await startProgram(bench, 'bench/bare-route.ts', { DATABASE_URL: await databases.fresh('bare') }),
  )
  const { id: project } = await connect(bench, platform.url, 1, platform.token)('POST', '/api/testPro/projects/', 201, {
    name: '商城',
    leader: 'torin',
  })

  const figures: Figure[] = []
  const seconds = bench.quick ? 0.5 : 4
  for (const clients of [1, 16, 64]) {
    const side = (url: string): (() => Promise<Round>) => {
      const send = connect(bench, url, clients, platform.token)
      return () => round(clients, seconds, () => createThenRead(send, Number(project)))
    }
    const compared = await inTurns(bench.quick ? 1 : 5, { ours: side(platform.url), bare: side(bare) })
    const names = {
      what: `create an interface and read it back, ${count(clients, 'client')}`,
      ours: 'the platform, which logs to a file',
      bare: 'a bare koa and pg route',
    }
    figures.push(...tellCompared(names, compared, AIMS[clients]))
  }
  return figures
}

async function createThenRead(send: Send, project: number): Promise<void> {
  const { id } = await send('POST', PATH, 201, {
    name: '登录',
    url: '/users/login/',
    method: 'post',
    type: '1',
    project,
  })
  const read = await send('GET', `${PATH}${String(id)}/`, 200)
  if (read['id'] !== id) throw new Error(`interface ${String(id)} was read as ${JSON.stringify(read)}`)
}
