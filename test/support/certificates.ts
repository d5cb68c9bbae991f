/** Certificates for tests, made by the `openssl` of the machine and good for a day. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Paths of PEM files. */
export type Certified = Readonly<{ cert: string; key: string; /** Key and certificate in one file. */ both: string }>

/** An authority of one's own, whose files are in `folder`: its certificate, and those that it signs. */
export async function createAuthority(
  folder: string,
): Promise<Readonly<{ ca: string; sign(name: string): Promise<Certified> }>> {
  const at = (name: string): string => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '1',
    '-subj',
    '/CN=ca',
  )
  return {
    ca: at('ca.pem'),
    async sign(name) {
      const [cert, key, both, request] = ['crt', 'key', 'pem', 'csr'].map((kind) => at(`${name}.${kind}`)) as [
        string,
        string,
        string,
        string,
      ]
      await writeFile(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost')
      await openssl('req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`)
      const signing = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names')]
      await openssl('x509', '-req', '-in', request, ...signing, '-out', cert, '-days', '1')
      await writeFile(both, `${await readFile(key, 'utf8')}${await readFile(cert, 'utf8')}`)
      return { cert, key, both }
    },
  }
}

function openssl(...args: string[]): Promise<unknown> {
  return promisify(execFile)('openssl', args)
}
