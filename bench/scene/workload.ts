/** One case, as it is told to each engine: a request with a JSON body, and a script of five lines that checks the answer. */

export const PATH = '/users/register/'
export const SENT = { username: 'musen', password: '123456' }

/** Python, for this engine and the old one. */
export const PYTHON_SCRIPT = `body = response.json()
test.assertion('相等', 200, response.status_code)
test.assertion('相等', 'musen', body['username'])
test.save_env_variable('user_id', body['id'])
print(body['username'])
`

/** The same in newman's words. */
const POSTMAN_SCRIPT = [
  'const body = pm.response.json()',
  "pm.test('status', () => pm.response.to.have.status(200))",
  "pm.test('username', () => pm.expect(body.username).to.eql('musen'))",
  "pm.environment.set('user_id', body.id)",
  'console.log(body.username)',
]

/** Which scene: how many cases, and whether each has its script. */
export type Wanted = Readonly<{ cases: number; scripts: boolean }>

export const titleOf = (nth: number): string => `注册 ${nth}`

/** A collection for newman. */
export function postmanCollection({ cases, scripts }: Wanted, target: string): object {
  return {
    info: { name: 'scene', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
    item: Array.from({ length: cases }, (_, nth) => ({
      name: titleOf(nth),
      request: {
        method: 'POST',
        header: [{ key: 'Content-Type', value: 'application/json' }],
        body: { mode: 'raw', raw: JSON.stringify(SENT) },
        url: target + PATH,
      },
      event: scripts ? [{ listen: 'test', script: { exec: POSTMAN_SCRIPT, type: 'text/javascript' } }] : [],
    })),
  }
}

/** What `old-engine.py` reads. */
export function oldEngineSuite({ cases, scripts }: Wanted, target: string): object {
  return {
    host: target,
    cases: Array.from({ length: cases }, (_, nth) => ({
      title: titleOf(nth),
      interface: { url: PATH, method: 'post' },
      headers: {},
      request: { json: SENT },
      setup_script: '',
      teardown_script: scripts ? PYTHON_SCRIPT : '',
    })),
  }
}

/** A file for hurl, which has no scripts. */
export function hurlFile({ cases }: Wanted, target: string): string {
  return `POST ${target}${PATH}\n${JSON.stringify(SENT)}\n\n`.repeat(cases)
}
