import { EventEmitter, once } from 'node:events'
import { Interrupted, Refused, Unreachable, wordsOf } from './failures.mjs'
import { openCommands } from './kafka.mjs'

/** What `testledger run --kafka` does: it publishes a command, waits for the replies, and publishes another when it is interrupted. */

/**
 * @typedef {Readonly<{
 *   id: string,
 *   token: string,
 *   kafka: import('./kafka.mjs').KafkaOptions,
 *   giveUp: number,
 * }>} Way `giveUp` in milliseconds
 *
 * @typedef {Readonly<{
 *   terminal: import('./terminal.mjs').Terminal,
 *   interruption: import('./interruption.mjs').Interruption,
 * }>} Tools
 */

/**
 * @param {string} order the body of `tasks/run/`
 * @param {Way} way
 * @param {Tools} tools
 * @returns {Promise<import('./run.mjs').Ended>}
 */
export async function commandTask(order, way, tools) {
  const { id, token, kafka, giveUp } = way
  const { terminal } = tools
  const { say } = terminal
  const heard = new Replies()
  const commands = await openCommands(kafka, { giveUp, say, onReply: (reply) => heard.add(reply) })
  try {
    await commands.publish(id, commandText('RunTask', id, token, order), tools.interruption.asked)
    const started = await first(heard, commands, way, tools)
    const { record } = started
    if (record === null) throw new Refused(0, started.message, started.code)
    try {
      say(`record ${record} is started`)
      return ended(await heard.until(id, isEndOf(record), { lost: commands.lost, signal: tools.interruption.asked }))
    } catch (error) {
      if (error instanceof Interrupted) await cancel(record, { heard, commands, way, tools })
      else say(`record ${record} may still be running`)
      throw error
    }
  } finally {
    await commands.close()
  }
}

/** Replies by the id of their command, for who waits for one. */
class Replies extends EventEmitter {
  /** @type {import('./kafka.mjs').Reply[]} */
  #all = []

  /** @param {import('./kafka.mjs').Reply} reply */
  add(reply) {
    this.#all.push(reply)
    this.emit('reply')
  }

  /**
   * @param {string} id
   * @param {(reply: import('./kafka.mjs').Reply) => boolean} wanted
   * @param {Readonly<{ lost: Promise<never>, signal: AbortSignal }>} until
   * @returns {Promise<import('./kafka.mjs').Reply>}
   * @throws {Interrupted} when `signal` is aborted first
   */
  async until(id, wanted, { lost, signal }) {
    for (;;) {
      const found = this.#all.find((reply) => reply.id === id && wanted(reply))
      if (found) return found
      if (signal.aborted) throw new Interrupted()
      await Promise.race([once(this, 'reply', { signal }).catch(() => {}), lost])
    }
  }
}

/**
 * Of this run: another user may have given the id to a command of his own, which is replied to under it as well.
 *
 * @param {number} started
 * @returns {(reply: import('./kafka.mjs').Reply) => boolean}
 */
const isEndOf =
  (started) =>
  ({ status, record }) =>
    status === 'finished' && record === started
const any = () => true

/**
 * The first word on the command. An interruption still finds out whether there is a run to cancel, and cancels it.
 *
 * @param {Replies} heard
 * @param {import('./kafka.mjs').Commands} commands
 * @param {Way} way
 * @param {Tools} tools
 */
async function first(heard, commands, way, tools) {
  const { id, giveUp } = way
  const { asked, over } = tools.interruption
  const patience = AbortSignal.timeout(giveUp)
  try {
    return await heard.until(id, any, { lost: commands.lost, signal: AbortSignal.any([asked, patience]) })
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
  }
  if (!asked.aborted) {
    const said = `no gateway has replied for ${giveUp / 1_000} s`
    throw new Unreachable(`${said}; command ${id} waits in the topic, and may still start a run`)
  }
  const reply = await heard.until(id, any, { lost: commands.lost, signal: over }).catch(() => {
    throw new Interrupted(true)
  })
  if (reply.record !== null) await cancel(reply.record, { heard, commands, way, tools })
  throw new Interrupted()
}

/**
 * @param {number} record
 * @param {Readonly<{ heard: Replies, commands: import('./kafka.mjs').Commands, way: Way, tools: Tools }>} more
 */
async function cancel(record, { heard, commands, way, tools }) {
  const { terminal, interruption } = tools
  terminal.say(`cancelling record ${record}; once more leaves at once`)
  const id = `${way.id}-cancel`
  try {
    const command = commandText('CancelRun', id, way.token, JSON.stringify({ record }))
    await commands.publish(id, command, interruption.over)
    const { status, message, code } = await heard.until(id, any, {
      lost: commands.lost,
      signal: interruption.over,
    })
    if (status !== 'refused') terminal.say(`record ${record} is cancelled; a case under way still ends`)
    else if (code === 'conflict') terminal.say(`record ${record} had ended`)
    else throw new Refused(0, message, code)
  } catch (error) {
    const why = error instanceof Interrupted ? 'nobody has replied' : wordsOf(error)
    terminal.warn(`record ${record} could not be cancelled and may still be running: ${why}`)
  }
}

/**
 * @param {'RunTask' | 'CancelRun'} type
 * @param {string} id
 * @param {string} token
 * @param {string} data JSON
 */
function commandText(type, id, token, data) {
  return `{"version":1,"id":${JSON.stringify(id)},"type":"${type}","token":${JSON.stringify(token)},"data":${data}}`
}

/**
 * @param {import('./kafka.mjs').Reply} reply
 * @returns {import('./run.mjs').Ended}
 */
function ended({ record, all, success, fail, error, state }) {
  const counts = { all: all ?? 0, success: success ?? 0, fail: fail ?? 0, error: error ?? 0 }
  return { record: record ?? 0, ...counts, state: /** @type {import('./run.mjs').RunState} */ (state) }
}
