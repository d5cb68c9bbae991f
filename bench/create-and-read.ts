import { connect, type Send } from './client.ts'
import { startDatabases } from './database.ts'
import { atLeast, type Bench, type Figure, number } from './measurement.ts'
import { startPlatformProcess } from './platform.ts'
import { startProgram, urlOfServer } from './program.ts'
import { inTurns, round, type Round, tell } from './rounds.ts'

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
    const side = (url: string): ((warming: boolean) => Promise<Round>) => {
      const send = connect(bench, url, clients, platform.token)
      return () => round(clients, seconds, () => createThenRead(send, Number(project)))
    }
    const compared = await inTurns(bench.quick ? 1 : 5, { ours: side(platform.url), bare: side(bare) })
    const what = `create an interface and read it back, ${count(clients)}`
    const ratio = `${what}: rate, of the bare route's`
    const aim = AIMS[clients]
    figures.push(
      aim === undefined ? { what: ratio, reached: number(compared.ratio) } : atLeast(ratio, compared.ratio, aim),
      { what: `${what}: platform`, reached: tell(compared.ours) },
      { what: `${what}: bare koa and pg`, reached: tell(compared.bare) },
    )
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

function count(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`
}
