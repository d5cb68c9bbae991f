import { createHash } from 'node:crypto'
import { describe, expect, jest, test } from '@jest/globals'
import { textsAt, xpath } from '../../../test/support/xml.ts'
import type { RunReport } from '../report.ts'
import { htmlReport } from './html.ts'
import { assertion, caseWith, flowWith, HOSTILE, reportWith, unsentCase } from './report.fixture.ts'

/** What an element's class list has to hold. */
const classed = (name: string): string => `contains(concat(' ', @class, ' '), ' ${name} ')`
const WRONG = `//section[${classed('wrong')}]/details`

const failed = caseWith({ name: '密码错误', state: '失败', assertions: [assertion(false, 401, 400)] })
const broken = unsentCase({ name: '没有变量', state: '错误', log_data: [['EXCEPT', "KeyError: 'token'\n"]] })
const mixed = reportWith([
  flowWith('登录', [caseWith(), failed]),
  flowWith('下单', [broken, caseWith({ name: '下单' })]),
])

describe('the summary', () => {
  test('says what was run, where, by whom, when and for how long', async () => {
    const page = htmlReport(mixed)
    expect(await xpath(page, 'string(//title)')).toBe('错误 · 夜间回归 · 测试报告 12')
    expect(await textsAt(page, `//dl[${classed('tiles')}]/div`)).toEqual([
      '用例4',
      '通过率50.00%',
      '成功2',
      '失败1',
      '错误1',
    ])
    expect(await textsAt(page, `//dl[${classed('facts')}]/div`)).toEqual([
      '测试环境预发环境',
      '测试人员torin',
      '触发方式接口',
      '开始时间2026-09-12 22:00:01 +08:00',
      '结束时间2026-09-12 22:01:02 +08:00',
      '耗时1 分 2 秒',
    ])
  })

  test.each([
    ['https://ci.example.com/?a=1&b=2', 1],
    ['http://ci', 1],
    ['javascript:alert(1)', 0],
    ['data:text/html,x', 0],
    ['//ci', 0],
    ['不是地址', 0],
  ])('the address of a build is a link where it is one of the web: %s', async (url, links) => {
    const page = htmlReport(reportWith([], { build: '#7', branch: 'http://no.link', commit: 'c0ffee', url }))
    expect(await textsAt(page, '//a/@href')).toEqual(links === 1 ? [url] : [])
    expect((await textsAt(page, `//dl[${classed('facts')}]//dd`)).slice(-4)).toEqual([
      '#7',
      'http://no.link',
      'c0ffee',
      url,
    ])
  })

  test.each<[string, Partial<RunReport['run']>, string]>([
    ['running', { state: null, status: '执行中', finished_at: null, total: 9 }, '运行尚未结束（执行中）'],
    ['not begun', { state: null, status: '未执行', started_at: null, finished_at: null }, '运行尚未结束（未执行）'],
    ['cancelled', { state: 'cancelled', total: 9 }, '运行已被取消，有 5 个用例未执行'],
    ['ended from outside', { state: 'error', reason: '已三次中断' }, '运行异常结束：已三次中断'],
  ])('says it of a run that did not come to its end: %s', async (_name, over, words) => {
    const page = htmlReport({ ...mixed, run: { ...mixed.run, ...over } })
    expect(await xpath(page, `string(//p[${classed('note')}])`)).toContain(words)
  })

  test('says of what has not begun that it has not', async () => {
    const flows = [flowWith('一', [caseWith()], { state: 'running' }), flowWith('二', [], { state: 'running' })]
    const badges = async (status: RunReport['run']['status']) =>
      textsAt(
        htmlReport(reportWith(flows, { state: null, status })),
        `//h1/following-sibling::span | //details[${classed('scene')}]/summary/span[1]`,
      )
    expect(await badges('执行中')).toEqual(['执行中', '执行中', '未执行'])
    expect((await badges('未执行'))[0]).toBe('未执行')
  })

  test('has nothing to say of one that did', async () => {
    expect(await xpath(htmlReport(mixed), `count(//p[${classed('note')}])`)).toBe('0')
  })
})

test('what did not succeed stands first and unfolded; then every case in its flow, in order', async () => {
  const page = htmlReport(mixed)
  expect(await textsAt(page, `${WRONG}/summary//span[${classed('name')}]`)).toEqual(['密码错误', '没有变量'])
  expect(await textsAt(page, `${WRONG}/@open`)).toEqual(['', ''])
  expect(await textsAt(page, `${WRONG}//span[${classed('reason')}]`)).toEqual([
    '相等：预期 401，实际 400',
    "KeyError: 'token'",
  ])
  expect(await textsAt(page, `//details[${classed('scene')}]/summary/span[${classed('name')}]`)).toEqual([
    '登录',
    '下单',
  ])
  expect(await textsAt(page, `//li//span[${classed('name')}]`)).toEqual(['登录成功', '密码错误', '没有变量', '下单'])
  // Its details are written once, and lead there from its place.
  const ids = await textsAt(page, `${WRONG}/@id`)
  expect(await textsAt(page, '//li/a/@href')).toEqual(ids.map((id) => `#${id}`))
})

test('one failure among thousands is seen in the bar', async () => {
  const page = htmlReport({ ...mixed, run: { ...mixed.run, all: 9_999, success: 9_998, fail: 1, error: 0 } })
  const widths = (await textsAt(page, '//rect/@width')).map(Number)
  expect(widths).toHaveLength(2)
  expect(Math.min(...widths)).toBeGreaterThan(0.5)
})

test('beyond the first twenty they are folded', async () => {
  const page = htmlReport(
    reportWith([
      flowWith(
        'a',
        Array.from({ length: 25 }, () => failed),
      ),
    ]),
  )
  expect(await xpath(page, `count(${WRONG}[@open])`)).toBe('20')
  expect(await xpath(page, `count(${WRONG})`)).toBe('25')
})

describe('a case', () => {
  const one = (result = caseWith()) => htmlReport(reportWith([flowWith('a', [result])]))

  test('shows its verdict, call, status and time in its line, and folds request, response and log', async () => {
    const page = one()
    expect(await textsAt(page, `//details[${classed('case')}]/summary/span`)).toEqual([
      '成功',
      '登录成功',
      'POST http://localhost/login',
      '200',
      '0.455s',
    ])
    expect(await xpath(page, `count(//details[${classed('case')}][@open])`)).toBe('0')
    expect(await textsAt(page, '//details/details/summary | //div/details/summary')).toEqual(['请求', '响应', '日志'])
    expect(await textsAt(page, '//div/details//pre')).toEqual([
      'Accept: */*',
      '{"username": "torin"}',
      'Content-Type: application/json',
      '{"token": "t-1"}',
      '【INFO】  |   开始执行用例：【登录成功】\n【INFO】  |   登录成功执行——>【通过】',
    ])
  })

  test('shows expected beside actual, the unmet first, laid out and with what differs marked', async () => {
    const order = { id: 1, name: 'a name that makes it long', items: [1, 2], state: '已支付' }
    const page = one(
      caseWith({
        state: '失败',
        assertions: [assertion(true, 'x', 'x'), assertion(false, order, { ...order, state: '待支付' })],
      }),
    )
    const item = `(//li[${classed('assertion')}])`
    expect(await textsAt(page, `${item}/p`)).toEqual(['未通过 相等', '通过 相等'])
    expect(await textsAt(page, `${item}[1]//h4`)).toEqual(['预期结果', '实际结果'])
    expect(await textsAt(page, `${item}[1]//mark`)).toEqual(['  "state": "已支付"', '  "state": "待支付"'])
    expect(await xpath(page, `string(${item}[1]//pre)`)).toContain('{\n  "id": 1,\n  "name"')
    expect(await textsAt(page, `${item}[2]//pre`)).toEqual(['"x"', '"x"'])
  })

  test('numbers and texts that JSON has no word for are shown as they were written', async () => {
    const page = one(caseWith({ assertions: [{ ...assertion(true, 0, 0), expected: 'NaN', actual: '1e400' }] }))
    expect(await textsAt(page, `//li[${classed('assertion')}]//pre`)).toEqual(['NaN', '1e400'])
  })

  test('that sent nothing shows its log alone', async () => {
    const page = one(broken)
    expect(await textsAt(page, `${WRONG}//details/summary`)).toEqual(['日志'])
    expect(await xpath(page, `string(${WRONG}//span[${classed('call')}])`)).toBe('无请求记录')
  })

  test('says where the whole of a body stands that was cut, and at which attempt it ran', async () => {
    const page = one(caseWith({ response_body_url: '/api/testTask/report/12/bodies/0/0/response/', attempt: 2 }))
    expect(await xpath(page, 'string(//div/details[2]/p)')).toBe('全文：/api/testTask/report/12/bodies/0/0/response/')
    expect(await xpath(page, `string(//details[${classed('case')}]/summary)`)).toContain('第 2 次尝试')
  })
})

describe('nothing from outside', () => {
  const everywhere = (text: string): RunReport =>
    reportWith(
      [
        flowWith(text, [
          caseWith({
            name: text,
            state: '失败',
            url: text,
            method: text,
            run_time: text,
            log_data: [
              ['INFO', text],
              [text, text],
            ],
            response_header: { [text]: text },
            requests_header: { [text]: text },
            response_body: text,
            requests_body: text,
            response_body_url: text,
            assertions: [{ ...assertion(false, text, [text, text]), method: text }],
          }),
          unsentCase({ name: text, state: '错误', log_data: [['EXCEPT', text]] }),
          caseWith({ name: text, log_data: [['EXCEPT', text]] }),
        ]),
      ],
      {
        name: text,
        environment_name: text,
        tester: text,
        reason: text,
        build: text,
        branch: text,
        commit: text,
        url: text,
      },
    )

  test('becomes markup, whatever it is and wherever it stands', async () => {
    // It is XML that libxml2 reads, with as many elements and attributes as of harmless text.
    const harmless = 'h'.repeat(HOSTILE.length)
    const shape = (page: string): Promise<string> => xpath(page, 'concat(count(//*), " ", count(//@*))')
    expect(await shape(htmlReport(everywhere(HOSTILE)))).toBe(await shape(htmlReport(everywhere(harmless))))
    expect(htmlReport(everywhere(HOSTILE))).not.toMatch(/<script|<\/pre>]]/)
  })

  test('is shown in another order than it has, or not at all', () => {
    const page = htmlReport(everywhere(HOSTILE))
    expect(page.isWellFormed()).toBe(true)
    expect(page).not.toMatch(/(?![\t\n\r])\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u)
    expect(page).toContain(String.raw`\u202egnp.exe\u2069`)
  })

  test('is fetched or run: no script, no style but its own, no resource', async () => {
    const page = htmlReport(everywhere(HOSTILE))
    const policy = await xpath(page, "string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    const hash = createHash('sha256')
      .update(await xpath(page, 'string(//style)'))
      .digest('base64')
    expect(policy).toBe(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`)
    const outside = '//script | //link | //img | //iframe | //@src | //@style | //@*[starts-with(name(), "on")]'
    expect(await xpath(page, `count(${outside})`)).toBe('0')
    expect(await xpath(page, 'string(//style)')).not.toMatch(/url\(|@import/)
  })
})

test('2,000 cases with long texts make a page that opens', async () => {
  const long = caseWith({ response_body: '<字>'.repeat(20_000), requests_body: 'x'.repeat(60_000) })
  const page = htmlReport(
    reportWith([flowWith('a', [...Array.from({ length: 1999 }, () => long), { ...long, state: '失败' }])]),
  )
  expect(Buffer.byteLength(page)).toBeLessThan(48 * 1024 * 1024)
  // What went wrong keeps its texts as long as reports have them.
  expect(await xpath(page, `string-length(${WRONG}//div/details[2]/pre[2])`)).toBe('60000')
})

test('an empty run, and one without flows, are pages too', async () => {
  for (const report of [reportWith([]), reportWith([flowWith('空', [])])]) {
    expect(await xpath(htmlReport(report), `count(//section[${classed('wrong')}])`)).toBe('0')
  }
})

test('the same report gives the same bytes, whenever it is written', () => {
  const first = htmlReport(mixed)
  jest.useFakeTimers({ now: 0 })
  try {
    expect(htmlReport(mixed)).toBe(first)
  } finally {
    jest.useRealTimers()
  }
})
