import { Rejected } from '../../contracts/core.ts'
import { type Role, TEAM_STREAM, userStream } from '../../contracts/user.ts'
import type { ReadModels } from '../../projections/port.ts'
import type { Folded, Folds } from '../commands/folds.ts'
import type { CommandContext, Handle } from '../commands/handle.ts'
import { type Member, team, type TeamCommand, type TeamState } from '../commands/team.ts'
import { user, type UserCommand } from '../commands/user.ts'
import type { Writes } from '../commands/writes.ts'
import type { Guesses } from './guesses.ts'
import { checkPassword, hashPassword } from './passwords.ts'
import type { Registrations } from './registrations.ts'

/** A member as it stood after a write, and where the team's stream stood. */
export type MemberWritten = Readonly<{ member: Member; revision: bigint; position: string }>

export type MemberChanges = Readonly<{
  role?: Role | undefined
  active?: boolean | undefined
  password?: string | undefined
}>

/** Who changes a password of their own, and from where. */
export type OwnPassword = Readonly<{ id: number; old: string; password: string; address: string }>

/** Accounts: who there is, and who may be made, changed and put out. */
export type Users = Readonly<{
  find(id: number): Promise<Readonly<{ member: Member; revision: bigint }> | undefined>
  create(fresh: { username: string; password: string; role: Role }, context: CommandContext): Promise<MemberWritten>
  /** Someone unknown makes an account of their own, as a tester. Throws `RateLimited` after too many from one address. */
  register(
    fresh: { username: string; password: string; address: string },
    context: CommandContext,
  ): Promise<MemberWritten>
  change(id: number, changes: MemberChanges, context: CommandContext): Promise<MemberWritten>
  /** Throws `Rejected` when `old` is not the present password, which counts as a wrong guess. */
  changeOwnPassword(change: OwnPassword, context: CommandContext): Promise<MemberWritten>
  /** Makes the first admin, whom `admin` then names, while there is no user; answers whether it did. */
  ensureAdmin(admin: () => Promise<{ username: string; password: string }>, context: CommandContext): Promise<boolean>
}>

export function createUsers(deps: {
  folds: Folds
  handle: Handle
  writes: Writes
  guesses: Guesses
  registrations: Registrations
  nextId(kind: string): Promise<number>
  /** Of all processes one does this at a time. */
  alone<T>(work: () => Promise<T>): Promise<T>
  readModels: Pick<ReadModels, 'passed'>
}): Users {
  const { folds, handle, writes, guesses, registrations, nextId, alone, readModels } = deps

  const members = async (): Promise<ReadonlyMap<number, Member>> => (await folds.read(team, TEAM_STREAM)).state.members

  async function shown(id: number, fold: Folded<TeamState>): Promise<MemberWritten> {
    const member = memberOf(id, fold)
    await readModels.passed(fold.position)
    return { member, revision: fold.revision, position: fold.position }
  }

  /** The user's own stream first: a user that the team does not know is inactive, and the next create of that name completes it. */
  async function add(
    fresh: { id: number; username: string; password: string; role: Role },
    context: CommandContext,
  ): Promise<MemberWritten> {
    const { username, role } = fresh
    const { ifMatch: _, ...own } = context
    const password_hash = await hashPassword(fresh.password)
    const { state } = await handle(
      user,
      userStream(username),
      async (present): Promise<UserCommand> => {
        if (present.status === 'none') return { type: 'CreateUser', data: { id: fresh.id, username, password_hash } }
        if ((await members()).has(present.id)) {
          throw new Rejected('conflict', 'username：用户名已存在', 'username')
        }
        return { type: 'ChangePassword', password_hash }
      },
      own,
    )
    if (state.status !== 'live') throw new Rejected('not_found', '用户不存在')
    const { id } = state
    const added = await handle(
      team,
      TEAM_STREAM,
      (): TeamCommand => ({ type: 'AddMember', data: { id, username: state.username, role } }),
      own,
    )
    return shown(id, added)
  }

  /** The team first, whose revision is a user's ETag: a refusal by it leaves the password undone. Both find their own command again. */
  async function carryOut(id: number, changes: MemberChanges, context: CommandContext): Promise<MemberWritten> {
    const { role, active, password } = changes
    const command: TeamCommand = {
      type: 'ChangeMember',
      id,
      changes: { ...(role !== undefined && { role }), ...(active !== undefined && { active }) },
      ...(password !== undefined && { password: 'changed' }),
    }
    // Hashed before anything is said: it may be refused when there is too much to hash.
    const password_hash = password === undefined ? undefined : await hashPassword(password)
    const fold = await handle(team, TEAM_STREAM, () => command, context)
    if (password_hash !== undefined) await setPassword(memberOf(id, fold).username, password_hash, context)
    if (context.requestHash !== undefined) await writes.keepRevision(context.commandId, fold.revision)
    return shown(id, fold)
  }

  async function setPassword(username: string, password_hash: string, context: CommandContext): Promise<void> {
    const { ifMatch: _, ...own } = context
    await handle(user, userStream(username), (): UserCommand => ({ type: 'ChangePassword', password_hash }), own)
  }

  /** A repeat is answered as it was the first time; else `work` does it. */
  function once(id: number, context: CommandContext, work: () => Promise<MemberWritten>): Promise<MemberWritten> {
    return writes.remembering(context, [], async ({ repeated, revision }) =>
      repeated && revision !== undefined ? shown(id, await folds.at(team, TEAM_STREAM, revision)) : work(),
    )
  }

  async function create(
    fresh: { username: string; password: string; role: Role },
    context: CommandContext,
  ): Promise<MemberWritten> {
    return writes.remembering(context, [await nextId('user')], ({ ids }) => add({ id: ids[0] ?? 0, ...fresh }, context))
  }

  return {
    async find(id) {
      const { state, revision } = await folds.read(team, TEAM_STREAM)
      const member = state.members.get(id)
      return member && { member, revision }
    },

    create,

    register: ({ address, ...fresh }, context) =>
      registrations.counted(address, () => create({ ...fresh, role: 'tester' }, context)),

    change: (id, changes, context) => once(id, context, () => carryOut(id, changes, context)),

    changeOwnPassword: ({ id, old, password, address }, context) =>
      once(id, context, async () => {
        const { username } = memberOf(id, await folds.refresh(team, TEAM_STREAM))
        const right = await guesses.counted({ username, address }, async () => {
          const { state, commands } = await folds.refresh(user, userStream(username))
          const present = state.status === 'live' ? state.password_hash : undefined
          // A repeat after a kill finds its own new password: what stands in the stream has been let through before.
          return commands.has(context.commandId) || (await checkPassword(old, present)) || undefined
        })
        if (right === undefined) throw new Rejected('invalid', 'old_password：原密码不正确', 'old_password')
        return carryOut(id, { password }, context)
      }),

    ensureAdmin: (admin, context) =>
      alone(async () => {
        if ((await folds.refresh(team, TEAM_STREAM)).revision >= 0n) return false
        await add({ id: await nextId('user'), ...(await admin()), role: 'admin' }, context)
        return true
      }),
  }
}

function memberOf(id: number, { state }: Folded<TeamState>): Member {
  const member = state.members.get(id)
  if (!member) throw new Rejected('not_found', '用户不存在')
  return member
}
