import { expect, test } from '@jest/globals'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { sandboxScripts } from './sandbox-scripts.ts'

test('a sandbox that cannot be begun is given back, and the next case asks for one again', async () => {
  let closed = 0
  let broken = true
  const sandbox = {
    begin: () => (broken ? Promise.reject(new Error('no interpreter is to be had')) : Promise.resolve(null)),
    beginCase: () => {},
    close: () => (closed += 1),
  } as unknown as Sandbox
  const scripts = sandboxScripts({ open: () => Promise.resolve(sandbox) }, { globalFunc: '', debug: false })
  await expect(scripts.beginCase()).rejects.toThrow('no interpreter')
  expect(closed).toBe(1)
  broken = false
  expect(await scripts.beginCase()).toBeUndefined()
  expect(closed).toBe(1)
})
