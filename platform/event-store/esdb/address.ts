export type Credentials = Readonly<{ username: string; password: string }>

export type EsdbAddress = Readonly<{
  /** The connection string without its credentials: the client says the whole string in some of its messages. */
  connection: string
  credentials: Credentials | undefined
  /** What is shown to everyone. */
  server: string
}>

const URL = /^(esdb(?:\+discover)?:\/\/)(?:([^/?]*)@)?([^/?@]+)\/*(\?.*)?$/

/** Takes a connection string of EventStoreDB apart; what is none is not repeated in the error, for it may hold a password. */
export function esdbAddress(url: string): EsdbAddress {
  const [, scheme, user, hosts, options] = URL.exec(url.trim()) ?? []
  const [, username, password] = /^([^:]+):(.+)$/s.exec(user ?? '') ?? []
  if (hosts === undefined || (user !== undefined && password === undefined)) {
    throw new TypeError('EVENTSTOREDB_URL is not a connection string of EventStoreDB')
  }
  return {
    connection: `${scheme}${hosts}${options ?? ''}`,
    credentials: password ? { username: decoded(username ?? ''), password: decoded(password) } : undefined,
    server: `EventStoreDB at ${hosts}`,
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
