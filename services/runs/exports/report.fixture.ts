/** Reports as tests want them: what they do not name is that of a run of one task that succeeded. */
import { type JsonText, RawJson } from '../../../contracts/json.ts'
import { countVerdicts } from '../../commands/run.ts'
import type { FlowReport, RunReport, ShownAssertion, ShownResult } from '../report.ts'

export const AT = '2026-09-12T22:00:00.000000+08:00'

export function caseWith(over: Partial<ShownResult> = {}): ShownResult {
  return {
    name: '登录成功',
    log_data: [
      ['INFO', '【INFO】  |   开始执行用例：【登录成功】\n'],
      ['INFO', '【INFO】  |   登录成功执行——>【通过】\n'],
    ],
    url: 'http://localhost/login',
    method: 'POST',
    status_cede: 200,
    response_header: { 'Content-Type': 'application/json' },
    requests_header: { Accept: '*/*' },
    response_body: '{"token": "t-1"}',
    requests_body: '{"username": "torin"}',
    state: '成功',
    run_time: '0.455s',
    assertions: [],
    started_at: AT,
    ...over,
  }
}

/** What was sent is left out, as of a case that sent nothing. */
export function unsentCase(over: Partial<ShownResult> = {}): ShownResult {
  const { name, log_data, state, run_time, assertions, started_at } = caseWith(over)
  return { name, log_data, state, run_time, assertions, started_at }
}

export function assertion(passed: boolean, expected: unknown, actual: unknown): ShownAssertion {
  return { method: '相等', expected: json(expected), actual: json(actual), passed }
}

const json = (value: unknown): RawJson => new RawJson(JSON.stringify(value) as JsonText)

export function flowWith(name: string, cases: readonly ShownResult[], over: Partial<FlowReport> = {}): FlowReport {
  const counts = countVerdicts(cases.map(({ state }) => state))
  const state = counts.error > 0 ? 'error' : counts.fail > 0 ? 'fail' : 'success'
  return { ...counts, cases, state, name, scene: 1, ...over }
}

export function reportWith(results: readonly FlowReport[], over: Partial<RunReport['run']> = {}): RunReport {
  const cases = results.flatMap((flow) => flow.cases)
  const counts = countVerdicts(cases.map(({ state }) => state))
  const run: RunReport['run'] = {
    id: 12,
    kind: 'task',
    task: 4,
    name: '夜间回归',
    project: 1,
    environment: 2,
    environment_name: '预发环境',
    tester: 'torin',
    trigger: 'api',
    build: null,
    branch: null,
    commit: null,
    url: null,
    total: cases.length,
    status: '执行完毕',
    state: counts.error > 0 ? 'error' : counts.fail > 0 ? 'fail' : 'success',
    ...counts,
    reason: null,
    requested_at: AT,
    started_at: '2026-09-12T22:00:01.000000+08:00',
    finished_at: '2026-09-12T22:01:02.500000+08:00',
    revision: '5',
    ...over,
  }
  return { run, results }
}

/** Text that markup, and readers of it, could be broken or deceived by. */
export const HOSTILE = `</script></style></pre>]]><script>alert(1)</script><!-- " ' & &amp; \u0000\u0008\u001b[31m\ud800\udc00\ud800 \ufffe \u202egnp.exe\u2069\r\n`
