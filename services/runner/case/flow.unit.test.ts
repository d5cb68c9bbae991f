import { describe, expect, test } from '@jest/globals'
import { leafTexts, parseJson, stringifyJson, type JsonObject } from '../../../contracts/json.ts'
import { parseTargetDeny } from './deny.ts'
import { beginScene, closeFlow, hasCode, openFlow, secretsOf, type Flow } from './flow.ts'
import type { ScriptSession } from './scripts.ts'

const noScripts = {} as ScriptSession

function flowWith(globalFunc: string, globalVariables = '{}'): Flow {
  return openFlow({
    environment: {
      host: 'http://h',
      headers: parseJson('{"A":"1"}') as JsonObject,
      globalVariables: parseJson(globalVariables) as JsonObject,
      globalFunc,
      secrets: [],
      secretPaths: [],
    },
    debug: false,
    scripts: noScripts,
    targetDeny: parseTargetDeny(''),
  })
}

test.each([
  ['', false],
  ['\n \t\r\n\f', false],
  ['# 前置脚本(python):\n# data:用例数据 \n', false],
  ['#a\r#b', false],
  ['pass', true],
  ['# a\n  x = 1', true],
  ['#a\rx = 1', true],
  ['"""text"""', true],
])('whether %j does anything', (source, does) => {
  expect(hasCode(source)).toBe(does)
})

describe("whether an environment's source can fail", () => {
  test.each([
    ['', false],
    ['"""\n自定义全局工具函数\n============================\n"""\nfrom apitestengine.core.tools import *', false],
    ["'''doc'''\nfrom ApiTestEngine.core.tools import *\n# more\n", false],
    ['"""doc"""\nfrom apitestengine.core.tools import *\ndef f(): return 1', true],
    ['"""doc""" + 1', true],
    ['"""not closed', true],
    ['from other import *', true],
  ])('%j', (source, can) => {
    expect(flowWith(source).hasGlobalCode).toBe(can)
  })
})

test('the global scope is host, headers and the variables, which may replace them', () => {
  expect(stringifyJson(flowWith('', '{"b":1.0,"a":2}').ENV)).toBe(
    '{"host":"http://h","headers":{"A":"1"},"b":1.0,"a":2}',
  )
  expect(stringifyJson(flowWith('', '{"host":"http://other"}').ENV)).toBe('{"host":"http://other","headers":{"A":"1"}}')
})

test('a scene begins without temporary variables and with the global ones', async () => {
  const flow = flowWith('', '{"g":1}')
  flow.env = parseJson('{"t":1}') as JsonObject
  beginScene(flow)
  expect([flow.env.size, flow.ENV.has('g')]).toEqual([0, true])
  await closeFlow(flow)
})

test('the texts of a secret are its strings and numbers, however deep', () => {
  expect(leafTexts(parseJson('{"a":["x",1.50,{"b":"y"}],"c":null,"d":true}'))).toEqual(['x', '1.50', 'y'])
})

test('what a run began with under the name of a secret stays hidden when it is taken up, and in every flow of it', () => {
  const environment = {
    host: 'http://h',
    headers: new Map(),
    globalVariables: parseJson('{"token":"the-token-of-the-run"}') as JsonObject,
    globalFunc: '',
    secrets: [],
    secretPaths: ['global_variable.token'],
  }
  const secrets = secretsOf(environment)
  const common = { environment, debug: false, scripts: noScripts, secrets, targetDeny: parseTargetDeny('') }
  const ENV = parseJson('{"token":"another-token"}') as JsonObject
  const resumed = openFlow({ ...common, resume: { env: new Map(), ENV, saved: [] } })
  const beside = openFlow(common)
  beside.secrets.addFrom(parseJson('{"token":"a-third-token"}') as JsonObject)
  const text = 'the-token-of-the-run another-token a-third-token'
  expect(resumed.secrets.mask()(text)).toBe('****** ****** ******')
})
