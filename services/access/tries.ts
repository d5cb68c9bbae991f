import ipaddr from 'ipaddr.js'
import { RateLimited } from '../../contracts/core.ts'
import type { Migration } from '../../platform/migrations.ts'
import type { Database } from '../../platform/sql.ts'

/**
 * Tries of the last minute, wrong passwords at first: no facts of the domain, so no events. A restart keeps them. Names stand in it
 * under a keyed hash, for people type passwords in place of names; so do addresses.
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

/** How many tries of a subject a minute takes. */
export type Limit = Readonly<{ subject: string; most: number }>

/** What strangers have tried, counted for a minute by all processes together. */
export type Tries = Readonly<{
  /** Throws `RateLimited`, with the words for those seconds, until the oldest of what is too many of any subject is a minute old. */
  expectFew(limits: readonly Limit[], words: (seconds: number) => string): Promise<void>
  /** One try more of each. */
  count(limits: readonly Limit[]): Promise<void>
}>

export function createTries(db: Database): Tries {
  /** Seconds; undefined when there are not too many. */
  async function lockedFor(limits: readonly Limit[]): Promise<number | undefined> {
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
      [limits.map(({ subject }) => subject), limits.map(({ most }) => most)],
    )
    return row?.seconds ?? undefined
  }

  return {
    async expectFew(limits, words) {
      const seconds = await lockedFor(limits)
      if (seconds !== undefined) throw new RateLimited(words(seconds), seconds)
    },

    async count(limits) {
      await db.query('insert into failed_logins (subject, at) select unnest($1::text[]), clock_timestamp()', [
        limits.map(({ subject }) => subject),
      ])
    },
  }
}

/** Whoever has an address of IPv6 has the 2^64 that begin alike: they count as one. One of IPv4 is the same however it is written. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv6' ? `${parsed.toByteArray().slice(0, 8).join('.')}/64` : parsed.toString()
}
