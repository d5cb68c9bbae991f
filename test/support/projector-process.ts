/**
 * A projector in a process of its own: `node projector-process.ts <database url>`. Prints `building` when it has committed a part of
 * a rebuild, and then works no further on it, so that it can be killed in the middle.
 */
import type { Projection } from '../../projections/port.ts'
import { createProjectionEngine } from '../../projections/engine.ts'
import { accountsProjection, countsProjection, openLedger } from './ledger.ts'
import { quiet } from './quiet.ts'

const ledger = await openLedger(process.argv[2] ?? '')
let batches = 0
const halting: Projection = {
  ...accountsProjection,
  async apply(sql, table, events) {
    if (table('accounts') !== 'accounts_v1_g1' && ++batches > 1) {
      console.log('building')
      await new Promise(() => {})
    }
    await accountsProjection.apply(sql, table, events)
  },
}
const engine = createProjectionEngine({
  db: ledger.db,
  store: ledger.store,
  projections: [halting, countsProjection],
  log: quiet,
})
await engine.start()
console.log('started')
