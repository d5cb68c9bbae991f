/** What the demo makes and runs: a project with an environment, interfaces, a file, cases, flows and a task, in the bodies of seed 000. */

export type Verdict = '成功' | '失败' | '错误'

/** A case of the demo. `interface` is a place in `INTERFACES`. */
export type StoryCase = Readonly<{
  interface: number
  /** The verdict that it must get. */
  meant: Verdict
  content: Readonly<{
    title: string
    headers: object
    request: object
    file?: object
    setup_script: string
    teardown_script: string
  }>
}>

export const PROJECT = { name: '小小电商', leader: 'torin' }

export const ENVIRONMENT = {
  name: '本地',
  global_variable: { member_discount: 0.9 },
  headers: { 'customer-header': 'wahaha' },
  global_func: `"""
自定义全局工具函数
============================
"""
from apitestengine.core.tools import *


def total(price, count, discount=1):
    return round(price * count * discount, 2)
`,
}

export const INTERFACES = [
  { name: '注册接口', url: '/api/users/register/', method: 'post', type: '1' },
  { name: '登录接口', url: '/api/users/login/', method: 'post', type: '1' },
  { name: '商品列表', url: '/goods', method: 'get', type: '1' },
  { name: '下单', url: '/orders', method: 'post', type: '1' },
  { name: '上传付款凭证', url: '/receipts', method: 'post', type: '1' },
  { name: '商品详情', url: '/goods/1', method: 'get', type: '1' },
  { name: '没有的商品', url: '/goods/999', method: 'get', type: '1' },
] as const

/** The flows, each with the places of its cases in `CASES`. */
export const SCENES = [
  { name: '注册登录下单', cases: [0, 1, 2, 3, 4, 5] },
  { name: '浏览商品', cases: [2, 6] },
] as const

/** Both flows side by side. */
export const TASK = { name: '每晚回归', concurrency: 2 }

/** What the first flow uploads to the shop. */
export const FILE = { name: '付款凭证.csv', type: 'text/csv', text: '商品,数量,金额\n保温杯,2,107.82\n' }

const BOUGHT = 2
const IN_STOCK = 10

export const CASES: readonly StoryCase[] = [
  {
    interface: 0,
    meant: '成功',
    content: {
      title: '注册成功',
      headers: { 'content-Type': 'application/json' },
      request: {
        json: {
          username: '${{user_mobile}}',
          email: '121282@qq.com',
          password: '123456qwe',
          password_confirmation: '123456qwe',
        },
      },
      setup_script: "mobile = global_func.random_mobile()\r\ntest.save_env_variable('user_mobile',mobile)",
      teardown_script: "test.assertion('相等', 201, response.status_code)",
    },
  },
  {
    interface: 1,
    meant: '成功',
    content: {
      title: '登录成功',
      headers: {},
      request: { json: { username: '${{user_mobile}}', password: '123456qwe' } },
      setup_script: '',
      teardown_script: `test.assertion('相等', 200, response.status_code)
test.save_env_variable('token', response.json()['token'])`,
    },
  },
  {
    interface: 2,
    meant: '成功',
    content: {
      title: '按价格筛选商品',
      headers: {},
      request: { params: { price_lte: 100 } },
      setup_script: '',
      teardown_script: `prices = jsonpath(response.json(), '$[*].price')
test.assertion('相等', 2, len(prices))
for price in prices:
    test.assertion('小于等于', 100, price)`,
    },
  },
  {
    interface: 3,
    meant: '成功',
    content: {
      title: '会员下单',
      headers: { Authorization: 'Bearer ${{token}}' },
      request: { json: { buyer: '${{user_mobile}}', goods: 1, count: BOUGHT } },
      setup_script: `order = data['request']['json']
order['amount'] = global_func.total(59.9, order['count'], ENV.member_discount)`,
      teardown_script: `test.assertion('相等', 201, response.status_code)
test.assertion('相等', 107.82, response.json()['amount'])
test.save_env_variable('order_id', response.json()['id'])`,
    },
  },
  {
    interface: 4,
    meant: '成功',
    content: {
      title: '上传付款凭证',
      headers: { Authorization: 'Bearer ${{token}}' },
      request: { data: { order: '${{order_id}}' } },
      file: [['receipt', [FILE.name, `upload_files/${FILE.name}`, FILE.type]]],
      setup_script: '',
      teardown_script: `test.assertion('相等', 201, response.status_code)
test.assertion('包含', 'multipart/form-data', response.json()['type'])`,
    },
  },
  {
    // json-server keeps the order and leaves the goods as they are: a defect of the shop, which a case is there to find.
    interface: 5,
    meant: '失败',
    content: {
      title: '下单后库存减少',
      headers: {},
      request: {},
      setup_script: '',
      teardown_script: `test.assertion('相等', 200, response.status_code)
test.assertion('相等', ${IN_STOCK - BOUGHT}, response.json()['stock'])`,
    },
  },
  {
    interface: 6,
    meant: '成功',
    content: {
      title: '没有的商品',
      headers: {},
      request: {},
      setup_script: '',
      teardown_script: "test.assertion('相等', 404, response.status_code)",
    },
  },
]

/** What running a flow answered (seed 000 五.1.5), as far as the demo reads it. */
export type FlowOutcome = Readonly<{
  name: string
  all: number
  success: number
  fail: number
  error: number
  cases: readonly Outcome[]
  record: number
}>

/** What running the task answered (seed 000 六.1.6): one entry for each flow. */
export type TaskOutcome = FlowOutcome & Readonly<{ results: readonly Omit<FlowOutcome, 'record'>[] }>

/** The result of one of its cases. */
export type Outcome = Readonly<{
  name: string
  state: Verdict
  run_time: string
  method?: string
  url?: string
  status_cede?: number
  log_data: readonly (readonly [level: string, text: string])[]
  assertions: readonly Readonly<{ method: string; expected: unknown; actual: unknown; passed: boolean }>[]
}>

/** A sentence for each outcome of a flow that is not what the story means it to be; none when all went as it should. */
export function surprises({ cases }: (typeof SCENES)[number], outcomes: readonly Outcome[]): string[] {
  return cases.flatMap((each, nth) => {
    const { meant, content } = CASES[each] as StoryCase
    const outcome = outcomes[nth]
    if (outcome?.state !== meant) return [`${content.title} should be ${meant} and is ${outcome?.state ?? 'not run'}`]
    const failed = outcome.assertions.filter(({ passed }) => !passed)
    const planted = failed.every(({ expected, actual }) => expected === 8 && actual === 10)
    if (meant === '失败' && (failed.length !== 1 || !planted))
      return [`${content.title} failed at something else than the stock`]
    return []
  })
}
