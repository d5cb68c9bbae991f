/** The Dockerfile, and what of this folder `.dockerignore` lets into the image, read as Docker reads them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export type Instruction = Readonly<{ name: string; rest: string }>

/** A stage of the build, from its FROM on. */
export type Stage = Readonly<{ base: string; name: string | undefined; instructions: readonly Instruction[] }>

export function readDockerfile(): readonly Stage[] {
  const lines = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\s*\\\n\s*/g, ' ')
    .split('\n')
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`no instruction: ${line}`)
    if (name !== 'FROM') stages.at(-1)?.instructions.push({ name, rest })
    else {
      const [base = '', , stage] = rest.split(' ')
      stages.push({ base, name: stage, instructions: [] })
    }
  }
  return stages
}

/** What follows an instruction that stands once in a stage. */
export function only(stage: Stage | undefined, name: string): string {
  const found = stage?.instructions.filter((instruction) => instruction.name === name) ?? []
  if (found.length !== 1) throw new Error(`${name} stands ${found.length} times in the stage`)
  return found[0]?.rest ?? ''
}

/** The stage that becomes the image. */
export function finalStage(): Stage {
  const last = readDockerfile().at(-1)
  if (last === undefined) throw new Error('the Dockerfile is empty')
  return last
}

/** What the image sets for its processes. */
export function imageEnvironment(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    only(finalStage(), 'ENV')
      .split(' ')
      .map((pair) => pair.split('=', 2) as [string, string]),
  )
}

type Rule = Readonly<{ pattern: string; fits: RegExp; lets: boolean }>

export function ignoreRules(): readonly Rule[] {
  return readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => {
      const pattern = line.replace(/^!/, '')
      return { pattern, fits: expression(pattern), lets: line.startsWith('!') }
    })
}

/** A star stands for anything within a name, a leading dot too; two of them, and a slash, for any folders or none. */
function expression(pattern: string): RegExp {
  if (/[[\]\\?]|\*\*(?!\/)/.test(pattern)) throw new Error(`not understood: ${pattern}`)
  const source = pattern
    .replaceAll('.', String.raw`\.`)
    .replaceAll(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'))
  return new RegExp(`^${source}$`)
}

/** Whether a path (from the root, without a leading slash) gets into the image: of the rules that fit it or a folder above it the last. */
export function isLetIn(path: string, rules = ignoreRules()): boolean {
  const parts = path.split('/')
  const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  return rules.findLast(({ fits }) => above.some((each) => fits.test(each)))?.lets ?? true
}

/** Every file that `COPY . .` copies, sorted. */
export function contextFiles(): readonly string[] {
  const rules = ignoreRules()
  const begins = new Set(rules.filter(({ lets }) => lets).map(({ pattern }) => pattern.split('/')[0]))
  const files: string[] = []
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (folder === '' && !begins.has(entry.name)) continue
      if (entry.isDirectory()) walk(path)
      else if (isLetIn(path, rules)) files.push(path)
    }
  }
  walk('')
  return files.toSorted()
}

/** Folders below node_modules that `npm ci --omit=dev --omit=optional` installs. */
export function productionPackages(): readonly string[] {
  type Package = Readonly<{ dev?: boolean; optional?: boolean; devOptional?: boolean }>
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Package>
  }
  return Object.entries(packages)
    .filter(([path, { dev, optional, devOptional }]) => path !== '' && !dev && !optional && !devOptional)
    .map(([path]) => path)
}
