import { describe, expect, test } from '@jest/globals'
import { eventStoreUrlFault, isPostgresUrl } from './server-urls.ts'

describe('a URL of Postgres', () => {
  test.each([
    'postgres://db/x',
    'postgresql://u@db:5432/x?sslmode=require',
    'postgres://u:p%23%2F%3F%40@db:5432/x',
    // The driver takes these as they stand.
    'postgres://u:p@ss@db:5432/x',
    'postgres://u:50%@db/x',
    'postgres://u:p@[::1]:5432/x',
    'postgres://u:p@/x?host=/run/postgresql&port=5433',
    'postgres://u@/x?host=%2Frun%2Fpostgresql',
    'postgres:///x?host=/run/postgresql',
    'postgres://%2Frun%2Fpostgresql/x',
  ])('may be %s', (url) => {
    expect(isPostgresUrl(url)).toBe(true)
  })

  test.each([
    'postgres://',
    'mysql://u:p@db/x',
    'postgres://u:pa#ss@db:5432/x',
    'postgres://u:pa/ss@db:5432/x',
    'postgres://u:pa?ss@db:5432/x',
    // What stands before is a port, so that all of it would be a URL of another host.
    'postgres://u:12#ss@db:5432/x',
    'postgres://u:12/ss@db:5432/x',
    'postgres://u:12?ss@db:5432/x',
    'postgres://u:p%ff@db/x',
    'postgres://u:p@db:five/x',
    'postgres://u:p@db:99999/x',
    'postgres://u:p@db:5432,other:5432/x',
    'postgres://u:p@:5432/x',
  ])('is not %s', (url) => {
    expect(isPostgresUrl(url)).toBe(false)
  })
})

describe('a connection string of EventStoreDB', () => {
  test.each([
    'esdb://store',
    'esdb://store:2113?tls=false',
    'esdb://admin:changeit@store:2113/?tls=true&TLS_verify_cert=false',
    'esdb://admin:a@b@store:2113',
    'esdb+discover://a:2113,b:2113,c?nodePreference=read-only-replica&keepAliveInterval=-1',
    'esdb://store_1:2113?somethingNew=1&defaultDeadline=5000',
  ])('may be %s', (url) => {
    expect(eventStoreUrlFault(url)).toBeUndefined()
  })

  const form =
    'a URL such as esdb://user:password@host:2113?tls=true, special characters of the password percent-encoded'
  const options = 'options such as ?tls=false&keepAliveInterval=10000 behind the host'
  test.each([
    ['http://store:2113', 'a URL that begins with esdb:// or esdb+discover://'],
    ['esdb://', form],
    ['esdb://admin:hidden@', form],
    ['esdb://hidden@store:2113', form],
    ['esdb://admin:/hidden@store:2113', form],
    ['esdb://admin:1?hidden@store:2113', options],
    ['esdb://store:port', form],
    ['esdb://store:0', form],
    ['esdb://store:65536', form],
    ['esdb://a:2113,,b:2113', form],
    ['esdb://admin:hidden@store?', options],
    ['esdb://admin:hidden@store?tls', options],
    ['esdb://admin:hidden@store?tls=', options],
    ['esdb://admin:hidden@store?tls=no', 'true or false as its option tls'],
    ['esdb://store?x=1&TLS-Verify-Cert=0', 'true or false as its option tlsVerifyCert'],
    ['esdb://store?tls=false&default_deadline=5s', 'a whole number as its option defaultDeadline'],
    ['esdb://store?nodePreference=any', 'leader, follower, read_only_replica or random as its option nodePreference'],
  ])('is not %s', (url, expected) => {
    expect(eventStoreUrlFault(url)).toBe(expected)
    expect(expected).not.toContain('hidden')
  })
})
