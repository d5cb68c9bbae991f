import { isArray, isObject, type Json, type JsonObject, stringifyJson } from '../../contracts/json.ts'
import { recall, refuseMasks } from './place.ts'
import { isSealed, seal, type Sealing } from './sealed.ts'

/** A database with a password, in `config.password`; `rest` is all but that, its name included. */
type Entry = Readonly<{ index: number; name: string; rest: string; password: Json }>

/** The entries of `db` with their passwords sealed; a mask stands for the password of the same entry in `before`. Throws `Rejected`. */
export async function sealPasswords(sealing: Sealing, db: Json, before: Json | undefined): Promise<Json> {
  if (!isArray(db)) return db
  const entries = entriesOf(db)
  const old = sameEntries(entries, entriesOf(before))
  const placed = [...db]
  for (const entry of entries) {
    const password = await recall(sealing, entry.password, old.get(entry)?.password)
    refuseMasks('db', [password])
    placed[entry.index] = withPassword(db[entry.index]!, isSealed(password) ? password : await seal(sealing, password))
  }
  return placed
}

/**
 * Which old entry each one is. Of one name, which several may have or lack, those that are the same but for the password belong
 * together, then those left in their order.
 */
function sameEntries(entries: readonly Entry[], old: readonly Entry[]): Map<Entry, Entry> {
  const found = new Map<Entry, Entry>()
  const left = new Set(old)
  for (const key of [({ rest }: Entry) => rest, ({ name }: Entry) => name]) {
    const alike = new Map([...Map.groupBy(left, key)].map(([same, list]) => [same, list.values()]))
    for (const entry of entries) {
      const other = found.has(entry) ? undefined : alike.get(key(entry))?.next().value
      if (other === undefined) continue
      found.set(entry, other)
      left.delete(other)
    }
  }
  return found
}

function entriesOf(db: Json | undefined): Entry[] {
  return (isArray(db) ? db : []).flatMap((entry, index) => {
    const config = configOf(entry)
    const password = config?.get('password')
    if (!isObject(entry) || password === undefined) return []
    const name = entry.get('name')
    const rest = stringifyJson(withPassword(entry, null))
    return [{ index, name: name === undefined ? '' : stringifyJson(name), rest, password }]
  })
}

function configOf(entry: Json): JsonObject | undefined {
  const config = isObject(entry) ? entry.get('config') : undefined
  return isObject(config) ? config : undefined
}

function withPassword(entry: Json, password: Json): Json {
  const config = configOf(entry)
  return isObject(entry) && config ? new Map(entry).set('config', new Map(config).set('password', password)) : entry
}
