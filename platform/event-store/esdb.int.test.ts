import { eventStoreContract } from '../../test/contract/event-store.ts'
import { startEsdbDouble } from '../../test/support/esdb-double.ts'
import { quiet } from '../../test/support/quiet.ts'
import { createEsdbEventStore } from './esdb.ts'

function openAt(url: string, stop: () => Promise<void>) {
  const [store, other] = [createEsdbEventStore({ url, log: quiet }), createEsdbEventStore({ url, log: quiet })]
  return {
    store,
    another: () => other,
    async close() {
      await Promise.all([store.stop(), other.stop()])
      await stop()
    },
  }
}

eventStoreContract('EventStoreDB (its double)', async () => {
  const double = await startEsdbDouble()
  // As a server does: some milliseconds for the disk, the other nodes and the index.
  double.indexAfter(5)
  return openAt(double.url, () => double.stop())
})

const real = process.env['EVENTSTOREDB_URL']
if (real === undefined || real === '') {
  process.stderr.write('skipped: the event store contract on a real EventStoreDB, for EVENTSTOREDB_URL is not set\n')
} else {
  eventStoreContract('EventStoreDB', () => Promise.resolve(openAt(real, () => Promise.resolve())))
}
