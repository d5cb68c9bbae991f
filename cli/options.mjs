import { parseArgs } from 'node:util'
import { buildOf } from './build.mjs'
import { commandId, kafkaOf } from './kafka-options.mjs'
import { UsageError } from './failures.mjs'

/**
 * What `testledger run` was asked for.
 *
 * @typedef {Readonly<{
 *   server: string,
 *   account: import('./platform.mjs').Account,
 *   order: string,
 *   giveUp: number,
 *   files: readonly Readonly<{ format: 'junit' | 'html', path: string }>[],
 *   command?: Readonly<{ id: string, token: string, kafka: import('./kafka.mjs').KafkaOptions }>,
 * }>} RunOptions `order` is the body of `tasks/run/`, `giveUp` in milliseconds; with `command` it goes over Kafka, and `server` may be empty
 *
 * @typedef {Readonly<{ command: 'help' | 'version' }> | Readonly<{ command: 'run', options: RunOptions }>} Command
 * @typedef {Readonly<Record<string, string | undefined>>} Environment
 */

/** Every option that takes a value, with what help says of it. */
const OPTIONS = /** @type {const} */ ({
  server: ['URL', 'where the platform is (or TESTLEDGER_SERVER)'],
  task: ['N', 'id of the task'],
  env: ['N', 'id of the environment that it runs in'],
  var: ['NAME=TEXT', "variable laid over the environment's for this run; NAME:=JSON for other than text; repeatable"],
  concurrency: ['N', "scenes that run at the same time, 1 to 32 (the task's own if not given)"],
  host: ['URL', "host to test instead of the environment's, for this run"],
  junit: ['FILE', 'writes the report as JUnit XML'],
  html: ['FILE', 'writes the report as one HTML page'],
  build: ['TEXT', 'kept with the record; found by itself under Jenkins, GitHub Actions and GitLab CI'],
  branch: ['TEXT', 'likewise'],
  commit: ['TEXT', 'likewise'],
  url: ['URL', 'likewise: the page of the build'],
  'give-up': ['SECONDS', 'how long a lost connection is tried again (600)'],
  kafka: ['BROKERS', 'publishes the command to Kafka (host:port, ...); --server is for reports alone then'],
  'kafka-prefix': ['TEXT', 'what names of topics begin with (or KAFKA_TOPIC_PREFIX)'],
  id: ['TEXT', 'with --kafka: names the command, which starts one run however often it is given'],
})

/** @typedef {keyof typeof OPTIONS} OptionName */

const SEE = 'see testledger run --help'

const LARGEST_ID = 2 ** 31 - 1
const MOST_CONCURRENT = 32
const LONGEST_GIVE_UP = 86_400

/** @returns {string} */
export function help() {
  const lines = Object.entries(OPTIONS).map(
    ([name, [value, meaning]]) => `  ${`--${name} ${value}`.padEnd(24)}${meaning}`,
  )
  return `testledger run --server URL --task N --env N [option ...]
testledger run --kafka BROKERS --task N --env N [option ...]

Runs a task, tells each case as it finishes, and waits for the end.

${lines.join('\n')}
  --help                  this
  --version               the version

The account comes from the environment: TESTLEDGER_TOKEN (an API token), or TESTLEDGER_USERNAME and
TESTLEDGER_PASSWORD; over Kafka a token alone. Ctrl-C cancels the run. Certificates of your own:
NODE_EXTRA_CA_CERTS. Kafka: KAFKA_TLS, KAFKA_TLS_CA, KAFKA_TLS_CERT, KAFKA_TLS_KEY, KAFKA_SASL_MECHANISM,
KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, as the platform's.

Exit code: 0 every case is 成功, 1 not every one, 2 it could not be run, 130 interrupted.`
}

/**
 * Reads the words after `testledger`.
 *
 * @param {readonly string[]} args
 * @param {Environment} environment
 * @returns {Command}
 * @throws {UsageError} naming the option or variable
 */
export function commandOf(args, environment) {
  const { words, values } = split(args)
  if ('help' in values || (words.length === 1 && words[0] === 'help')) return { command: 'help' }
  if ('version' in values) return { command: 'version' }
  const [command, extra] = words
  if (command === undefined) throw new UsageError(`no command is given (${SEE})`)
  if (command !== 'run') throw new UsageError(`${quoted(command)} is no command (${SEE})`)
  if (extra !== undefined) throw new UsageError(`${quoted(extra)} belongs to no option (${SEE})`)
  return { command: 'run', options: runOptions(values, environment) }
}

/**
 * @typedef {Readonly<Partial<Record<OptionName | 'help' | 'version', readonly string[]>>>} Values each as often as it was given
 *
 * @param {readonly string[]} args
 * @returns {Readonly<{ words: readonly string[], values: Values }>}
 */
function split(args) {
  const flag = /** @type {const} */ ({ type: 'boolean' })
  const text = /** @type {const} */ ({ type: 'string' })
  const options = Object.fromEntries(Object.keys(OPTIONS).map((name) => [name, text]))
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...options, help: { ...flag, short: 'h' }, version: flag },
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  /** @type {string[]} */
  const words = []
  /** @type {Record<string, string[]>} */
  const values = {}
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind === 'option') (values[token.name] ??= []).push(valueOf(token))
  }
  return { words, values }
}

/** @param {Readonly<{ name: string, rawName: string, value?: string | undefined, inlineValue?: boolean | undefined }>} token */
function valueOf({ name, rawName, value, inlineValue }) {
  if (name === 'help' || name === 'version') {
    if (value === undefined) return ''
    throw new UsageError(`${rawName} takes no value (${SEE})`)
  }
  if (!Object.hasOwn(OPTIONS, name)) throw new UsageError(`${rawName} is no option (${SEE})`)
  // `--junit --html x` has forgotten a file; one that begins with a dash is written `--junit=-x`.
  if (value === undefined || (inlineValue === false && value.startsWith('--'))) {
    throw new UsageError(`${rawName} lacks its value (${SEE})`)
  }
  return value
}

/**
 * @param {Values} values
 * @param {Environment} environment
 * @returns {RunOptions}
 */
function runOptions(values, environment) {
  /** @param {Exclude<OptionName, 'var'>} name */
  const one = (name) => {
    const given = values[name] ?? []
    if (given.length > 1) throw new UsageError(`--${name} is given twice (${SEE})`)
    return given[0]
  }
  const kafka = one('kafka')
  for (const name of /** @type {const} */ (['kafka-prefix', 'id'])) {
    if (kafka === undefined && one(name) !== undefined) throw new UsageError(`--${name} belongs to --kafka (${SEE})`)
  }
  const named = one('server') ?? environment['TESTLEDGER_SERVER']
  const server = kafka !== undefined && !named ? '' : serverOf(named)
  const giveUp = 1_000 * (whole('--give-up', one('give-up'), 1, LONGEST_GIVE_UP) ?? 600)
  const order = orderOf(one, values.var ?? [], environment)
  const files = /** @type {const} */ (['junit', 'html']).flatMap((format) => {
    const path = one(format)
    if (path === '') throw new UsageError(`--${format} names no file (${SEE})`)
    return path === undefined ? [] : [{ format, path }]
  })
  const account = accountOf(environment)
  if (kafka === undefined) return { server, order, giveUp, files, account }
  const [file] = files
  if (server === '' && file) throw new UsageError(`--${file.format} needs --server: reports are not on Kafka (${SEE})`)
  if (!('token' in account)) throw new UsageError(`set TESTLEDGER_TOKEN: over Kafka only an API token counts (${SEE})`)
  const command = {
    id: commandId(one('id'), account.token),
    token: account.token,
    kafka: kafkaOf(kafka, one('kafka-prefix'), environment),
  }
  return { server, order, giveUp, files, account, command }
}

/**
 * @param {string | undefined} text
 * @returns {string} without a slash at its end
 */
function serverOf(text) {
  if (!text) throw new UsageError(`--server is missing: where the platform is (${SEE})`)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`--server ${quoted(text)} is no URL that begins with http:// or https:// (${SEE})`)
  }
  if (url.username || url.password) {
    throw new UsageError(`--server must hold no user and password: they come from the environment (${SEE})`)
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/**
 * The body of `tasks/run/`. Numbers of variables keep the text that they were given in.
 *
 * @param {(name: Exclude<OptionName, 'var'>) => string | undefined} one
 * @param {readonly string[]} variables
 * @param {Environment} environment
 */
function orderOf(one, variables, environment) {
  const task = whole('--task', one('task'), 1, LARGEST_ID)
  if (task === undefined) throw new UsageError(`--task is missing: the id of a task (${SEE})`)
  const env = whole('--env', one('env'), 1, LARGEST_ID)
  if (env === undefined) throw new UsageError(`--env is missing: the id of an environment (${SEE})`)
  const concurrency = whole('--concurrency', one('concurrency'), 1, MOST_CONCURRENT)
  const { build, branch, commit, url } = buildOf(environment)
  const texts = {
    host: one('host'),
    build: one('build') ?? build,
    branch: one('branch') ?? branch,
    commit: one('commit') ?? commit,
    url: one('url') ?? url,
  }
  const members = [
    ...Object.entries({ env, task, concurrency }).filter(([, value]) => value !== undefined),
    ...Object.entries(texts).flatMap(([name, value]) => (value ? [[name, JSON.stringify(value)]] : [])),
  ]
  if (variables.length > 0) members.push(['variables', objectText([...new Map(variables.map(variable))])])
  return objectText(members)
}

/** @param {readonly (readonly unknown[])[]} members names and JSON texts */
function objectText(members) {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${String(json)}`).join(',')}}`
}

/**
 * `name=text`, or `name:=json`.
 *
 * @param {string} given
 * @returns {[name: string, json: string]}
 */
function variable(given) {
  const [, name = '', json, value = ''] = /^(.*?)(:?)=(.*)$/s.exec(given) ?? []
  if (name === '') throw new UsageError(`--var ${quoted(given)} is not NAME=TEXT or NAME:=JSON (${SEE})`)
  if (json === '') return [name, JSON.stringify(value)]
  try {
    JSON.parse(value)
  } catch {
    throw new UsageError(`--var ${name} is no JSON; text is given as ${name}=TEXT (${SEE})`)
  }
  return [name, value]
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} min
 * @param {number} max
 */
function whole(option, text, min, max) {
  if (text === undefined) return undefined
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`${option} ${quoted(text)} is no whole number from ${min} to ${max} (${SEE})`)
}

/**
 * A token counts before a password: it may do less.
 *
 * @param {Environment} environment
 * @returns {import('./platform.mjs').Account}
 */
function accountOf(environment) {
  const { TESTLEDGER_TOKEN, TESTLEDGER_USERNAME: username, TESTLEDGER_PASSWORD: password } = environment
  // What comes out of a file often ends with its line.
  const token = TESTLEDGER_TOKEN?.trim()
  if (token) {
    if (/^[\u0021-\u007e]+$/.test(token)) return { token }
    throw new UsageError(`TESTLEDGER_TOKEN is no token: it has blanks or other signs that none has (${SEE})`)
  }
  if (username && password) return { username, password }
  if (username) throw new UsageError(`TESTLEDGER_PASSWORD is not set (${SEE})`)
  throw new UsageError(`set TESTLEDGER_TOKEN, or TESTLEDGER_USERNAME and TESTLEDGER_PASSWORD (${SEE})`)
}

/** @param {string} text */
function quoted(text) {
  return JSON.stringify(text)
}
