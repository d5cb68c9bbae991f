import type { Verdict } from '../../contracts/run.ts'
import type { Chance } from './chance.ts'

/** What a step of a scene does; `enter` and `open` have no scripts and need the cookie alone. */
export type StepKind = 'login' | 'counts' | 'plain' | 'wrong' | 'broken' | 'enter' | 'open'

/** The case of a step, without its interface. */
export type CaseBody = Readonly<{
  url: string
  headers?: Readonly<Record<string, string>>
  teardown_script?: string
}>

const SESSION = { 'X-Token': '${{token}}', 'X-Session': '${{session}}', 'X-N': '${{n}}' }
const LOGIN = `
test.save_env_variable('token', response.json()['token'])
test.save_global_variable('session', response.json()['session'])
test.save_env_variable('n', 0)`

export function caseOf(kind: StepKind, step: number): CaseBody {
  switch (kind) {
    case 'login':
      return { url: '/login', teardown_script: LOGIN }
    case 'counts':
      return {
        url: `/work/${step}`,
        headers: SESSION,
        teardown_script: "test.save_env_variable('n', env.n + 1)\ntest.assertion('相等', 200, response.status_code)",
      }
    case 'plain':
      return { url: `/work/${step}`, headers: SESSION }
    case 'wrong':
      return {
        url: `/work/${step}`,
        headers: SESSION,
        teardown_script: "test.assertion('相等', 404, response.status_code)",
      }
    case 'broken':
      return { url: `/work/${step}`, headers: { 'X-N': '${{nowhere}}' } }
    case 'enter':
      return { url: '/enter' }
    case 'open':
      return { url: `/open/${step}` }
  }
}

export function verdictOf(kind: StepKind): Verdict {
  if (kind === 'wrong') return '失败'
  return kind === 'broken' ? '错误' : '成功'
}

/** What the request of a step must carry of the steps before it; undefined for a step that sends none. */
export function carriedTo(kinds: readonly StepKind[], step: number): { n?: string; after?: string } | undefined {
  const kind = kinds[step]
  if (kind === undefined || kind === 'broken') return undefined
  const before = kinds.slice(0, step)
  const after = before.findLastIndex((each) => each !== 'broken')
  const counts = ['counts', 'plain', 'wrong'].includes(kind)
  return {
    ...(counts && { n: String(before.filter((each) => each === 'counts').length) }),
    ...(after >= 0 && { after: String(after) }),
  }
}

/** The steps of a scene: one that logs in, and 9 to 39 that need it. */
export function drawScene(chance: Chance): readonly StepKind[] {
  const others = chance.between(9, 39)
  if (chance.happens(0.3)) return ['enter', ...Array.from({ length: others }, () => 'open' as const)]
  return ['login', ...Array.from({ length: others }, () => chance.pick(KINDS))]
}

const KINDS: readonly StepKind[] = [
  'counts',
  'counts',
  'counts',
  'counts',
  'plain',
  'plain',
  'plain',
  'wrong',
  'broken',
]
