import { Rejected, type StreamId } from '../../contracts/core.ts'
import { type Role, TEAM_STREAM, userStream } from '../../contracts/user.ts'
import type { ReadModels } from '../../projections/port.ts'
import type { Folded, Folds } from '../commands/folds.ts'
import type { CommandContext, Handle } from '../commands/handle.ts'
import { type Member, team, type TeamCommand, type TeamState } from '../commands/team.ts'
import { type LiveUser, user, type UserCommand } from '../commands/user.ts'
import type { Writes } from '../commands/writes.ts'
import { checkPassword, hashPassword } from './passwords.ts'
import type { Caller } from './permissions.ts'
import type { Claims, Tokens } from './tokens.ts'

/** A member as it stood after a write, and where the team's stream stood. */
export type MemberWritten = Readonly<{ member: Member; revision: bigint; position: string }>

export type MemberChanges = Readonly<{
  role?: Role | undefined
  active?: boolean | undefined
  password?: string | undefined
}>

/** Accounts: who may come in, and who may be made, changed and put out. */
export type Users = Readonly<{
  /** A pair of tokens; undefined for a wrong name, a wrong password or an account that is not active, in the same time. */
  login(username: string, password: string): Promise<{ refresh: string; token: string } | undefined>
  /** An access token for a refresh token that still counts. */
  refresh(token: string): Promise<string | undefined>
  /** Whether a token of either kind still counts. */
  verify(token: string): Promise<boolean>
  /** Who an access token speaks for; undefined when it does not count, or no longer. */
  authenticate(claims: Claims): Promise<Caller | undefined>
  find(id: number): Promise<Readonly<{ member: Member; revision: bigint }> | undefined>
  create(fresh: { username: string; password: string; role: Role }, context: CommandContext): Promise<MemberWritten>
  change(id: number, changes: MemberChanges, context: CommandContext): Promise<MemberWritten>
  /** Throws `Rejected` when `old` is not the present password. */
  changeOwnPassword(id: number, old: string, password: string, context: CommandContext): Promise<MemberWritten>
  /** Makes the first admin, whom `admin` then names, while there is no user; answers whether it did. */
  ensureAdmin(admin: () => Promise<{ username: string; password: string }>, context: CommandContext): Promise<boolean>
}>

export function createUsers(deps: {
  folds: Folds
  handle: Handle
  writes: Writes
  tokens: Tokens
  nextId(kind: string): Promise<number>
  readModels: Pick<ReadModels, 'passed'>
}): Users {
  const { folds, handle, writes, tokens, nextId, readModels } = deps

  const members = async (): Promise<ReadonlyMap<number, Member>> => (await folds.read(team, TEAM_STREAM)).state.members

  /** The streams of members by what the team knows of each: every request asks for one, and a name is hashed once instead. */
  const streams = new WeakMap<Member, StreamId>()

  function streamOf(member: Member): StreamId {
    const known = streams.get(member)
    if (known !== undefined) return known
    const stream = userStream(member.username)
    streams.set(member, stream)
    return stream
  }

  async function account(stream: StreamId): Promise<LiveUser | undefined> {
    const { state } = await folds.read(user, stream)
    return state.status === 'live' ? state : undefined
  }

  async function holder({ user_id, epoch }: Claims): Promise<{ member: Member; found: LiveUser } | undefined> {
    const member = (await members()).get(user_id)
    const found = member?.active ? await account(streamOf(member)) : undefined
    return member && found && epoch === epochOf(found, member) ? { member, found } : undefined
  }

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
    const fold = await handle(team, TEAM_STREAM, () => command, context)
    if (password !== undefined) await setPassword(memberOf(id, fold).username, password, context)
    if (context.requestHash !== undefined) await writes.keepRevision(context.commandId, fold.revision)
    return shown(id, fold)
  }

  async function setPassword(username: string, password: string, context: CommandContext): Promise<void> {
    const password_hash = await hashPassword(password)
    const { ifMatch: _, ...own } = context
    await handle(user, userStream(username), (): UserCommand => ({ type: 'ChangePassword', password_hash }), own)
  }

  /** A repeat is answered as it was the first time; else `work` does it. */
  function once(id: number, context: CommandContext, work: () => Promise<MemberWritten>): Promise<MemberWritten> {
    return writes.remembering(context, [], async ({ repeated, revision }) =>
      repeated && revision !== undefined ? shown(id, await folds.at(team, TEAM_STREAM, revision)) : work(),
    )
  }

  return {
    async login(username, password) {
      const found = await account(userStream(username))
      const right = await checkPassword(password, found?.password_hash)
      const member = found && (await members()).get(found.id)
      if (!right || !found || !member?.active) return undefined
      const holding = { id: found.id, epoch: epochOf(found, member) }
      return { refresh: tokens.issue('refresh', holding), token: tokens.issue('access', holding) }
    },

    async refresh(token) {
      const claims = tokens.verify(token)
      if (claims?.token_type !== 'refresh' || !(await holder(claims))) return undefined
      return tokens.issue('access', { id: claims.user_id, epoch: claims.epoch })
    },

    async verify(token) {
      const claims = tokens.verify(token)
      return claims !== undefined && (await holder(claims)) !== undefined
    },

    async authenticate(claims) {
      if (claims.token_type !== 'access') return undefined
      const found = await holder(claims)
      if (!found) return undefined
      const { id, username, role } = found.member
      return { id, username, role, via: 'login' }
    },

    async find(id) {
      const { state, revision } = await folds.read(team, TEAM_STREAM)
      const member = state.members.get(id)
      return member && { member, revision }
    },

    create: async (fresh, context) =>
      writes.remembering(context, [await nextId('user')], ({ ids }) => add({ id: ids[0] ?? 0, ...fresh }, context)),

    change: (id, changes, context) => once(id, context, () => carryOut(id, changes, context)),

    changeOwnPassword: (id, old, password, context) =>
      once(id, context, async () => {
        const { username } = memberOf(id, await folds.refresh(team, TEAM_STREAM))
        // A repeat after a kill finds its own new password: what stands in the stream has been let through before.
        const { state, commands } = await folds.refresh(user, userStream(username))
        const present = state.status === 'live' ? state.password_hash : undefined
        if (!commands.has(context.commandId) && !(await checkPassword(old, present))) {
          throw new Rejected('invalid', 'old_password：原密码不正确', 'old_password')
        }
        return carryOut(id, { password }, context)
      }),

    async ensureAdmin(admin, context) {
      if ((await folds.refresh(team, TEAM_STREAM)).revision >= 0n) return false
      await add({ id: await nextId('user'), ...(await admin()), role: 'admin' }, context)
      return true
    },
  }
}

/** A token counts while the password and the activation that it was issued under are the present ones. */
function epochOf(found: LiveUser, member: Member): string {
  return `${found.password_revision}.${member.deactivated_revision}`
}

function memberOf(id: number, { state }: Folded<TeamState>): Member {
  const member = state.members.get(id)
  if (!member) throw new Rejected('not_found', '用户不存在')
  return member
}
