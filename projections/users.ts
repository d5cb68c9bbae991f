import type { Role, TeamEvent } from '../contracts/user.ts'
import { build } from '../platform/postgres.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'users',
  key: 'id',
  columns: { id: 'integer', username: 'text', role: 'text', active: 'boolean' },
})

/** The members of the team. Passwords are in no read model. */
export const usersProjection: Projection = {
  name: table.name,
  version: 1,
  tables: [table.name],
  reads: new Set<TeamEvent['type']>(['MemberAdded', 'MemberChanged']),
  migrate: (sql, name) => table.create(sql, name(table.name)),
  apply: (sql, name, events) =>
    table.edit(sql, name(table.name), (rows) => {
      for (const event of events as readonly TeamEvent[]) {
        if (event.type === 'MemberAdded') rows.put({ ...event.data, active: true })
        if (event.type === 'MemberChanged') rows.patch(event.data.id, changesOf(event.data))
      }
    }),
}

function changesOf({ role, active }: { role?: Role; active?: boolean }): { role?: Role; active?: boolean } {
  return { ...(role !== undefined && { role }), ...(active !== undefined && { active }) }
}

export type UserRow = Readonly<{ id: number; username: string; role: Role; active: boolean }>

export function listUsers(models: ReadModels, filter: Search, window: Window): Promise<Page<UserRow>> {
  const query = build(models.table('users')).select('id', 'username', 'role', 'active').orderBy('id')
  searched(query, 'username', filter)
  return page(models, query, window)
}
