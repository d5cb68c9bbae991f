import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROLES, type Role } from '../../contracts/user.ts'
import type { Access, Route } from '../../gateway/rest/route.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/**
 * Who may call what: every route that is served, by everyone there can be. The table says it once more than the code does, so that
 * nothing is opened, or shut, by a slip.
 */

const CALLERS = ['nobody', ...ROLES, ...ROLES.map((role) => `machine of ${role}` as const)] as const
type Caller = (typeof CALLERS)[number]

const byRole = (...roles: Role[]): readonly Caller[] => roles.flatMap((role) => [role, `machine of ${role}` as const])

const EVERYONE: readonly Caller[] = CALLERS
const READERS = byRole('admin', 'tester', 'viewer')
const WRITERS = byRole('admin', 'tester')
const ADMINS = byRole('admin')
/** Whoever has logged in. */
const PEOPLE: readonly Caller[] = ROLES

const TABLE: Readonly<Record<string, readonly Caller[]>> = {
  'POST /api/users/login/': EVERYONE,
  'POST /api/users/token/refresh/': EVERYONE,
  'POST /api/users/token/verify/': EVERYONE,
  'POST /api/users/logout/': PEOPLE,
  'GET /api/users/tokens/': PEOPLE,
  'POST /api/users/tokens/': PEOPLE,
  'DELETE /api/users/tokens/:id/': PEOPLE,
  'GET /api/users/:id/tokens/': ADMINS,
  'DELETE /api/users/:id/tokens/:token/': ADMINS,
  'POST /api/users/register/': EVERYONE,
  'GET /api/users/me/': READERS,
  'PATCH /api/users/me/': PEOPLE,
  'GET /api/users/': ADMINS,
  'POST /api/users/': ADMINS,
  'PATCH /api/users/:id/': ADMINS,
  'GET /api/testPro/projects/': READERS,
  'POST /api/testPro/projects/': WRITERS,
  'GET /api/testPro/projects/:id/': READERS,
  'PUT /api/testPro/projects/:id/': WRITERS,
  'PATCH /api/testPro/projects/:id/': WRITERS,
  'DELETE /api/testPro/projects/:id/': WRITERS,
  'GET /api/testPro/envs/': READERS,
  'POST /api/testPro/envs/': WRITERS,
  'GET /api/testPro/envs/:id/': READERS,
  'PUT /api/testPro/envs/:id/': WRITERS,
  'PATCH /api/testPro/envs/:id/': WRITERS,
  'DELETE /api/testPro/envs/:id/': WRITERS,
  'GET /api/testPro/files/': READERS,
  'POST /api/testPro/files/': WRITERS,
  'GET /api/testPro/files/:id/': READERS,
  'GET /api/testPro/files/:id/download/': READERS,
  'DELETE /api/testPro/file/:id/': WRITERS,
  'DELETE /api/testPro/files/:id/': WRITERS,
  'GET /api/testPro/modules/': READERS,
  'POST /api/testPro/modules/': WRITERS,
  'GET /api/testPro/modules/:id/': READERS,
  'PUT /api/testPro/modules/:id/': WRITERS,
  'PATCH /api/testPro/modules/:id/': WRITERS,
  'DELETE /api/testPro/modules/:id/': WRITERS,
  'GET /api/TestInterFace/interfaces/': READERS,
  'POST /api/TestInterFace/interfaces/': WRITERS,
  'GET /api/TestInterFace/interfaces/:id/': READERS,
  'PUT /api/TestInterFace/interfaces/:id/': WRITERS,
  'PATCH /api/TestInterFace/interfaces/:id/': WRITERS,
  'DELETE /api/TestInterFace/interfaces/:id/': WRITERS,
  'GET /api/TestInterFace/cases/': READERS,
  'POST /api/TestInterFace/cases/': WRITERS,
  'GET /api/TestInterFace/cases/:id/': READERS,
  'PUT /api/TestInterFace/cases/:id/': WRITERS,
  'PATCH /api/TestInterFace/cases/:id/': WRITERS,
  'DELETE /api/TestInterFace/cases/:id/': WRITERS,
  'GET /api/testFlow/scenes/': READERS,
  'POST /api/testFlow/scenes/': WRITERS,
  'GET /api/testFlow/scenes/:id/': READERS,
  'PUT /api/testFlow/scenes/:id/': WRITERS,
  'PATCH /api/testFlow/scenes/:id/': WRITERS,
  'DELETE /api/testFlow/scenes/:id/': WRITERS,
  'GET /api/testFlow/icases/': READERS,
  'POST /api/testFlow/icases/': WRITERS,
  'GET /api/testFlow/icases/:id/': READERS,
  'PUT /api/testFlow/icases/:id/': WRITERS,
  'PATCH /api/testFlow/icases/:id/': WRITERS,
  'DELETE /api/testFlow/icases/:id/': WRITERS,
  'PATCH /api/testFlow/icases/order/': WRITERS,
  'GET /api/testTask/tasks/': READERS,
  'POST /api/testTask/tasks/': WRITERS,
  'GET /api/testTask/tasks/:id/': READERS,
  'PUT /api/testTask/tasks/:id/': WRITERS,
  'PATCH /api/testTask/tasks/:id/': WRITERS,
  'DELETE /api/testTask/tasks/:id/': WRITERS,
  'POST /api/TestInterFace/cases/run/': WRITERS,
  'POST /api/testFlow/scenes/run/': WRITERS,
  'POST /api/testTask/tasks/run/': WRITERS,
  'POST /api/testTask/records/:id/cancel/': WRITERS,
  'GET /api/testTask/records/': READERS,
  'GET /api/testTask/records/:id/': READERS,
  'GET /api/testTask/records/:id/progress/': READERS,
  'GET /api/testTask/report/:id/': READERS,
  'GET /api/testTask/report/:id/bodies/:flow/:index/:body/': READERS,
  'GET /api/bug/bugs/': READERS,
  'POST /api/bug/bugs/': WRITERS,
  'GET /api/bug/bugs/:id/': READERS,
  'PUT /api/bug/bugs/:id/': WRITERS,
  'PATCH /api/bug/bugs/:id/': WRITERS,
  'DELETE /api/bug/bugs/:id/': WRITERS,
  'GET /healthz/': EVERYONE,
  'GET /readyz/': EVERYONE,
  // From this machine: whom else its addresses and tokens let in is tried beside the route.
  'GET /metrics/': EVERYONE,
  'GET /openapi.json': EVERYONE,
  'GET /docs/': EVERYONE,
  'GET /docs/start.js': EVERYONE,
  'GET /docs/swagger-ui-bundle.js': EVERYONE,
  'GET /docs/swagger-ui.css': EVERYONE,
  'GET /docs/favicon-32x32.png': EVERYONE,
}

/** For the line that is missing: what the route itself says. */
const NAMES: Readonly<Record<Access, string>> = {
  public: 'EVERYONE',
  'content.read': 'READERS',
  'content.write': 'WRITERS',
  'runs.start': 'WRITERS',
  'secrets.read': 'WRITERS',
  'users.manage': 'ADMINS',
  self: 'READERS',
  'account.manage': 'PEOPLE',
}

let platform: TestPlatform
const tokens = new Map<Caller, string>([['nobody', '']])

beforeAll(async () => {
  platform = await startTestPlatform({ REGISTRATION: 'open' })
  for (const role of ROLES) {
    const token = await platform.userToken(role)
    const { body } = await platform.call('POST', '/api/users/tokens/', { name: 'a machine', role }, { token })
    tokens.set(role, token)
    tokens.set(`machine of ${role}`, body.token as string)
  }
}, 60_000)
afterAll(() => platform.stop())

const nameOf = ({ method, path }: Route): string => `${method} ${path}`

test('the table names every route that is served, and no other', () => {
  const served = new Map(platform.routes.map((route) => [nameOf(route), route]))
  const missing = [...served.values()].filter((route) => !(nameOf(route) in TABLE))
  const lines = missing.map((route) => `  '${nameOf(route)}': ${NAMES[route.access]},`)
  if (lines.length > 0) {
    throw new Error(`TABLE in ${import.meta.filename} lacks, if this is who may call them:\n${lines.join('\n')}`)
  }
  expect(Object.keys(TABLE).filter((name) => !served.has(name))).toEqual([])
})

test.each(CALLERS)('%s may call what the table says, and nothing else', async (caller) => {
  const wrong: string[] = []
  for (const route of platform.routes) {
    const allowed = TABLE[nameOf(route)]?.includes(caller) ?? false
    // Nothing is there of that id, and nothing can be made of that body: whoever may is told so, and nothing is done.
    const path = route.path.replace(/:\w+/g, '2147483000')
    const body = route.method === 'GET' || route.method === 'DELETE' ? undefined : {}
    const { status } = await platform.call(route.method, path, body, { token: tokens.get(caller) })
    const refused = status === (caller === 'nobody' ? 401 : 403)
    const passed = [200, 404, 422].includes(status) || (route.upload !== undefined && status === 415)
    if (allowed ? !passed : !refused) wrong.push(`${nameOf(route)} answered ${status}`)
  }
  expect(wrong).toEqual([])
})
