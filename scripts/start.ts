import { ConfigError, readConfig } from '../platform/config.ts'
import { createLogger } from '../platform/logger.ts'
import { type FirstAdmin } from '../services/access/first-admin.ts'
import { startPlatform } from '../main.ts'

/** Milliseconds that a process has to end when it is told to; whoever supervises it often kills after 30 s. */
const END_MS = 15_000

/** `npm start`: the platform alone, until SIGTERM or SIGINT. */
export async function main(): Promise<void> {
  const stopping = Promise.withResolvers<'signal'>()
  const interrupted = new AbortController()
  void stopping.promise.then(() => {
    interrupted.abort()
    setTimeout(() => {
      console.error(
        `It did not end within ${END_MS / 1000} s and gives up: what is not given back is found by its lease.`,
      )
      process.exit(1)
    }, END_MS).unref()
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.resolve('signal'))
  let config
  try {
    config = readConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(1)
  }
  const log = createLogger(config.logLevel)
  try {
    const platform = await startPlatform(config, log, interrupted.signal)
    const over = Promise.race([stopping.promise, platform.failed])
    const began = await Promise.race([platform.ready, over])
    if (began === undefined) say(platform.url, platform.admin, config.host)
    const end = await over
    await platform.stop()
    if (end === 'signal') process.exit(0)
    console.error(end)
  } catch (error) {
    if (interrupted.signal.aborted) process.exit(0)
    log.error({ err: error }, 'the platform could not start')
    console.error(error instanceof Error ? error.message : error)
  }
  process.exit(1)
}

function say(url: string, admin: FirstAdmin | undefined, host: string): void {
  console.log(`Testledger is ready at ${url}`)
  if (!admin) return
  const { username, generated } = admin
  if (!generated) return console.log(`The first user is ${username}, with the password of ADMIN_PASSWORD.`)
  if ('password' in generated) console.log(`The first user is ${username}, the password ${generated.password}`)
  else console.error(`The first user is ${username}; the password is in ${generated.file}`)
  if (!['127.0.0.1', '::1', 'localhost'].includes(host)) {
    console.error(
      `HOST ${host} is open to others: change the generated password of ${username}, or set ADMIN_PASSWORD.`,
    )
  }
}
