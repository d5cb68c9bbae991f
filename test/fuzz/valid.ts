/** Values that the platform takes, by schema and by name: what is refused at its first field tries nothing behind it. */
import type { Chance } from '../chaos/chance.ts'
import { type Draft, draftOf, type Member } from './draft.ts'
import type { Schema } from './document.ts'
import { noise } from './nasty.ts'
import type { Belongings, Kind, Sender, World } from './world.ts'

/** What values are made from. */
export type Making = Readonly<{
  chance: Chance
  world: World
  set: Belongings
  sender: Sender
  /** Where cases find an answer. */
  target: string
}>

/** Fields that hold ids. */
const NAMES_OF: Readonly<Record<string, Kind>> = {
  project: 'project',
  env: 'env',
  module: 'module',
  parent: 'module',
  interface: 'interface',
  case: 'case',
  cases: 'case',
  icase: 'case',
  scene: 'scene',
  scenes: 'scene',
  step: 'step',
  id: 'step',
  task: 'task',
}

const SCRIPTS = [
  '',
  'x = 1',
  "print('日志', '😀', '\\x00')",
  "test.assertion('相等', 200, response.status_code)",
  "test.save_env_variable('who', {'a': [1, 2.0, float('nan')]})",
  "test.save_global_variable('who', '\\ud800')",
  "test.save_global_variable('__proto__', {'$sealed': 'x', '$blob': 'y'})",
  "test.delete_global_variable('who')",
  "data['request'] = None",
  "data['headers']['X\\n'] = 5",
  'data.clear()',
  'raise Exception("\\udfff" * 3)',
  'assert False, "\\x00"',
  '1/0',
  'def (',
  '\tx',
  'import os; os._exit(3)',
  'exit()',
  "db.db1.execute('select 1')",
  "print('x' * 300000)",
]

const URLS = ['/echo', '/odd', '/bytes', '/cut', '/big', '/loop', '/nothing?a=1&a=2', 'echo', '//', '/${{who}}', '/%00']

/** Texts by the name of the field, one of them drawn. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  setup_script: SCRIPTS,
  teardown_script: SCRIPTS,
  global_func: [...SCRIPTS, 'def twice(x):\n    return x * 2'],
  url: URLS,
  method: ['get', 'POST', 'put', 'delete', 'patch', 'head', 'options', 'TRACE', 'x y', '${{who}}', '请求'],
  search: ['a', '%', '_', '\\', '用例', 'İ', "'", '😀'],
  start_date: ['2022-07-12', '0001-01-01', '9999-12-31', '2024-02-29', '2023-02-29', '2026-1-1'],
  end_date: ['2022-07-12', '0001-01-01', '9999-12-31', '2024-02-29', '2023-02-29', '99999-01-01'],
  wait: ['0', '1', 'false', 'true', '-1'],
}

/** JSON by the name of the field. */
const SHAPES: Readonly<Record<string, readonly unknown[]>> = {
  headers: [{}, { 'X-A': '${{who}}', B: 1 }, { 'bad name': 'x' }, { a: null, A: ['x'] }, { Cookie: 'a=b', Host: 'x' }],
  request: [
    {},
    { json: { a: '${{who}}', b: [1, null, '${{deep}}'] } },
    { params: { a: [1, 2], b: null, c: '${{token}}' } },
    { data: 'text', headers: { 'Content-Type': 'text/plain' } },
    { data: { a: 1, b: ['x'] }, cookies: { a: 'b' }, auth: ['u', 'p'], timeout: 1 },
    { timeout: '${{who}}', allow_redirects: false, verify: false, proxies: {} },
    { timeout: 0.001 },
    { files: { a: 1 } },
    { json: null, data: [], params: 'a=b&c' },
  ],
  file: [[], [['a', 'hahaha.sql']], { a: ['fuzz.sql', 'upload_files/1/fuzz.sql', 'text/plain'] }, { a: 5 }, [[]]],
  global_variable: [{}, { who: 'x', n: 1e21 }, { token: 'a-secret', deep: { a: { b: [{}] } } }],
  debug_global_variable: [{}, { who: 'debug' }, { token: '******' }],
  variables: [{}, { who: 'this run' }, { token: '******', x: { $sealed: 'v' } }],
  db: [
    [],
    [{ name: 'db1', type: 'mysql', config: { host: '127.0.0.1', port: 1, user: 'u', password: 'a-password' } }],
    [{ name: 'db1', type: 'oracle', config: {} }],
    [{ name: 'a b', config: { password: '******' } }, { name: 'db1' }, {}],
  ],
  secrets: [
    [],
    ['global_variable.token'],
    ['headers.Authorization', 'global_variable.deep.list.0'],
    ['global_variable.'],
  ],
  info: [{}, [], { case: { $blob: 'x' } }, [{ a: 1 }]],
}

/** A body, or a value inside one. `name` is the field's. */
export function valid(schema: Schema, name: string, making: Making): Draft {
  const { chance } = making
  const shapes = SHAPES[name]
  if (shapes !== undefined) return draftOf(chance.pick(shapes))
  if (schema.anyOf) return valid(chance.pick(schema.anyOf), name, making)
  if (schema.properties) return { members: membersOf(schema, making) }
  const type = typeof schema.type === 'string' ? schema.type : chance.pick(schema.type ?? ['object'])
  if (type === 'array') return { items: itemsOf(schema, name, making) }
  if (type === 'integer' || type === 'boolean' || type === 'string' || type === 'null') {
    return draftOf(scalar({ ...schema, type }, name, making))
  }
  return draftOf(chance.pick(SHAPES.info ?? []))
}

function membersOf({ properties = {}, required = [] }: Schema, making: Making): readonly Member[] {
  return Object.entries(properties).flatMap(([name, schema]): readonly Member[] =>
    required.includes(name) || making.chance.happens(0.6) ? [[JSON.stringify(name), valid(schema, name, making)]] : [],
  )
}

function itemsOf({ items = {} }: Schema, name: string, making: Making): readonly Draft[] {
  return Array.from({ length: making.chance.between(0, 3) }, () => valid(items, name, making))
}

/** A text, a number or a flag. */
export function scalar(schema: Schema & { type: string }, name: string, making: Making): unknown {
  if (schema.type === 'null') return null
  if (schema.type === 'boolean') return making.chance.happens(0.7)
  return schema.type === 'integer' ? integer(schema, name, making) : text(schema, name, making)
}

function integer({ minimum = -5, maximum = 100 }: Schema, name: string, { chance, world, set }: Making): number {
  const kind = NAMES_OF[name]
  if (kind !== undefined) return world.id(kind, set, chance)
  if (name === 'wait') return chance.between(0, 1)
  if (chance.happens(0.15)) return chance.pick([minimum, maximum])
  return chance.between(Math.max(minimum, -20), Math.min(maximum, 20))
}

function text(schema: Schema, name: string, { chance, sender, target }: Making): string {
  if (schema.enum) return chance.pick(schema.enum)
  if (name === 'host')
    return chance.pick([target, target, target, '', 'nonsense', 'http://127.0.0.1:1', 'http://[', 'ftp://x'])
  if (name === 'refresh' || name === 'token') return chance.pick([sender.refresh, sender.token])
  if (name === 'old_password') return sender.password
  if (name === 'username') return chance.pick(['admin', 'fuzz-admin-1', `u${chance.between(0, 1e9)}`])
  // As long as it may be, in characters of three bytes.
  if (chance.happens(0.03)) return noise(chance, schema.maxLength ?? 3_000)
  return chance.pick(WORDS[name] ?? ['x', '名称', '123456', 'e\u0301😀 '])
}
