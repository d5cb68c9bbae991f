/**
 * Whether the driver of Postgres can take this URL apart: one with a host, or one with the folder of a Unix socket in `?host=`, which may
 * have nothing between user and database. A `#`, `/` or `?` of a password that is not percent-encoded ends the host too early.
 */
export function isPostgresUrl(text: string): boolean {
  if (!/^postgres(?:ql)?:\/\/./.test(text)) return false
  const url = URL.parse(text) ?? URL.parse(text.replace('@/', '@socket/'))
  if (url === null || url.hash !== '') return false
  const { username, password, pathname, searchParams } = url
  if ([pathname, ...searchParams.keys()].some((part) => part.includes('@'))) return false
  return [username, password, pathname].every(canBeDecoded)
}

/** A `%` that begins no escape is taken as it stands. */
function canBeDecoded(text: string): boolean {
  if (/%(?![\da-f]{2})/i.test(text)) return true
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const TRUE_OR_FALSE = { fits: /^(?:true|false)$/, expected: 'true or false' }
const WHOLE = { fits: /^-?\d{1,9}$/, expected: 'a whole number' }
const NODE = {
  fits: /^(?:leader|follower|readonlyreplica|random)$/,
  expected: 'leader, follower, read_only_replica or random',
}

/** What the client of EventStoreDB wants of its options; it passes over those that it does not know. */
const ESDB_OPTIONS = {
  tls: TRUE_OR_FALSE,
  tlsVerifyCert: TRUE_OR_FALSE,
  throwOnAppendFailure: TRUE_OR_FALSE,
  maxDiscoverAttempts: WHOLE,
  discoveryInterval: WHOLE,
  gossipTimeout: WHOLE,
  defaultDeadline: WHOLE,
  keepAliveInterval: WHOLE,
  keepAliveTimeout: WHOLE,
  nodePreference: NODE,
}

const PARTS = /^esdb(?:\+discover)?:\/\/(?:[^:/?]+:[^/?]+@)?([^/?@]+)\/*(?:\?(.*))?$/
const HOST = /^[\w.-]+(?::(\d{1,5}))?$/

/** What was expected instead of this connection string of EventStoreDB; undefined where it is one. Repeats nothing of it. */
export function eventStoreUrlFault(text: string): string | undefined {
  if (!/^esdb(?:\+discover)?:\/\//.test(text)) return 'a URL that begins with esdb:// or esdb+discover://'
  const [, hosts, options] = PARTS.exec(text.trim()) ?? []
  if (hosts === undefined || !hosts.split(',').every(isHost)) {
    return 'a URL such as esdb://user:password@host:2113?tls=true, special characters of the password percent-encoded'
  }
  if (options === undefined) return undefined
  const pairs = options.split('&').map((pair) => /^([^=]+)=([^?]+)$/.exec(pair))
  return pairs.map((pair) => (pair ? optionFault(pair[1] ?? '', pair[2] ?? '') : OPTIONS_FORM)).find(Boolean)
}

const OPTIONS_FORM = 'options such as ?tls=false&keepAliveInterval=10000 behind the host'

function isHost(text: string): boolean {
  const [, port = '2113'] = HOST.exec(text) ?? [undefined, '0']
  return Number(port) >= 1 && Number(port) <= 65_535
}

function optionFault(name: string, value: string): string | undefined {
  const [known, wanted] =
    Object.entries(ESDB_OPTIONS).find(([option]) => option.toLowerCase() === asCompared(name)) ?? []
  if (known === undefined || wanted === undefined) return undefined
  const given = wanted === NODE ? asCompared(value) : value.trim()
  return wanted.fits.test(given) ? undefined : `${wanted.expected} as its option ${known}`
}

/** The client does not mind how names are written. */
function asCompared(name: string): string {
  return name.trim().toLowerCase().replaceAll(/[_-]/g, '')
}
