import { describe, expect, test } from '@jest/globals'
import { flowWith, json, run, scriptsThat, targetThat, type ScriptAnswer } from './case.fixture.ts'

describe('what scripts come to save under the name of a secret', () => {
  const secretPaths = ['global_variable.tok', 'headers.X-Key', 'global_variable.login.token']
  const ENV = (more: object) => json(JSON.stringify({ host: 'http://h', headers: {}, ...more }))

  test.each<[string, ScriptAnswer]>([
    ['in the global scope', { ENV: ENV({ tok: 'again-secret' }) }],
    ['in the temporary scope', { env: json('{"tok":"again-secret"}') }],
    ['at a path', { ENV: ENV({ login: { token: 'again-secret' } }) }],
    ['deep inside', { ENV: ENV({ tok: { list: [['again-secret'], 1] } }) }],
    ['as a header of the environment', { ENV: ENV({ headers: { 'x-key': 'again-secret' } }) }],
    ['and delete again', { secrets: ['again-secret'] }],
  ])('%s', async (_, saved) => {
    const shown: ScriptAnswer = { log: [['DEBUG', '变量值:again-secret']] }
    const echo = { body: Buffer.from('{"said":"again-secret"}'), headers: [['X-Echo', 'again-secret'] as const] }
    // Saved before the request, and only after everything was shown.
    for (const scripts of [scriptsThat({ ...saved, ...shown }), scriptsThat(shown, saved)]) {
      const flow = flowWith(scripts, targetThat(echo, echo), { debug: true, secretPaths })
      const request = json('{"params":{"x":"again-secret"},"json":"again-secret","auth":["u","again-secret"]}')
      const { result } = await run(flow, { setupScript: '1', teardownScript: '1', request })
      expect(result.url).toBe('http://h/p?x=******')
      expect(result.requests_header?.['Authorization']).toBe('Basic ******')
      expect(JSON.stringify(result)).not.toContain('again-secret')
      // The next case of the run no longer holds it and still hides it.
      flow.env = flow.ENV = new Map([['host', 'http://h']])
      expect(JSON.stringify((await run(flow)).result)).not.toContain('again-secret')
    }
  })

  test('with references to others: what they come to', async () => {
    const flow = flowWith(scriptsThat(), targetThat(), {
      debug: true,
      secretPaths,
      ENV: '{"host":"http://h","headers":{"X-Key":"key of ${{who}}"},"who":"somebody","tok":"${{who}}-token"}',
    })
    const { result } = await run(flow, { request: json('{"params":{"x":"${{tok}}"}}') })
    expect([result.url, result.requests_header?.['X-Key']]).toEqual(['http://h/p?x=******', '******'])
  })

  test('with references that lead nowhere: who does not use it does not mind', async () => {
    const flow = flowWith(scriptsThat(), targetThat(), {
      secretPaths,
      ENV: '{"host":"http://h","tok":"${{nobody}}"}',
    })
    expect((await run(flow)).result.state).toBe('成功')
  })

  test('the same under other names is shown', async () => {
    const scripts = scriptsThat({ ENV: ENV({ token: 'again-secret' }) })
    const flow = flowWith(scripts, targetThat(), { secretPaths })
    const { result } = await run(flow, { setupScript: '1', request: json('{"params":{"x":"${{token}}"}}') })
    expect(result.url).toBe('http://h/p?x=again-secret')
  })
})
