import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { type Platform, startPlatform } from '../main.ts'
import { type Config, readConfig } from '../platform/config.ts'
import { DataDirectoryInUse, lockDataDirectory } from '../platform/data-directory.ts'
import { createLogger } from '../platform/logger.ts'
import { openShop, type Shop } from './demo/shop.ts'
import {
  CASES,
  ENVIRONMENT,
  FILE,
  type FlowOutcome,
  INTERFACES,
  PROJECT,
  SCENES,
  surprises,
  TASK,
  type TaskOutcome,
} from './demo/story.ts'
import { heading, made, verdict } from './demo/transcript.ts'

/** What the demo makes stays there, and the next demo adds to it; `npm start` has a folder of its own. */
const DATA_DIR = '.data/demo'

const USER = 'admin'

/**
 * `npm run demo`: a shop and the platform are started, a flow is made over REST and run against the shop: it registers, logs in, orders,
 * uploads a file, and its last case finds a defect. A task runs it beside a second flow, and leaves a record and a report to read. Then the
 * platform goes on until Ctrl-C; with `--once` it stops by itself. Exits 1 when anything went otherwise than it should.
 */
export async function main(args: readonly string[]): Promise<void> {
  if (args.some((arg) => arg !== '--once')) {
    console.error('npm run demo [-- --once]')
    process.exit(2)
  }
  const stopped = Promise.withResolvers<undefined>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopped.resolve(undefined))
  let shop: Shop | undefined
  let platform: Platform | undefined
  let problems: readonly string[] = []
  try {
    const config = configOf(process.env)
    const password = await ownPassword(config)
    shop = await openShop()
    platform = await startPlatform({ ...config, admin: { username: USER, password } }, createLogger(config.logLevel))
    await platform.ready

    const surprised = await Promise.race([tell(platform.url, shop, password), stopped.promise])
    const once = args.includes('--once')
    problems = surprised ?? (once ? ['it was interrupted'] : [])
    if (surprised?.length === 0 && !once) {
      farewell(platform.url, config, password)
      const failure = await Promise.race([stopped.promise, platform.failed])
      if (failure !== undefined) problems = [failure]
    }
  } catch (error) {
    problems = [reasonOf(error)]
  }
  await platform?.stop()
  await shop?.stop()
  for (const problem of problems) console.error(`The demo went wrong: ${problem}`)
  process.exit(problems.length === 0 ? 0 : 1)
}

function reasonOf(error: unknown): string {
  if (error instanceof DataDirectoryInUse) return `another demo is running, process ${error.pid}`
  return error instanceof Error ? error.message : String(error)
}

/** A database and keys of its own, whatever is set for `npm start`. Any port that is free, unless PORT asks for one. */
function configOf({ PORT, HOST, LOG_LEVEL, TIME_ZONE }: NodeJS.ProcessEnv): Config {
  return readConfig({ DATA_DIR, PORT: PORT || '0', HOST, LOG_LEVEL: LOG_LEVEL || 'warn', TIME_ZONE })
}

function passwordFile({ dataDir }: Config): string {
  return join(dataDir, 'admin-password')
}

/** The password of the demo's user, kept before there is such a user: a start that fails afterwards loses nothing. */
async function ownPassword(config: Config): Promise<string> {
  const lock = await lockDataDirectory(config.dataDir)
  try {
    const kept = await readFile(passwordFile(config), 'utf8').catch(() => '')
    if (kept.trim() !== '') return kept.trim()
    const password = randomBytes(12).toString('base64url')
    await writeFile(passwordFile(config), `${password}\n`, { mode: 0o600 })
    return password
  } finally {
    await lock.release()
  }
}

/** Makes and runs what the story tells, and prints it. Answers what went otherwise than it should. */
async function tell(url: string, shop: Shop, password: string): Promise<readonly string[]> {
  heading('Started')
  console.log(`  the shop under test   ${shop.url}  (${shop.name})`)
  console.log(`  Testledger            ${url}  (data in ${DATA_DIR})`)
  const { token } = await post<{ token: string }>(url, '/api/users/login/', { username: USER, password }).catch(
    (error: unknown) => {
      throw new Error(`the password in ${DATA_DIR}/admin-password is no longer ${USER}'s: delete ${DATA_DIR}`, {
        cause: error,
      })
    },
  )
  const create = <T = { id: number }>(path: string, body: object): Promise<T> => post<T>(url, path, body, token)

  heading('Created over REST')
  const project = await create('/api/testPro/projects/', PROJECT)
  made('project', project.id, PROJECT.name)
  const env = await create('/api/testPro/envs/', { ...ENVIRONMENT, host: shop.url, project: project.id })
  made('environment', env.id, `${ENVIRONMENT.name}, ${shop.url}`)
  const interfaces: number[] = []
  for (const each of INTERFACES) {
    const { id } = await create('/api/TestInterFace/interfaces/', { ...each, project: project.id })
    interfaces.push(id)
    made('interface', id, `${each.name}, ${each.method.toUpperCase()} ${each.url}`)
  }
  const file = await upload(url, project.id, token)
  made('file', file.id, file.info[0])
  const cases: number[] = []
  for (const { interface: nth, content } of CASES) {
    const { id } = await create('/api/TestInterFace/cases/', { ...content, interface: interfaces[nth] })
    cases.push(id)
    made('case', id, content.title)
  }
  const scenes: number[] = []
  for (const { name, cases: places } of SCENES) {
    const { id } = await create('/api/testFlow/scenes/', { name, project: project.id })
    for (const [sort, place] of places.entries()) {
      await create('/api/testFlow/icases/', { icase: cases[place], scene: id, sort })
    }
    scenes.push(id)
    made('flow', id, `${name}, of ${places.length} cases`)
  }
  const task = await create('/api/testTask/tasks/', { ...TASK, scenes, project: project.id })
  made('task', task.id, `${TASK.name}, of both flows, ${TASK.concurrency} at a time`)

  heading('The first flow is run (the first script waits until the Python sandbox is up)')
  const flow = await create<FlowOutcome>('/api/testFlow/scenes/run/', { env: env.id, scene: scenes[0] })
  for (const each of flow.cases) verdict(each)
  summed(flow)
  console.log(`  report: ${url}/api/testTask/report/${flow.record}/`)

  heading('The task is run, as CI would every night')
  const build = { build: '1042', branch: 'main' }
  const ran = await create<TaskOutcome>('/api/testTask/tasks/run/', { env: env.id, task: task.id, ...build })
  for (const { name, all, success } of ran.results) console.log(`  ${name}: ${success} of ${all} 成功`)
  summed(ran)
  const record = await read(url, `/api/testTask/records/${ran.record}/`, token)
  console.log(`  record: ${url}/api/testTask/records/${ran.record}/`)
  console.log(`          ${await record.text()}`)
  const html = join(DATA_DIR, `report-${ran.record}.html`)
  await writeFile(html, await (await read(url, `/api/testTask/report/${ran.record}/?export=html`, token)).bytes())
  console.log(`  HTML report, to open in a browser: ${resolve(html)}`)
  return [flow, ...ran.results].flatMap(({ name, cases: outcomes }) =>
    SCENES.filter((scene) => scene.name === name).flatMap((scene) => surprises(scene, outcomes)),
  )
}

function summed({ success, fail, error }: FlowOutcome): void {
  console.log(`\n  ${success} 成功, ${fail} 失败 (on purpose), ${error} 错误`)
}

/** Uploads the file that the flow sends on to the shop (seed 000 四.3.2). */
async function upload(url: string, project: number, token: string): Promise<{ id: number; info: readonly [string] }> {
  const form = new FormData()
  form.set('project', String(project))
  form.set('file', new File([FILE.text], FILE.name, { type: FILE.type }))
  return sent(url, '/api/testPro/files/', { body: form, headers: { Authorization: `Bearer ${token}` } })
}

async function read(url: string, path: string, token: string): Promise<Response> {
  const response = await fetch(url + path, { headers: { Authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`)
  return response
}

async function post<T>(url: string, path: string, body: object, token?: string): Promise<T> {
  return sent(url, path, {
    headers: { 'Content-Type': 'application/json', ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  })
}

/** One REST call; throws with the platform's own words when it refuses. */
async function sent<T>(url: string, path: string, request: RequestInit): Promise<T> {
  const response = await fetch(url + path, { method: 'POST', ...request })
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}

function farewell(url: string, config: Config, password: string): void {
  const file = relative('.', passwordFile(config))
  const [shown, where] = process.stdout.isTTY ? [password, password] : [`$(cat ${file})`, `in ${file}`]
  const body = `{\\"username\\": \\"${USER}\\", \\"password\\": \\"${shown}\\"}`
  heading('The platform goes on until Ctrl-C')
  console.log(`  documentation  ${url}/docs/`)
  console.log(`  log in         user ${USER}, password ${where}`)
  console.log(`                 curl -s ${url}/api/users/login/ -H 'Content-Type: application/json' -d "${body}"`)
}
