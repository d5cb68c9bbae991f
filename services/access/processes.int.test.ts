/**
 * What one process has taken back counts in no other, although no word of it comes there: the first process here is fed by no log at
 * all, the second does what is done.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Recorded } from '../../contracts/core.ts'
import type { Role } from '../../contracts/user.ts'
import { newCommandId } from '../../platform/ids.ts'
import { migrate } from '../../platform/migrations.ts'
import { freshDatabase, type TestDatabase } from '../../test/support/postgres.ts'
import { quiet } from '../../test/support/quiet.ts'
import { startWritingProcess, type WritingProcess } from '../../test/support/writing-process.ts'
import { Folds } from '../commands/folds.ts'
import type { CommandContext } from '../commands/handle.ts'
import { type Access, accessMigrations, createAccess } from './access.ts'
import type { Caller } from './permissions.ts'
import { BELIEVED_FOR } from './recent-folds.ts'
import { createTokens } from './tokens.ts'

const JWT_SECRET = 'a secret of at least thirty-two bytes'
const clock = { ms: 0 }

let database: TestDatabase
let processes: WritingProcess[]
let first: Access
let second: Access
/** Loads of the first process. */
let loads = 0

beforeAll(async () => {
  database = await freshDatabase()
  const [reading, writing] = await Promise.all([startWritingProcess(database.url), startWritingProcess(database.url)])
  processes = [reading, writing]
  await migrate(writing.db, accessMigrations)
  const counted = new Folds({
    ...reading.store,
    load: (...asked): Promise<readonly Recorded[]> => {
      loads++
      return reading.store.load(...asked)
    },
  })
  first = accessOf({ ...reading, folds: counted })
  second = accessOf(writing)
})
afterAll(async () => {
  await Promise.all([first.stop(), second.stop()])
  for (const each of processes) await each.stop()
  await database.drop()
})

function accessOf({ db, folds, handle, writes, ids }: WritingProcess): Access {
  return createAccess({
    db,
    folds,
    handle,
    writes,
    nextId: ids.nextId,
    models: { query: db.query.bind(db), table: (name) => name, passed: () => Promise.resolve(true) },
    jwtSecret: JWT_SECRET,
    mac: (text) => text,
    timeZone: 'Asia/Shanghai',
    log: quiet,
    now: () => clock.ms,
  })
}

const context = (): CommandContext => ({ commandId: newCommandId(), actor: 1, correlationId: 'test' })

let users = 0

/** A new user who has logged in, in the second process, and a machine of theirs. */
async function userOf(role: Role) {
  const username = `user ${++users}`
  const password = 'a password'
  const { member } = await second.users.create({ username, password, role }, context())
  const tokens = await second.logins.login({ username, password, address: '' })
  if (!tokens) throw new Error('the password is right')
  const caller: Caller = { id: member.id, username, role, via: 'login' }
  const issued = await second.apiTokens.issue(caller, { name: 'ci' }, context())
  return { id: member.id, username, password, caller, ...tokens, machine: issued.token.id, text: issued.text ?? '' }
}
type TestUser = Awaited<ReturnType<typeof userOf>>

async function loggedIn({ token }: TestUser): Promise<Caller | undefined> {
  const claims = createTokens(JWT_SECRET).verify(token)
  return claims && first.logins.authenticate(claims)
}

/** Whom the first process takes user and machine for. */
async function whoIs(user: TestUser): Promise<[login: Role | undefined, machine: Role | undefined]> {
  const [login, machine] = await Promise.all([loggedIn(user), first.apiTokens.authenticate(user.text)])
  return [login?.role, machine?.role]
}

test('of two processes that start at once one makes the first admin, and the other goes on', async () => {
  const admin = (password: string) => () => Promise.resolve({ username: 'root', password })
  const made = await Promise.all([
    first.users.ensureAdmin(admin('password of the first'), context()),
    second.users.ensureAdmin(admin('password of the second'), context()),
  ])
  expect(made.toSorted()).toEqual([false, true])
  const password = `password of the ${made[0] ? 'first' : 'second'}`
  expect(await second.logins.login({ username: 'root', password, address: '' })).toBeDefined()
})

const CHANGES: [what: string, change: (who: TestUser) => Promise<unknown>, then: (Role | undefined)[]][] = [
  ['a deactivation', ({ id }) => second.users.change(id, { active: false }, context()), [undefined, undefined]],
  [
    'a deactivation that is taken back',
    async ({ id }) => {
      await second.users.change(id, { active: false }, context())
      await second.users.change(id, { active: true }, context())
    },
    [undefined, undefined],
  ],
  ['a lesser role', ({ id }) => second.users.change(id, { role: 'viewer' }, context()), ['viewer', 'viewer']],
  [
    'a logout, which leaves machines alone,',
    ({ caller, refresh }) => second.logins.logout(caller, refresh, context()),
    [undefined, 'tester'],
  ],
  [
    'a change of the password, which leaves machines alone,',
    ({ id, password }) =>
      second.users.changeOwnPassword({ id, old: password, password: 'another', address: '' }, context()),
    [undefined, 'tester'],
  ],
  [
    "a revocation, which leaves its owner's login alone,",
    ({ id, machine }) => second.apiTokens.revoke(id, machine, context()),
    ['tester', undefined],
  ],
]

describe('elsewhere', () => {
  test.each(CHANGES)('%s holds here when what was read is too old to be believed', async (_, change, then) => {
    const user = await userOf('tester')
    clock.ms += BELIEVED_FOR
    expect(await whoIs(user)).toEqual(['tester', 'tester'])
    await change(user)
    clock.ms += BELIEVED_FOR - 1
    // No word has come: if it held by now, this test would not show what the bound is good for.
    expect(await whoIs(user)).toEqual(['tester', 'tester'])
    clock.ms += 1
    expect(await whoIs(user)).toEqual(then)
  })
})

test('what was read is as old as the question, not as the answer', async () => {
  const user = await userOf('tester')
  await loggedIn(user)
  clock.ms += BELIEVED_FOR
  const asked = loggedIn(user)
  // The clock goes on while the database is being asked for the team.
  clock.ms += BELIEVED_FOR
  expect(await asked).toMatchObject({ role: 'tester' })
  await second.users.change(user.id, { active: false }, context())
  expect(await loggedIn(user)).toBeUndefined()
})

test('however many ask at once, each stream is read once, and then no more while it is believed', async () => {
  const user = await userOf('tester')
  clock.ms += BELIEVED_FOR
  const before = loads
  await Promise.all(Array.from({ length: 50 }, () => whoIs(user)))
  await whoIs(user)
  // The team, the user, the token.
  expect(loads - before).toBe(3)
})

test('who has just been let in elsewhere is not sent away', async () => {
  await whoIs(await userOf('tester'))
  // The team that the first process believes in knows nobody of that name.
  const user = await userOf('viewer')
  expect(await whoIs(user)).toEqual(['viewer', 'viewer'])
  clock.ms += BELIEVED_FOR
  await whoIs(user)
  const credentials = { username: user.username, password: 'another', address: '' }
  const change = { id: user.id, old: user.password, password: 'another', address: '' }
  await second.users.changeOwnPassword(change, context())
  expect(await first.logins.login(credentials)).toBeDefined()
})

test('who cannot be looked at does not come in', async () => {
  const user = await userOf('tester')
  await whoIs(user)
  const broken = await startWritingProcess(database.url)
  const here = accessOf(broken)
  expect(await here.apiTokens.authenticate(user.text)).toMatchObject({ via: 'token' })
  await here.stop()
  await broken.stop()
  clock.ms += BELIEVED_FOR
  await expect(here.apiTokens.authenticate(user.text)).rejects.toThrow()
})
