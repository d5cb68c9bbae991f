import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  isArray,
  isObject,
  parseJson,
  stringifyJson,
  toPlain,
  type Json,
  type JsonObject,
} from '../../contracts/json.ts'
import { FIELDS, type Field } from './observed.ts'
import type { Answer, Target } from './target.ts'

/** What this engine does otherwise on purpose. */
export type Difference = Readonly<{
  /** The bullet of docs/case-engine.md, "What is different from the old engine", that says so. */
  line: string
  /** The fields that differ, all of them. */
  in: readonly Field[]
  /** What they are here. */
  ours?: Readonly<Record<string, unknown>>
}>

/** Cases of one run that share an environment and their variables; README.md tells how they are written. */
export type Scene = Readonly<{
  name: string
  json: JsonObject
  answers: ReadonlyMap<string, readonly Answer[]>
  /** By index of the case; `*` for each of them, and for what is left after the scene. */
  differs: ReadonlyMap<string, readonly Difference[]>
  /** Tells whether what was recorded is of this very scene. */
  digest: string
}>

const CASES = fileURLToPath(new URL('cases/', import.meta.url))

/** Every group of scenes by its name. */
export async function readGroups(folder = CASES): Promise<ReadonlyMap<string, readonly Scene[]>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).toSorted()
  const groups = await Promise.all(
    files.map(async (file) => [basename(file, '.json'), await readGroup(join(folder, file))] as const),
  )
  return new Map(groups)
}

/** The scenes of one file. Throws with the name of the file and the scene for what is not as README.md says. */
export async function readGroup(file: string): Promise<readonly Scene[]> {
  const json = parseJson(await readFile(file, 'utf8'))
  if (!isArray(json)) throw new Error(`${file} should hold an array of scenes`)
  const scenes = json.map((scene, index) => {
    try {
      return sceneOf(scene)
    } catch (error) {
      throw new Error(`${file}, scene ${index}: ${(error as Error).message}`, { cause: error })
    }
  })
  const names = scenes.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`${file}: two scenes are named ${twice}`)
  return scenes
}

const SCENE_KEYS = ['name', 'debug', 'environment', 'files', 'target', 'cases', 'differs']
const ENVIRONMENT_KEYS = ['headers', 'global_variable', 'debug_global_variable', 'global_func']
const CASE_KEYS = ['title', 'interface', 'headers', 'request', 'file', 'setup_script', 'teardown_script']

function sceneOf(json: Json): Scene {
  const scene = known(json, SCENE_KEYS)
  const name = scene.get('name')
  if (typeof name !== 'string') throw new Error('it needs a name')
  known(scene.get('environment') ?? new Map(), ENVIRONMENT_KEYS)
  const cases = scene.get('cases') ?? null
  if (!isArray(cases) || cases.length === 0) throw new Error('it needs cases')
  for (const one of cases) known(one, CASE_KEYS)
  const asked = new Map(scene)
  asked.delete('differs')
  return {
    name,
    json: asked,
    answers: answersOf(scene.get('target')),
    differs: differencesOf(scene.get('differs'), cases.length),
    digest: createHash('sha256').update(stringifyJson(asked)).digest('hex').slice(0, 16),
  }
}

function known(json: Json | undefined, keys: readonly string[]): JsonObject {
  if (!isObject(json)) throw new Error(`an object is expected, with ${keys.join(', ')}`)
  const other = [...json.keys()].find((key) => !keys.includes(key))
  if (other !== undefined) throw new Error(`${other} is none of ${keys.join(', ')}`)
  return json
}

/** A path has one answer or a list of them. */
function answersOf(json: Json | undefined): ReadonlyMap<string, readonly Answer[]> {
  if (!isObject(json)) return new Map()
  return new Map([...json].map(([path, answers]) => [path, (isArray(answers) ? answers : [answers]).map(answerOf)]))
}

function answerOf(json: Json): Answer {
  const { headers = {}, ...answer } = toPlain(json) as Omit<Answer, 'headers'> & {
    headers?: Readonly<Record<string, string | readonly string[]>>
  }
  const pairs = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one] as const))
  return { ...answer, headers: pairs }
}

function differencesOf(json: Json | undefined, cases: number): Scene['differs'] {
  if (!isObject(json)) return new Map()
  return new Map(
    [...json].map(([key, given]) => {
      if (key !== '*' && !(/^\d+$/.test(key) && Number(key) < cases)) throw new Error(`differs.${key} is no case`)
      const differences = [toPlain(given)].flat() as Difference[]
      const fields = differences.flatMap((difference) => difference.in)
      const other = fields.find((field) => !FIELDS.includes(field))
      if (other !== undefined) throw new Error(`differs.${key}: ${other} is none of ${FIELDS.join(', ')}`)
      return [key, differences]
    }),
  )
}

/** A scene as the engines get it. JSON values are as written: numbers by their text, members in their order. */
export type SceneToRun = Readonly<{
  debug: boolean
  /** The global variables at the beginning, `host` and `headers` included. */
  ENV: JsonObject
  globalFunc: string
  /** What `file` may name, by path. */
  files: ReadonlyMap<string, Buffer>
  /** Each with all of its members, in one order. */
  cases: readonly JsonObject[]
}>

/** `target.test` and `other.test` stand for the target, which has its addresses only now. */
export function sceneFor({ json }: Scene, { address, otherAddress }: Target): SceneToRun {
  const text = stringifyJson(json).replaceAll('target.test', address).replaceAll('other.test', otherAddress)
  const scene = parseJson(text) as JsonObject
  const environment = membersOf(scene.get('environment'))
  const debug = scene.get('debug') === true
  const ENV = new Map<string, Json>([
    ['host', `http://${address}`],
    ['headers', environment.get('headers') ?? new Map()],
    ...membersOf(environment.get('global_variable')),
    ...(debug ? membersOf(environment.get('debug_global_variable')) : []),
  ])
  const cases = scene.get('cases') as readonly JsonObject[]
  return {
    debug,
    ENV,
    globalFunc: source(environment.get('global_func')),
    files: new Map([...membersOf(scene.get('files'))].map(([path, content]) => [path, fileContent(content)])),
    cases: cases.map(wholeCase),
  }
}

/** A file is a text or `{"base64": …}`. */
function fileContent(json: Json): Buffer {
  return isObject(json) ? Buffer.from(textOf(json.get('base64')), 'base64') : Buffer.from(textOf(json))
}

function membersOf(json: Json | undefined): JsonObject {
  return isObject(json) ? json : new Map()
}

/** Python source is one text or a list of lines. */
function source(json: Json | undefined): string {
  return isArray(json) ? json.map(textOf).join('\n') : textOf(json)
}

/** A text as it is; anything else is none. */
export function textOf(json: Json | undefined): string {
  return typeof json === 'string' ? json : ''
}

function wholeCase(json: JsonObject): JsonObject {
  return new Map<string, Json>([
    ['title', json.get('title') ?? ''],
    ['interface', json.get('interface') ?? new Map()],
    ['headers', json.has('headers') ? (json.get('headers') ?? null) : new Map()],
    ['request', json.has('request') ? (json.get('request') ?? null) : new Map()],
    ['file', json.get('file') ?? []],
    ['setup_script', source(json.get('setup_script'))],
    ['teardown_script', source(json.get('teardown_script'))],
  ])
}
