import { isObject, type Json, type JsonObject, parseJson } from '../../contracts/json.ts'
import type { Pin, RunCase } from '../../contracts/run.ts'
import type { Blobs } from '../../platform/blobs.ts'
import { type LiveCase, testCase } from '../commands/case.ts'
import { environment } from '../commands/environment.ts'
import type { Folds } from '../commands/folds.ts'
import { httpInterface } from '../commands/interface.ts'
import type { Requested } from '../commands/run.ts'
import { type Cipher, sealingOf } from '../environments/sealed.ts'
import { openTexts, secretValues, type WholeEnvironment } from '../environments/secrets.ts'
import type { RunEnvironment } from './case/flow.ts'
import type { CaseToRun } from './case/run-case.ts'

/** What a run pinned, as it stood when the run was asked for. Each rejects when the log does not hold it. */
export type Pinned = Readonly<{
  /** `db` is the environment's list of databases, passwords in clear. */
  environment(request: Requested['request']): Promise<RunEnvironment & Readonly<{ db: Json }>>
  case(wanted: RunCase): Promise<CaseToRun>
}>

export function createPinned(deps: { folds: Folds; blobs: Pick<Blobs, 'unspill'>; cipher: Cipher }): Pinned {
  const { folds, blobs, cipher } = deps

  async function interfaceOf(target: RunCase['interface']): Promise<CaseToRun['interface']> {
    if (!('stream' in target)) return blobs.unspill(target)
    const { state } = await folds.at(httpInterface, target.stream, BigInt(target.revision))
    if (state.status !== 'live') throw missing(target)
    return { url: state.url, method: state.method, name: state.name }
  }

  async function contentOf(wanted: RunCase): Promise<Omit<LiveCase, 'status' | 'id' | 'interface'>> {
    if ('unsaved' in wanted) return wanted.unsaved
    const { state } = await folds.at(testCase, wanted.case.stream, BigInt(wanted.case.revision))
    if (state.status !== 'live') throw missing(wanted.case)
    return state
  }

  /** The host and the global variables of this run alone; none of these where the project's key is gone. */
  async function overridesOf({
    project,
    overrides = {},
  }: Requested['request']): Promise<Readonly<{ host?: string; variables: JsonObject }>> {
    const { variables, ...own } = await blobs.unspill(overrides)
    const { scope } = sealingOf(cipher, project)
    const clear = variables === undefined ? undefined : await cipher.decrypt(scope, variables)
    return { ...own, variables: members(clear ?? '{}') }
  }

  return {
    async environment(request) {
      const { stream, revision } = request.environment
      const { state } = await folds.at(environment, stream, BigInt(revision))
      if (state.status !== 'live') throw missing(request.environment)
      const whole = (await blobs.unspill(state)) as WholeEnvironment
      const texts = await openTexts(cipher, whole, 'clear')
      const own = await overridesOf(request)
      const variables = new Map([
        ...members(texts.global_variable),
        ...(request.debug ? members(texts.debug_global_variable) : []),
        ...own.variables,
      ])
      // A variable of that name would go before it.
      if (own.host !== undefined) variables.delete('host')
      return {
        host: own.host ?? whole.host,
        headers: members(texts.headers),
        globalVariables: variables,
        globalFunc: whole.global_func,
        secrets: await secretValues(cipher, whole),
        secretPaths: whole.secrets,
        db: parseJson(texts.db),
      }
    },

    async case(wanted) {
      const { title, headers, request, file, setup_script, teardown_script } = await blobs.unspill(
        await contentOf(wanted),
      )
      return {
        title,
        interface: await interfaceOf(wanted.interface),
        headers,
        request,
        file,
        setupScript: setup_script,
        teardownScript: teardown_script,
      }
    },
  }
}

function members(text: string): JsonObject {
  const json = parseJson(text)
  return isObject(json) ? json : new Map()
}

function missing({ stream, revision }: Pin): Error {
  return new Error(`${stream} is not there at revision ${revision}`)
}
