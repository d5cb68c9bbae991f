import { setTimeout as pause } from 'node:timers/promises'
import type { Position } from '../../contracts/core.ts'
import { epochMicros } from '../../contracts/time.ts'
import { openDatabase } from '../../platform/postgres.ts'
import type { Database } from '../../platform/sql.ts'
import { quiet } from '../../test/support/quiet.ts'
import { connect } from '../client.ts'
import { type Bench, type Figure, number } from '../measurement.ts'
import type { PlatformProcess } from '../platform.ts'
import { round, spread } from '../rounds.ts'

const CLIENTS = 16

/** Milliseconds between two looks at the log and at the read models. */
const LOOK_EVERY = 1

/** What was there at one moment, of one snapshot: the log's end, and how far all read models have come. */
type Look = Readonly<{ at: number; head: Position; passed: Position }>

/**
 * Clients create interfaces as fast as they are answered. Of every event of that time: how long after it was in the log it was in all
 * read models, and how long after it was decided. Both as another session of the database sees it.
 */
export async function lagOf(
  bench: Bench,
  name: string,
  platform: PlatformProcess,
  databaseUrl: string,
): Promise<readonly Figure[]> {
  const db = await openDatabase({ connection: databaseUrl, max: 2, log: quiet })
  bench.defer(() => db.close())
  const send = connect(bench, platform.url, CLIENTS, platform.token)
  const { id: project } = await send('POST', '/api/testPro/projects/', 201, { name: '商城', leader: 'torin' })
  const owner = { name: '登录', url: '/users/login/', method: 'post', type: '1', project }
  const write = (): Promise<unknown> => send('POST', '/api/TestInterFace/interfaces/', 201, owner)
  const seconds = bench.quick ? 2 : 15
  await round(CLIENTS, seconds / 5, write)

  const looks: Look[] = [await look(db)]
  const written = new AbortController()
  const looking = (async () => {
    for (let last = looks[0]; !written.signal.aborted || last === undefined || last.passed < last.head;) {
      await pause(LOOK_EVERY)
      last = await look(db)
      looks.push(last)
    }
  })()
  const { rate, p50: answered } = await round(CLIENTS, seconds, write).finally(() => written.abort())
  await looking

  const times = await timesOf(db, looks)
  const lag = spread(times.map(({ inLog, readable }) => readable - inLog))
  const most = times.reduce((longest, { inLog, readable }) => Math.max(longest, readable - inLog), 0)
  const whole = spread(times.map(({ decided, readable }) => readable - decided))
  const apart = spread(looks.slice(1).map(({ at }, nth) => at - (looks[nth]?.at ?? at)))
  const what = `${CLIENTS} clients write over REST, ${name}`
  return [
    {
      what: `${what}: an event of the log is in all read models`,
      reached: `p50 ${number(lag.p50)} ms, p99 ${number(lag.p99)} ms, max ${number(most)} ms (looked every ${number(apart.p50)} ms)`,
    },
    {
      what: `${what}: the same since it was decided`,
      reached: `p50 ${number(whole.p50)} ms, p99 ${number(whole.p99)} ms`,
    },
    { what: `${what}: written`, reached: `${number(rate)} events/s, answered after p50 ${number(answered)} ms` },
  ]
}

/** The clocks of all processes of a machine are one: that of the events is read here too. */
async function look(db: Database): Promise<Look> {
  const [row] = await db.query<Omit<Look, 'at'>>(
    `select lpad((select position from events order by position desc limit 1)::text, 19, '0') as head,
            (select min(position) from projections where state = 'live' and stopped_position is null) as passed`,
    [],
  )
  if (row === undefined) throw new Error('the database has not answered')
  return { at: performance.timeOrigin + performance.now(), ...row }
}

/** When it was decided, and first seen in the log and in the read models: milliseconds since 1970. */
type Times = Readonly<{ decided: number; inLog: number; readable: number }>

/** Of all events between the first and the last look. */
async function timesOf(db: Database, looks: readonly Look[]): Promise<readonly Times[]> {
  const events = await db.query<{ position: Position; at: string }>(
    `select lpad(position::text, 19, '0') as position, at from events
     where position > $1::bigint and position <= $2::bigint order by events.position`,
    [looks[0]?.head, looks.at(-1)?.head],
  )
  let [log, models] = [0, 0]
  return events.map(({ position, at }) => {
    while ((looks[log]?.head ?? position) < position) log++
    while ((looks[models]?.passed ?? position) < position) models++
    return {
      decided: epochMicros(at) / 1000,
      inLog: looks[log]?.at ?? NaN,
      readable: looks[models]?.at ?? NaN,
    }
  })
}
