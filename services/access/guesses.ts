import ipaddr from 'ipaddr.js'
import { RateLimited } from '../../contracts/core.ts'
import type { Migration } from '../../platform/migrations.ts'
import { createSerial } from '../../platform/serial.ts'
import type { Database } from '../../platform/sql.ts'

/** Wrong passwords in a minute after which no more are looked at, right ones included. */
const MOST_FOR_NAME = 5
const MOST_FROM_ADDRESS = 30

/**
 * Wrong guesses of the last minute: no facts of the domain, so no events. A restart keeps them. Names stand in it under a keyed hash,
 * for people type passwords in place of names; so do addresses.
 */
export const failedLoginsMigration: Migration = {
  name: 'failed logins',
  statements: [
    `create table failed_logins (
      id bigint generated always as identity primary key,
      subject text not null,
      at timestamptz not null
    )`,
    'create index on failed_logins (subject, at)',
    'create index on failed_logins (at)',
  ],
}

/** Keeps passwords from being found by trying. */
export type Guesses = Readonly<{
  /**
   * Does `check`, and counts it against name and address when it answers nothing. Throws `RateLimited` while there are too many of
   * either: without a check, so that nobody can tell a right password by it.
   *
   * In a process the checks of one name go one after the other, as do those from one address: guesses that come at once do not get
   * through before they are counted, while right passwords that come at once wait for each other and are not refused.
   */
  counted<T>(who: { username: string; address: string }, check: () => Promise<T | undefined>): Promise<T | undefined>
}>

export function createGuesses({ db, mac }: { db: Database; mac: (text: string) => string }): Guesses {
  const serial = createSerial()

  /** Seconds until the oldest of those that are too many is a minute old; undefined when there are not too many. */
  async function lockedFor(name: string, address: string): Promise<number | undefined> {
    const [row] = await db.query<{ seconds: number | null }>(
      `with expired as (
         delete from failed_logins where id in (
           select id from failed_logins where at <= clock_timestamp() - interval '1 minute' for update skip locked
         )
       )
       select max(greatest(1, ceil(extract(epoch from oldest.at + interval '1 minute' - clock_timestamp()))))::integer
         as seconds
       from unnest($1::text[], $2::integer[]) as limits (subject, most)
       cross join lateral (
         select failed_logins.at from failed_logins
         where failed_logins.subject = limits.subject and failed_logins.at > clock_timestamp() - interval '1 minute'
         order by failed_logins.at desc offset limits.most - 1 limit 1
       ) oldest`,
      [
        [name, address],
        [MOST_FOR_NAME, MOST_FROM_ADDRESS],
      ],
    )
    return row?.seconds ?? undefined
  }

  async function count(name: string, address: string): Promise<void> {
    await db.query('insert into failed_logins (subject, at) select unnest($1::text[]), clock_timestamp()', [
      [name, address],
    ])
  }

  return {
    counted(who, check) {
      const name = mac(`name ${who.username.toLowerCase()}`)
      const address = mac(`address ${networkOf(who.address)}`)
      // Always in this order: two that waited for each other's turns would wait for ever.
      return serial(address, () =>
        serial(name, async () => {
          const seconds = await lockedFor(name, address)
          if (seconds !== undefined) {
            throw new RateLimited(`用户名或密码错误次数过多，请 ${seconds} 秒后重试`, seconds)
          }
          const found = await check()
          if (found === undefined) await count(name, address)
          return found
        }),
      )
    },
  }
}

/** Whoever has an address of IPv6 has the 2^64 that begin alike: they count as one. One of IPv4 is the same however it is written. */
function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv6' ? `${parsed.toByteArray().slice(0, 8).join('.')}/64` : parsed.toString()
}
