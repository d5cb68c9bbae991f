import { CORRELATION_ID } from '../../platform/message-log/headers.ts'
import type { Handled, Message, MessageLog } from '../../platform/message-log/port.ts'
import { Refused } from '../../platform/message-log/refused.ts'
import { runStream } from '../../contracts/run.ts'
import { COMMANDS_TOPIC, REPLIES_TOPIC, type Reply } from '../../contracts/topics.ts'
import { createCommandMemory } from '../../platform/commands.ts'
import type { EventStore } from '../../platform/event-store/port.ts'
import type { Log } from '../../platform/log.ts'
import { pause } from '../../platform/pause.ts'
import type { Database } from '../../platform/sql.ts'
import { issuedTo } from '../../services/access/api-tokens.ts'
import type { Folds } from '../../services/commands/folds.ts'
import { run } from '../../services/commands/run.ts'
import type { Cipher } from '../../services/environments/sealed.ts'
import { bounded, type Outcome } from '../../services/trigger-commands/outcomes.ts'
import {
  finishedReply,
  outcomeReply,
  replyMessageOf,
  type RunEnd,
  runEndOf,
  shortened,
} from '../../services/trigger-commands/replies.ts'
import { type CommandName, createTriggerCommands } from '../../services/trigger-commands/trigger-commands.ts'
import { createTurns } from '../../services/trigger-commands/turns.ts'
import { invalidToken } from '../auth.ts'
import { correlationIdOf } from '../correlation.ts'
import { Refusal, type RefusalCode, refusalOf } from '../rest/dialects.ts'
import { commandIdOf } from '../rest/context.ts'
import type { KeyOf, Route, User } from '../rest/route.ts'
import { holdsToken, withoutTokens } from '../secrecy.ts'
import { type Delivered, readContent, readDelivered, tracesOf, Unreadable } from './command.ts'
import { cancelledIn, carryOut, routeOf } from './triggers.ts'

/** Gateways share the commands. */
const GROUP = 'gateway'

/** Refused for a reason that passes: nobody is told, it is tried again. */
const PASSING: ReadonlySet<RefusalCode> = new Set([
  'busy',
  'unavailable',
  'not_serving',
  'rate_limited',
  'request_timeout',
])

/** Failures that nobody can explain after which a command is given up, so that it stops no other. */
const MOST_FAILURES = 10

const GIVEN_UP = new Refusal('internal_error', '服务器内部错误：多次执行均失败，命令可能已经生效')

/** Milliseconds until a consumer that failed consumes again. */
const AGAIN = 1_000

/**
 * Carries out the commands that CI publishes, each once per user and id, and replies to every delivery. The reply goes out before the
 * message counts as handled; whatever fails for a passing reason comes again.
 */
export function startTriggerCommands(deps: {
  messages: MessageLog
  /** Those that the commands are carried out by (`CALL_OF`), others are passed over. */
  routes: readonly Route[]
  /** Who an API token speaks for; undefined when it does not count. */
  authenticate(token: string): Promise<User | undefined>
  db: Database
  cipher: Cipher
  /** Keyed hash of a command's content. */
  mac(text: string): string
  store: Pick<EventStore, 'load'>
  folds: Pick<Folds, 'refresh'>
  log: Log
}): { stop(): Promise<void> } {
  const { messages, routes, authenticate, db, cipher, mac, store, folds, log } = deps
  const commands = createTriggerCommands({ db, cipher })
  const turns = createTurns(db)
  const memory = createCommandMemory(db)
  const stopping = new AbortController()
  const { signal } = stopping

  async function handle(message: Message): Promise<Handled> {
    try {
      const delivered = readDelivered(message.value)
      const { [CORRELATION_ID]: named = '' } = message.headers ?? {}
      const correlationId = correlationIdOf(holdsToken(named, delivered.token) ? undefined : named, delivered.id)
      await send(await repliesTo(delivered, correlationId), correlationId)
      return 'done'
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      log.warn({ topic: COMMANDS_TOPIC, reason: error.message }, 'a command cannot be read, and is put aside')
      return { park: error.message, instead: { key: '', value: JSON.stringify(tracesOf(message)) } }
    }
  }

  /** What its topic refuses for good goes out without its words, else not at all: the command is done, and no other waits for it. */
  async function send(replies: readonly Reply[], correlationId: string): Promise<void> {
    const publish = (some: readonly Reply[]): Promise<void> =>
      messages.publish(
        REPLIES_TOPIC,
        some.map((reply) => replyMessageOf(reply, { correlationId })),
      )
    try {
      await publish(replies).catch((error: unknown) => {
        if (error instanceof Refused) return publish(replies.map(shortened))
        throw error
      })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      log.error(
        { err: error, topic: REPLIES_TOPIC, id: correlationId },
        'a reply is refused by its topic, and given up',
      )
    }
  }

  async function repliesTo(delivered: Delivered, correlationId: string): Promise<readonly Reply[]> {
    const { id, token } = delivered
    const user = await userOf(token)
    const outcome =
      user instanceof Refusal ? await outcomeWithout(delivered, user) : await outcomeOf(delivered, user, correlationId)
    // After the outcome is kept: the relay, which tells of ends, did not know before whom to tell.
    const end = outcome.status === 'accepted' ? await endOf(outcome.record) : undefined
    const fields = { status: outcome.status, ...(outcome.status === 'accepted' && { record: outcome.record }) }
    log.info({ ...fields, id: correlationId, user: user instanceof Refusal ? undefined : user.id }, 'command')
    return [outcomeReply(id, outcome), ...(end ? [finishedReply(id, end)] : [])]
  }

  async function userOf(token: string | undefined): Promise<User | Refusal> {
    if (token === undefined) return new Refusal('not_authenticated', '未登录：消息缺少 token')
    return (await authenticate(token)) ?? invalidToken()
  }

  /** What the first delivery of the id asked for is done, whatever this one says. */
  async function outcomeOf({ id, token, content }: Delivered, user: User, correlationId: string): Promise<Outcome> {
    const name = { user: user.id, id }
    const refuse = (refusal: Refusal): Promise<Outcome> => commands.end(name, refused(refusal, token))
    return turns.take(name, async () => {
      const known = await commands.begin(name, content)
      if (known.outcome) return known.outcome
      try {
        if (known.content === undefined) throw new Error('the content of a command cannot be decrypted')
        const idempotency = { ...keyOf(name), hash: mac(known.content) }
        const wanted = readContent(known.content)
        const record = await carryOut(routeOf(routes, wanted.type), wanted, { user, idempotency, correlationId })
        return await commands.end(name, { status: 'accepted', record })
      } catch (error) {
        const refusal = refusalOf(error)
        if (PASSING.has(refusal.code)) throw error
        const record = await startedBy(name, known.content)
        if (record !== undefined) return commands.end(name, { status: 'accepted', record })
        if (refusal.code !== 'internal_error') return refuse(refusal)
        if ((await commands.failed(name)) < MOST_FAILURES) throw error
        log.error({ err: error, id: correlationId }, 'a command is given up')
        return refuse(GIVEN_UP)
      }
    })
  }

  /**
   * For a token that does not count: nothing is done. Whoever had begun the command with it, while it did, is told of the run that has
   * come of that.
   */
  async function outcomeWithout({ id, token }: Delivered, refusal: Refusal): Promise<Outcome> {
    const owner = token === undefined ? undefined : await issuedTo(store, token)
    if (owner === undefined) return refused(refusal, token)
    const name = { user: owner, id }
    return turns.take(name, async () => {
      const known = await commands.find(name)
      if (known?.outcome?.status === 'accepted') return known.outcome
      const record = known && !known.outcome ? await startedBy(name, known.content) : undefined
      return record === undefined ? refused(refusal, token) : commands.end(name, { status: 'accepted', record })
    })
  }

  /** The record of the run that this very command has started or cancelled, though no outcome was kept: a gateway died between the two. */
  async function startedBy(name: CommandName, content: string | undefined): Promise<number | undefined> {
    const commandId = commandIdOf(keyOf(name))
    for (const record of [...(await memory.idsOf(commandId)), ...cancelledIn(content)]) {
      const { commands: done } = await folds.refresh(run, runStream(record))
      if (done.has(commandId)) return record
    }
    return undefined
  }

  async function endOf(record: number): Promise<RunEnd | undefined> {
    const stream = runStream(record)
    const { state, revision } = await folds.refresh(run, stream)
    if (state.status !== 'finished') return undefined
    const [last] = await store.load(stream, { from: revision })
    return last && runEndOf(last)
  }

  async function consume(): Promise<void> {
    while (!signal.aborted) {
      try {
        // Who waits for a reply may listen before there is one.
        await messages.publish(REPLIES_TOPIC, [])
        await messages.consume({ topic: COMMANDS_TOPIC, group: GROUP, from: 'start' }, handle, signal)
      } catch (error) {
        // A message log that is away is stopped before its users when the process goes down.
        if (signal.aborted) return
        log.warn({ err: error, topic: COMMANDS_TOPIC }, 'commands could not be consumed; it is tried again')
        await pause(AGAIN, signal)
      }
    }
  }

  const consuming = consume()
  return {
    async stop() {
      stopping.abort()
      await consuming
      await turns.stop()
    },
  }
}

/** What makes a command the same when it comes again. */
function keyOf({ user, id }: CommandName): KeyOf {
  return { key: id, scope: `${user} ${COMMANDS_TOPIC}` }
}

function refused({ code, message, fields }: Refusal, token: string | undefined): Outcome {
  return bounded(withoutTokens({ status: 'refused', message, code, ...(fields && { fields }) }, token))
}
