import type { StreamId } from '../../contracts/core.ts'
import { apiTokenStream, TEAM_STREAM, userStream } from '../../contracts/user.ts'
import { apiToken, type ApiTokenState } from '../commands/api-token.ts'
import type { Folded } from '../commands/folds.ts'
import { type Member, team, type TeamState } from '../commands/team.ts'
import { type LiveUser, user } from '../commands/user.ts'
import type { ReadFold } from './recent-folds.ts'

/** An active member, and the account behind it. */
export type Standing = Readonly<{ member: Member; account: LiveUser }>

/** How users and their machines stand, whichever process has changed it. */
export type Standings = Readonly<{
  /** Undefined for whoever may not come in: unknown, deactivated, or never fully made. */
  of(id: number): Promise<Standing | undefined>
  /** The account of that name, whether it may be used or not. */
  account(username: string): Promise<LiveUser | undefined>
  team(): Promise<Folded<TeamState>>
  apiToken(id: number): Promise<ApiTokenState>
}>

/** As `read` shows them. */
export function createStandings(read: ReadFold): Standings {
  /** The streams of members by what the team knows of each: every request asks for one, and a name is hashed once instead. */
  const streams = new WeakMap<Member, StreamId>()

  function streamOf(member: Member): StreamId {
    const known = streams.get(member)
    if (known !== undefined) return known
    const stream = userStream(member.username)
    streams.set(member, stream)
    return stream
  }

  async function accountIn(stream: StreamId): Promise<LiveUser | undefined> {
    const { state } = await read(user, stream)
    return state.status === 'live' ? state : undefined
  }

  const standings: Standings = {
    team: () => read(team, TEAM_STREAM),
    account: (username) => accountIn(userStream(username)),
    apiToken: async (id) => (await read(apiToken, apiTokenStream(id))).state,
    async of(id) {
      const member = (await standings.team()).state.members.get(id)
      const account = member?.active ? await accountIn(streamOf(member)) : undefined
      return member && account && { member, account }
    },
  }
  return standings
}

/** How users stood a moment ago, which costs nothing to ask, and how they stand now. */
export type Views = Readonly<{ recent: Standings; present: Standings }>

/** What `ask` answers of a moment ago, else of now: whoever has just been let in by another process is not sent away. */
export async function letIn<T>(
  { recent, present }: Views,
  ask: (standings: Standings) => Promise<T | undefined>,
): Promise<T | undefined> {
  return (await ask(recent)) ?? ask(present)
}
