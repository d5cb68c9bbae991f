import { idOf, type Recorded } from '../contracts/core.ts'
import type { ApiTokenEvent, Role } from '../contracts/user.ts'
import { build } from '../platform/postgres.ts'
import { page, type Page, type Search, searched, type Window } from './page.ts'
import type { Projection, ReadModels } from './port.ts'
import { tableOf } from './rows.ts'

const table = tableOf({
  name: 'api_tokens',
  key: 'id',
  columns: {
    id: 'integer',
    owner: 'integer',
    name: 'text',
    role: 'text',
    team_revision: 'integer',
    created_at: 'text',
  },
  indexes: ['owner'],
})

/** The tokens that were not revoked. Their hashes are in no read model. */
export const apiTokensProjection: Projection = {
  name: table.name,
  version: 1,
  tables: [table.name],
  reads: new Set<ApiTokenEvent['type']>(['ApiTokenIssued', 'ApiTokenRevoked']),
  migrate: (sql, name) => table.create(sql, name(table.name)),
  apply: (sql, name, events) =>
    table.edit(sql, name(table.name), (rows) => {
      for (const event of events as readonly Recorded<ApiTokenEvent>[]) {
        if (event.type === 'ApiTokenIssued') {
          const { hash: _, ...shown } = event.data
          rows.put({ ...shown, created_at: event.at })
        }
        if (event.type === 'ApiTokenRevoked') rows.remove(idOf(event.stream))
      }
    }),
}

export type ApiTokenRow = Readonly<{ id: number; name: string; role: Role; created_at: string }>

/** The tokens of `owner` that were issued after the team stood at `after`, where a deactivation ended all before. */
export function listApiTokens(
  models: ReadModels,
  filter: Search & Readonly<{ owner: number; after: number }>,
  window: Window,
): Promise<Page<ApiTokenRow>> {
  const query = build(models.table('api_tokens'))
    .select('id', 'name', 'role', 'created_at')
    .where('owner', filter.owner)
    .where('team_revision', '>', filter.after)
    .orderBy('id')
  searched(query, 'name', filter)
  return page(models, query, window)
}
