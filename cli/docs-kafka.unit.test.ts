import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'

/** What docs/ci.md prints for `kcat` and for Python is executed as it is, with a topic that is a file and hours that pass at once. */

const TOKEN = `tl_7_${'x'.repeat(43)}`

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testledger-docs-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function snippet(before: string, language: string): Promise<string> {
  const text = await readFile(new URL('../docs/ci.md', import.meta.url), 'utf8')
  const [, after = ''] = text.split(`\n${before}`)
  const [, script] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(after) ?? []
  if (script === undefined) throw new Error(`docs/ci.md has no ${language} behind: ${before}`)
  return script
}

type Ended = Readonly<{ code: number; output: string; errors: string }>

function execute(command: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
  const { PATH = '' } = process.env
  const bin = join(folder, 'bin')
  const common = { KAFKA_BROKERS: 'kafka:9092', TESTLEDGER_TOKEN: TOKEN, FOLDER: folder, PYTHONPATH: bin }
  const env = { ...common, PATH: `${bin}${delimiter}${PATH}`, ...environment }
  return promisify(execFile)(command, [...args], { cwd: folder, env }).then(
    ({ stdout, stderr }): Ended => ({ code: 0, output: stdout, errors: stderr }),
    (error: { code: number; stdout: string; stderr: string }): Ended => ({
      code: error.code,
      output: error.stdout,
      errors: error.stderr,
    }),
  )
}

async function put(name: string, text: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true })
  await writeFile(join(folder, 'bin', name), text)
  await chmod(join(folder, 'bin', name), 0o755)
}

type Reply = Readonly<Record<string, string | number | null>>
const line = (id: string, reply: Reply): string => `${id}\t${JSON.stringify({ version: 1, id, ...reply })}\n`
const success = { status: 'finished', record: 17, state: 'success', message: '运行已结束' } as const
const fail = { ...success, state: 'fail' } as const

describe('with kcat', () => {
  beforeEach(async () => {
    await put('kcat', '#!/bin/sh\ncase " $* " in *" -P "*) cat >"$FOLDER/sent" ;; *) cat "$FOLDER/replies" ;; esac\n')
    await put('sleep', '#!/bin/sh\n')
    // Ten minutes pass between two looks at the clock.
    await put('date', '#!/bin/sh\necho x >>"$FOLDER/looks"\necho $((1700000000 + 600 * $(wc -l <"$FOLDER/looks")))\n')
  })

  async function run(id: string, replies: string, more: Readonly<Record<string, string>> = {}): Promise<Ended> {
    await writeFile(join(folder, 'replies'), replies)
    return execute('bash', ['--norc', '-c', await snippet('With `kcat`', 'bash')], { BUILD_TAG: id, ...more })
  }
  const sent = async (): Promise<unknown> => JSON.parse(await readFile(join(folder, 'sent'), 'utf8'))

  test.each([
    ['success', success, 0],
    ['fail', fail, 1],
    ['a refusal', { status: 'refused', state: null, message: 'env 为必填项' }, 1],
  ])('%s', async (_, reply, code) => {
    const replies = line('b-17', { status: 'accepted', state: null }) + line('b-17', reply)
    const ended = await run('b-17', replies)
    expect(ended).toMatchObject({ code, errors: '' })
    expect(JSON.parse(ended.output)).toMatchObject({ id: 'b-17', ...reply })
    expect(await sent()).toEqual({ id: 'b-17', type: 'RunTask', token: TOKEN, data: { task: 3, env: 2 } })
  })

  test.each([
    ['one that ends in it', 'my-17', '17'],
    ['one that begins with it', '17 18', '17'],
    ['the same number', '017', '17'],
    ['the same number in other words', '1e1', '10'],
    ['one that a pattern would find', 'b-1', 'b.1'],
  ])('takes no reply to another id: %s', async (_, other, id) => {
    expect(await run(id, line(other, success) + line(id, fail) + line(other, success))).toMatchObject({ code: 1 })
    expect((await run(id, line(other, success))).code).toBe(2)
  })

  test('gives up after two hours', async () => {
    const ended = await run('b-17', line('b-17', { status: 'accepted', state: null }))
    expect(ended).toMatchObject({ code: 2, output: '', errors: 'b-17: no end within two hours\n' })
  })

  test.each(['a"b', "a'b", 'a b', 'a\\b', 'a\tb', '构建', 'a$b', 'x'.repeat(256)])(
    'publishes nothing under an id that makes no JSON or none that counts: %s',
    async (id) => {
      const ended = await run(id, line(id, success))
      expect(ended).toMatchObject({ code: 2, output: '', errors: expect.stringContaining('the id') })
      await expect(sent()).rejects.toThrow('ENOENT')
    },
  )

  test('nor with a token that makes none', async () => {
    const { code, errors } = await run('b-17', line('b-17', success), { TESTLEDGER_TOKEN: 'tl_7_"secret"' })
    expect([code, errors]).toEqual([2, expect.not.stringContaining('secret')])
  })
})

const python = await promisify(execFile)('python3', ['--version']).then(
  () => true,
  () => false,
)
if (!python) process.stderr.write('skipped: what docs/ci.md prints in Python, for there is no python3\n')

;(python ? describe : describe.skip)('in Python', () => {
  beforeEach(() =>
    put(
      'confluent_kafka.py',
      `
import json, os, time
clock = [1700000000.0]
time.time = lambda: clock[0]
sent = {}
class Topic:
    partitions = {} if 'NO_TOPIC' in os.environ else {0: None, 1: None}
class TopicPartition:
    def __init__(self, topic, partition, offset=None): self.partition, self.offset = partition, offset
class Metadata:
    topics = {'commands.replies': Topic()}
class Message:
    def __init__(self, text): self.text = text
    def error(self): return None
    def value(self): return self.text
class Producer:
    def __init__(self, settings): assert settings == {'bootstrap.servers': 'kafka:9092'}
    def produce(self, topic, text, on_delivery): sent[topic], self.told = json.loads(text), on_delivery
    def flush(self, timeout):
        left = int(os.environ.get('UNSENT', '0'))
        if not left: self.told(os.environ.get('REFUSED'), None)
        return left
class Consumer:
    def __init__(self, settings): self.replies = json.loads(os.environ['REPLIES'])
    def list_topics(self, topic, timeout): return Metadata
    def get_watermark_offsets(self, at, timeout): return (0, 5)
    def assign(self, places): assert [(at.partition, at.offset) for at in places] == [(0, 5), (1, 5)]
    def poll(self, timeout):
        clock[0] += 600
        if not self.replies: return None
        reply = {'id': sent['commands']['id'], **self.replies.pop(0)}
        return Message(json.dumps(reply).encode())
`,
    ),
  )

  const run = async (replies: readonly Reply[], more: Readonly<Record<string, string>> = {}): Promise<Ended> =>
    execute('python3', ['-c', await snippet('In Python', 'python')], { REPLIES: JSON.stringify(replies), ...more })

  test('success and fail, among the replies to others', async () => {
    const others = [{ status: 'accepted' }, { ...fail, id: 'another' }]
    expect(await run([...others, success])).toEqual({ code: 0, output: '', errors: '' })
    const failed = await run([{ ...success, id: 'another' }, fail])
    expect(failed.code).toBe(1)
    expect(JSON.parse(failed.errors)).toMatchObject(fail)
  })

  test('gives up after two hours, whatever came for others', async () => {
    const { code, errors } = await run([{ status: 'accepted' }, { ...success, id: 'another' }])
    expect([code, errors]).toEqual([1, expect.stringMatching(/^[\da-f-]{36}: no end within two hours\n$/)])
  })

  test('says that nothing was published', async () => {
    const { code, errors } = await run([success], { UNSENT: '1' })
    expect([code, errors]).toEqual([1, expect.stringMatching(/: not published \[\]\n$/)])
  })

  test('says why, where the brokers refuse it: nothing is left to be sent then', async () => {
    const { code, errors } = await run([success], { REFUSED: 'Topic authorization failed' })
    expect([code, errors]).toEqual([1, expect.stringMatching(/: not published \['Topic authorization failed'\]\n$/)])
  })

  test('waits for no reply where there is no topic for one', async () => {
    const { code, errors } = await run([success], { NO_TOPIC: '1' })
    expect([code, errors]).toEqual([1, 'there is no topic commands.replies\n'])
  })
})
