import { z } from 'zod'

/**
 * What is said over the message log. Every message is JSON and has a schema and a version; `docs/topics.md` is made from what stands
 * here, and from the events for outsiders (`integration.ts`).
 */

/** What CI asks for: consumed by gateways. */
export const COMMANDS_TOPIC = 'commands'
/** What became of it: published by gateways and by the relay, consumed by CI. */
export const REPLIES_TOPIC = 'commands.replies'
/** Runs that are to be executed: published by the relay and the watchdog, consumed by runners. */
export const RUNS_TOPIC = 'runs'
/** What has happened, for outsiders: published by the relay, consumed by whoever wants to know. */
export const EVENTS_TOPIC = 'events'

/** Where a message of a topic that its consumer could not read is put aside. */
export const deadOf = (topic: string): string => `${topic}.dead`

/** Every topic: they are made at start, so that whoever reads or writes first finds them. */
export const TOPICS: readonly string[] = [
  COMMANDS_TOPIC,
  deadOf(COMMANDS_TOPIC),
  REPLIES_TOPIC,
  RUNS_TOPIC,
  deadOf(RUNS_TOPIC),
  EVENTS_TOPIC,
]

/** What `version` says of messages written now. A message of another version is not read; one without is of the first. */
export const MESSAGE_VERSION = 1

const version = z.literal(MESSAGE_VERSION).describe('Version of the message')
const record = z.int().positive().describe("Id of the run's record")

/** `attempt` is the last that was made, 0 for none: a run that has been claimed since is another runner's. */
export const runMessage = z
  .object({
    version: version.optional(),
    run: z.int().positive().describe('Id of the run'),
    attempt: z.int().nonnegative().describe('The last attempt that was made at it, 0 for none'),
  })
  .transform(({ run, attempt }) => ({ run, attempt }))
export type RunMessage = z.output<typeof runMessage>

/** What CI may ask for over the message log: what the REST call of the same meaning does. */
export const COMMAND_TYPES = ['RunTask', 'RunScene', 'RunCases', 'CancelRun'] as const
export type CommandType = (typeof COMMAND_TYPES)[number]

/** Characters of a command's id. */
export const MOST_OF_COMMAND_ID = 255

/** A command as it should be sent. What comes is read by `gateway/messages/`, which says in Chinese what is wrong with it. */
export const commandMessage = z.object({
  version: version.optional(),
  id: z
    .string()
    .min(1)
    .max(MOST_OF_COMMAND_ID)
    .describe(
      'Names the command among all of the same user: one id has one effect, however often it comes. Without control characters, and without a token',
    ),
  type: z.enum(COMMAND_TYPES),
  token: z.string().describe('An API token (tl_...) of a user who may start runs'),
  data: z.looseObject({}).describe('The body of the REST call; `{"record": N}` for CancelRun'),
})

/** How CI is told that a run it has asked for goes on, has ended, or will not be. */
export const REPLY_STATUSES = ['accepted', 'finished', 'refused'] as const

const count = z.int().nonnegative().nullable()

/** What became of a command. Numbers and `state` are null as long as they are not known. */
export const replyMessage = z.object({
  version,
  id: z.string().describe('Of the command'),
  status: z
    .enum(REPLY_STATUSES)
    .describe('accepted: the run goes on; finished: it has ended, the last word; refused: nothing was done'),
  record: record.nullable(),
  all: count.describe('Cases that have a verdict'),
  success: count.describe('Those that are 成功'),
  fail: count.describe('Those that are 失败'),
  error: count.describe('Those that are 错误'),
  state: z.enum(['success', 'fail', 'error', 'cancelled']).nullable().describe('Verdict of the run'),
  message: z.string().describe('In Chinese, for people'),
  code: z.string().optional().describe('Of a refusal: as stable as its message is not'),
  fields: z
    .record(z.string(), z.array(z.string()))
    .optional()
    .describe('Of a refusal: the first of what is wrong, by field'),
})
export type Reply = z.output<typeof replyMessage>

/** What a parked command leaves: never its text, which may hold a token or a variable's value. */
export const unreadableCommand = z.object({
  version,
  bytes: z.int().nonnegative().describe('Length of what came'),
  sha256: z.string().describe('SHA-256 of what came, in hexadecimal'),
})
export type UnreadableCommand = z.output<typeof unreadableCommand>

/** Headers of messages. All are texts. */
export const HEADERS = {
  'correlation-id':
    'Goes with everything that is done for one request: from the command over the run to its events. Letters, digits and `_.:-`, up to 128',
  traceparent: 'The trace that it belongs to (W3C Trace Context), where requests are traced',
  'content-type': 'What the message is written in',
  reason: 'Why a message was put aside',
} as const satisfies Readonly<Record<string, string>>
export type Header = keyof typeof HEADERS
