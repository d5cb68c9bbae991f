/** `docker-compose.yml` as Compose would read it: merged, and with the variables of `.env` in their places. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { ROLES } from '../../platform/config.ts'

export type Healthcheck = Readonly<{ test: readonly string[] }>

export type Service = Readonly<{
  image: string
  build?: string
  pull_policy?: string
  command?: readonly string[]
  environment: Readonly<Record<string, string>>
  ports?: readonly string[]
  volumes?: readonly string[]
  networks: readonly string[]
  depends_on?: Readonly<Record<string, Readonly<{ condition: string }>>>
  healthcheck: Healthcheck
  restart: string
  stop_grace_period: string
}>

export type ComposeFile = Readonly<{
  services: Readonly<Record<string, Service>>
  networks: Readonly<Record<string, { internal?: boolean; ipam?: { config: readonly { subnet: string }[] } }>>
  volumes: Readonly<Record<string, unknown>>
}>

export const COMPOSE_FILE = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url))

/** Throws, in the file's own words, where it needs a variable that is not there. */
export function readComposeFile(environment: Readonly<Record<string, string>>): ComposeFile {
  return filledIn(parse(readFileSync(COMPOSE_FILE, 'utf8'), { merge: true }), environment) as ComposeFile
}

/** Those of our own services, and the others. */
export function divided({ services }: ComposeFile): { roles: [string, Service][]; stores: [string, Service][] } {
  const entries = Object.entries(services)
  const isRole = ([name]: [string, Service]): boolean => ROLES.some((role) => role === name)
  return { roles: entries.filter(isRole), stores: entries.filter((entry) => !isRole(entry)) }
}

function filledIn(value: unknown, environment: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return text(value, environment)
  if (Array.isArray(value)) return value.map((item) => filledIn(item, environment))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filledIn(item, environment)]))
}

/** `${NAME}`, `${NAME:-preset}` and `${NAME:?complaint}`, which are all that the file uses. Anything else with a `$` is refused. */
function text(value: string, environment: Readonly<Record<string, string>>): string {
  const filled = value.replaceAll(
    /\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g,
    (_, name: string, kind: string | undefined, word: string) => {
      const set = environment[name]
      if (set) return set
      if (kind === '?') throw new Error(`${name}: ${word}`)
      return kind === '-' ? word : ''
    },
  )
  if (/\$(?!\$)/.test(filled)) throw new Error(`not understood: ${value}`)
  return filled
}
