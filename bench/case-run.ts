import { setTimeout as pause } from 'node:timers/promises'
import { connect, type Send } from './client.ts'
import { startDatabases } from './database.ts'
import { type Bench, type Figure, number } from './measurement.ts'
import { tellMemory } from './memory.ts'
import { startPlatformProcess } from './platform.ts'
import { startProgram, urlOfServer } from './program.ts'
import { round, spread, tell } from './rounds.ts'

/** Milliseconds between two runs of someone who reads what came out: the sandbox of the next is warm by then. */
const READING = 700

const SCRIPT = `body = response.json()
test.assertion('相等', 201, response.status_code)
test.assertion('包含', 'username', body)
test.save_env_variable('user_id', body['id'])
print(body['username'])
`

/** A saved case with a script of five lines is run over REST against a service on this machine, with warm sandboxes. */
export async function caseRun(bench: Bench): Promise<readonly Figure[]> {
  const databases = await startDatabases(bench)
  const platform = await startPlatformProcess(bench, await databases.fresh('platform'))
  const target = await urlOfServer(await startProgram(bench, 'bench/target.ts', {}))
  const send = connect(bench, platform.url, 4, platform.token)
  const run = await preparedRun(send, target)
  // The first makes the snapshot that sandboxes start from.
  for (let nth = 0; nth < 4; nth++) await run()

  const times: number[] = []
  for (let nth = 0; nth < (bench.quick ? 3 : 100); nth++) {
    await pause(READING)
    const started = performance.now()
    await run()
    times.push(performance.now() - started)
  }
  const { p50, p99 } = spread(times)
  const seconds = bench.quick ? 1 : 20
  const sequential = await round(1, seconds, run)
  const together = await round(4, seconds, run)
  await pause(READING * 4)
  const what = 'run a case with a script of five lines'
  return [
    { what: `${what}, now and then`, reached: `p50 ${number(p50)} ms, p99 ${number(p99)} ms` },
    { what: `${what}, one after the other`, reached: tell(sequential) },
    { what: `${what}, 4 at a time`, reached: tell(together) },
    ...tellMemory('memory with warm sandboxes, without the database', platform.pid),
  ]
}

/** Makes all that the case needs; what is answered runs it once and sees that it succeeded. */
async function preparedRun(send: Send, target: string): Promise<() => Promise<void>> {
  const create = async (path: string, body: object): Promise<number> =>
    Number((await send('POST', path, 201, body))['id'])
  const project = await create('/api/testPro/projects/', { name: '商城', leader: 'torin' })
  const env = await create('/api/testPro/envs/', { name: '本地', host: target, project })
  const owner = await create('/api/TestInterFace/interfaces/', {
    name: '注册',
    url: '/users/register/',
    method: 'post',
    type: '1',
    project,
  })
  const cases = await create('/api/TestInterFace/cases/', {
    title: '注册成功',
    interface: owner,
    headers: { 'Content-Type': 'application/json' },
    request: { json: { username: 'musen', password: '123456' } },
    file: [],
    setup_script: '',
    teardown_script: SCRIPT,
  })
  return async () => {
    const result = await send('POST', '/api/TestInterFace/cases/run/', 200, { env, cases })
    if (result['state'] !== '成功') throw new Error(`the case came to ${JSON.stringify(result)}`)
  }
}
