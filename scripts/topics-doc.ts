import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { z } from 'zod'
import type { DomainEvent } from '../contracts/events.ts'
import {
  CLOUD_EVENT_CONTENT_TYPE,
  cloudEvent,
  dataSchemaOf,
  EVENT_DATA,
  EVENT_SOURCE,
  EVENT_TYPE_PREFIX,
} from '../contracts/integration.ts'
import {
  COMMAND_TYPES,
  commandMessage,
  type CommandType,
  COMMANDS_TOPIC,
  deadOf,
  EVENTS_TOPIC,
  type Header,
  HEADERS,
  MESSAGE_VERSION,
  REPLIES_TOPIC,
  replyMessage,
  RUNS_TOPIC,
  runMessage,
  unreadableCommand,
} from '../contracts/topics.ts'
import { CALL_OF, cancelData } from '../gateway/messages/triggers.ts'
import { runCaseBody, runSceneBody, runTaskBody } from '../gateway/rest/runs.ts'

const FILE = fileURLToPath(new URL('../docs/topics.md', import.meta.url))

/** `npm run docs:topics`: writes docs/topics.md as the code says it. */
export async function main(): Promise<void> {
  await writeFile(FILE, await topicsDocument())
}

/** What docs/topics.md holds now. */
export const writtenDocument = (): Promise<string> => readFile(FILE, 'utf8')

/** One topic, as its section tells of it. */
type Topic = Readonly<{
  name: string
  means: string
  writtenBy: string
  readBy: string
  key: string
  headers: readonly Header[]
  schema: z.ZodType
  examples: readonly object[]
  more?: readonly string[]
}>

const HEAD = { version: MESSAGE_VERSION, id: 'build-1742' } as const
const NOT_KNOWN = { all: null, success: null, fail: null, error: null, state: null } as const
const COUNTS = { all: 12, success: 11, fail: 1, error: 0, state: 'fail' } as const

const DATA: Readonly<Record<CommandType, z.ZodType>> = {
  RunTask: runTaskBody,
  RunScene: runSceneBody,
  RunCases: runCaseBody,
  CancelRun: cancelData,
}

const TOPICS: readonly Topic[] = [
  {
    name: COMMANDS_TOPIC,
    means: 'What CI asks for: a run, or the end of one. [docs/ci.md](ci.md) shows how it is sent.',
    writtenBy: 'CI, or whoever has an API token and may write to the topic',
    readBy: 'role `gateway`, group `gateway`',
    key: 'any or none; those of one key are carried out one after the other',
    headers: ['correlation-id'],
    schema: commandMessage,
    examples: [
      { ...HEAD, type: 'RunTask', token: 'tl_7_...', data: { task: 3, env: 2, build: '1742' } },
      { version: MESSAGE_VERSION, id: 'build-1742-stop', type: 'CancelRun', token: 'tl_7_...', data: { record: 17 } },
    ],
    more: [
      `A command is carried out once for its \`id\` and the user of its token, however often it is delivered, on whichever partition, and with whatever other type and data: the first delivery counts, and each repeat is told the first outcome again. What the first asked for is kept encrypted until there is an outcome, the outcome for good. A refusal is an outcome; only a token that does not count leaves nothing. What a command has started is never told as refused: a repeat is accepted though the token has been revoked since, or has a lesser role.`,
      `A token acts as over REST, in its role: who may not start runs is refused. Logins' tokens do not count. Commands are taken as fast as gateways can carry them out: what is sent faster waits in the topic, and \`RATE_LIMIT\`, which refuses, does not concern them. What fails for a passing reason (a store that is away) is tried again; what fails without any that is known is given up after ten times, with \`internal_error\`.`,
      `The token, and what \`data\` lays over an environment's variables, stand in the topic in clear for as long as it keeps messages: let nobody but gateways read it, encrypt the connection (\`KAFKA_TLS\`), and give the topic a shorter retention of its own.`,
      `Where no \`correlation-id\` comes, the command's \`id\` takes its place, if it may stand there. A header that holds a token counts for none.`,
      ...COMMAND_TYPES.flatMap((type) => [
        `### \`data\` of ${type}`,
        type === 'CancelRun'
          ? `Does what \`POST ${CALL_OF[type]}\` does.`
          : `The body of \`POST ${CALL_OF[type]}\`, which does not wait.`,
        schemaBlock(DATA[type]),
      ]),
    ],
  },
  {
    name: REPLIES_TOPIC,
    means:
      'What became of each command. At least once: a reply may come again, and `accepted` may come after `finished`, which is the last word.',
    writtenBy:
      'role `gateway` (`accepted`, `refused`, and the end of a run that has ended already), role `relay` (`finished`)',
    readBy: 'CI, each build with a group of its own, or without one',
    key: "the command's `id`",
    headers: ['correlation-id', 'traceparent'],
    schema: replyMessage,
    examples: [
      { ...HEAD, status: 'accepted', record: 17, ...NOT_KNOWN, message: '已受理，运行尚未结束' },
      {
        ...HEAD,
        status: 'finished',
        record: 17,
        ...COUNTS,
        message: '运行已结束',
      },
      {
        ...HEAD,
        status: 'refused',
        record: null,
        ...NOT_KNOWN,
        message: 'env 为必填项',
        code: 'invalid',
        fields: { env: ['为必填项'] },
      },
    ],
    more: [
      `Messages and codes are those of the REST call, cut where they are long: a message to 2,000 characters, fields to the first 20 with 5 texts of 200 characters each, a field's name to 100; \`…\` ends what was cut. A topic that takes less gets a reply without \`fields\`. A reply never holds a token: \`******\` stands for one that a refusal would quote. Two users who take the same \`id\` read each other's replies: take what nobody else has, as a UUID or the name of the build.`,
    ],
  },
  {
    name: RUNS_TOPIC,
    means: 'Runs that are to be executed. Of no concern to outsiders.',
    writtenBy: 'role `relay`',
    readBy: 'role `runner`, group `runner`',
    key: 'stream of the run, `run-17`',
    headers: ['correlation-id', 'traceparent'],
    schema: runMessage,
    examples: [{ version: MESSAGE_VERSION, run: 17, attempt: 0 }],
  },
  {
    name: EVENTS_TOPIC,
    means: `What has happened, for outsiders: every event of the log, from its start, as [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) in structured mode. At least once, those of one stream in order.`,
    writtenBy: 'role `relay`',
    readBy: 'whoever wants to know; nothing of the platform does',
    key: 'stream of the event, which is `subject`',
    headers: ['content-type', 'correlation-id', 'traceparent'],
    schema: cloudEvent,
    examples: [finishedExample()],
    more: [
      `\`content-type\` is \`${CLOUD_EVENT_CONTENT_TYPE}\`. An event that comes again has the same \`id\`.`,
      `\`data\` tells ids, names, states, counts and who did it. No password, hash, token, header, body, script, variable, URL or free text is ever in it; what of such a thing changed is read over REST, with the rights that it takes. Members are added as versions go by: pass over what you do not know. A change that would break a reader gets another number at the end of \`dataschema\`.`,
      `A relay passes over events that only a newer version of the platform knows: upgrade relays first.`,
      ...Object.keys(EVENT_DATA).flatMap((name) => {
        const type = name as DomainEvent['type']
        const { description, ...schema } = jsonSchema(EVENT_DATA[type])
        return [`### ${type}`, `${String(description)}. \`${dataSchemaOf(type)}\``, jsonBlock(schema)]
      }),
    ],
  },
  {
    name: deadOf(COMMANDS_TOPIC),
    means:
      'Commands that nobody can be answered about: no JSON, no object, without a usable `id`, or with a token in it. The text itself is dropped, for it may hold a token or the value of a variable, and so are its key and its headers: length and hash tell the sender which it was.',
    writtenBy: 'role `gateway`',
    readBy: 'people',
    key: 'none',
    headers: ['reason'],
    schema: unreadableCommand,
    examples: [
      {
        version: MESSAGE_VERSION,
        bytes: 9,
        sha256: '4062edaf750fb8074e7e83e0c9028c94e32468a8b6f1614774328ef045150f93',
      },
    ],
  },
]

function finishedExample(): object {
  return {
    specversion: '1.0',
    id: '0b9f5c1e-27a4-5c3a-9a51-3f0f7f0f7a21',
    source: EVENT_SOURCE,
    type: `${EVENT_TYPE_PREFIX}RunFinished`,
    subject: 'run-17',
    time: '2026-11-21T18:15:34.128811+08:00',
    datacontenttype: 'application/json',
    dataschema: dataSchemaOf('RunFinished'),
    revision: '14',
    position: '0000000000000000231',
    actor: 0,
    correlationid: HEAD.id,
    data: EVENT_DATA.RunFinished.parse({ id: 17, attempt: 1, ...COUNTS }),
  }
}

/** The whole of docs/topics.md. Every example is read by its schema first. */
export async function topicsDocument(): Promise<string> {
  const parts = [
    '# Topics',
    '<!-- Made by `npm run docs:topics` from contracts/topics.ts and contracts/integration.ts. -->',
    'What goes over Kafka (`MESSAGE_LOG=kafka`). Every message is JSON in UTF-8. `KAFKA_TOPIC_PREFIX` stands before the name of each topic and group. Topics are made at start, with `KAFKA_PARTITIONS`, `KAFKA_REPLICATION` and `KAFKA_RETENTION`, unless they are there already.',
    `\`version\` is ${MESSAGE_VERSION} and may be left out of what comes from outside. Members are added without another version: pass over what you do not know.`,
    `What a consumer of the platform cannot read goes to the topic's \`.dead\` with the reason as a header, and stops nothing: \`${deadOf(COMMANDS_TOPIC)}\` as told below, \`${deadOf(RUNS_TOPIC)}\` as it came: its value byte for byte, its headers as text, the first of each name. What is too large for the topic, or cannot be unpacked, is put there as its size and hash alone, \`{"version", "bytes", "sha256"}\`, without its key. Nothing is consumed from there.`,
    'Batches may be packed with GZIP, Snappy, LZ4 or ZSTD. One that unpacks to more than 64 MiB is put aside as a whole: a stand-in for each of its messages, with the size and the hash of the batch.',
    table(
      ['Header', 'Meaning'],
      Object.entries(HEADERS).map(([name, means]) => [`\`${name}\``, means]),
    ),
    ...TOPICS.flatMap(section),
  ]
  const options = await resolveConfig(FILE)
  return format(parts.join('\n\n'), { ...options, filepath: FILE })
}

function section({ name, means, writtenBy, readBy, key, headers, schema, examples, more = [] }: Topic): string[] {
  return [
    `## \`${name}\``,
    means,
    table(
      ['', ''],
      [
        ['Written by', writtenBy],
        ['Read by', readBy],
        ['Key', key],
        ['Headers', headers.map((header) => `\`${header}\``).join(', ')],
      ],
    ),
    schemaBlock(schema),
    examples.length === 1 ? 'For example:' : 'For example, each a message of its own:',
    ...examples.map((example) => {
      schema.parse(example)
      return jsonBlock(example)
    }),
    ...more,
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function schemaBlock(schema: z.ZodType): string {
  return jsonBlock(jsonSchema(schema))
}

function jsonBlock(value: object): string {
  return ['```json', JSON.stringify(value), '```'].join('\n')
}

/** JSON Schema without what says nothing: that numbers are those of doubles, and that members of later versions are not there yet. */
function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const {
    $schema: _,
    '~standard': __,
    ...rest
  } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ jsonSchema: made }) {
      if (made.minimum === Number.MIN_SAFE_INTEGER) delete made.minimum
      if (made.maximum === Number.MAX_SAFE_INTEGER) delete made.maximum
      if (made.additionalProperties === false) delete made.additionalProperties
    },
  })
  return rest
}
