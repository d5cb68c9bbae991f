/**
 * health.mjs [PATH]: asks the platform of this container (PORT, HOST) for PATH, /healthz or /readyz, and ends with 0 when it answers 200.
 * The image has no curl. What a check of `/readyz` complains of is printed, so that `docker inspect` shows it.
 */
import { get } from 'node:http'

/** Milliseconds; the probes of `/readyz` take up to 2 s. */
const PATIENCE = 4_000

const [path = '/healthz'] = process.argv.slice(2)
const { HOST: host = '', PORT: port = '' } = process.env
const everywhere = ['', '0.0.0.0', '::'].includes(host)

const request = get(
  { host: everywhere ? '127.0.0.1' : host, port: port || 8600, path, timeout: PATIENCE },
  async (response) => {
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    end(response.statusCode === 200, `${response.statusCode} ${body}`)
  },
)
request.on('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE} ms`)))
request.on('error', (error) => end(false, error.message))

/**
 * @param {boolean} well
 * @param {string} told
 */
function end(well, told) {
  console.log(told)
  process.exitCode = well ? 0 : 1
}
