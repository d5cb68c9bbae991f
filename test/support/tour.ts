/** README's tour with curl, as it is printed. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'

export const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** The text from one heading of the second level to the next. */
export function section(heading: string): string {
  const [, text] = README.split(`\n## ${heading}\n`)
  if (text === undefined) throw new Error(`README.md has no section ${heading}`)
  return text.split('\n## ')[0] ?? ''
}

/** What is to be typed, block by block. */
export function typed(heading: string): readonly string[] {
  return [...section(heading).matchAll(/^```bash\n(.*?)^```$/gms)].map(([, block = '']) => block)
}

/** Takes the tour on the platform at `base`; the lines that it prints. Its report goes to `folder`. Rejects where a command fails. */
export async function takeTour(base: string, password: string, folder = tmpdir()): Promise<readonly string[]> {
  const environment = { BASE: base, ADMIN_PASSWORD: password, TMPDIR: folder }
  const printed = await bash(typed('A tour with curl').join('\n'), environment)
  return printed.trim().split('\n')
}

/** Runs a script in `bash`, with `PATH` and `environment` alone; what it writes to stdout. */
export function bash(
  script: string,
  environment: Readonly<Record<string, string>> = {},
  cwd = process.cwd(),
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['-euo', 'pipefail', '-c', script],
      { cwd, env: { PATH: process.env.PATH, ...environment } },
      (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stdout}\n${stderr}`)) : resolve(stdout),
    )
  })
}
