import { describe, expect, test } from '@jest/globals'
import { type Dialect, type Parameters, withPlaceholders } from './placeholders.ts'
import type { Scalar } from './port.ts'

const int = (text: string): Scalar => ['int', text]
const [one, two] = [int('1'), int('2')]
const BOTH: readonly Dialect[] = ['mysql', 'postgres']
const written = (dialect: Dialect, sql: string, parameters: Parameters): string =>
  withPlaceholders(dialect, sql, parameters).sql

describe('without parameters', () => {
  test.each(BOTH)('the text goes as it is: %s', (dialect) => {
    const sql = "select '%s', 5 %% 2, %(a)s, date_format(d, '%Y')"
    expect(withPlaceholders(dialect, sql, null)).toEqual({ sql, values: null })
  })
})

describe('with parameters', () => {
  test('placeholders are spelled as the database does, values in their order', () => {
    expect(withPlaceholders('mysql', 'a=%s and b=%s', [one, two])).toEqual({ sql: 'a=? and b=?', values: [one, two] })
    expect(withPlaceholders('postgres', 'a=%s and b=%s', [one, two])).toEqual({
      sql: 'a=$1 and b=$2',
      values: [one, two],
    })
  })

  test('a name may stand several times', () => {
    const named = { a: one, b: two, unused: one }
    expect(withPlaceholders('mysql', '%(a)s %(b)s %(a)s', named)).toEqual({ sql: '? ? ?', values: [one, two, one] })
    expect(withPlaceholders('postgres', '%(a)s %(b)s %(a)s', named)).toEqual({ sql: '$1 $2 $1', values: [one, two] })
  })

  test('a list becomes as many placeholders', () => {
    const list: Parameters = [['list', [one, two]], null]
    expect(withPlaceholders('mysql', 'a in %s or b is %s', list)).toEqual({
      sql: 'a in (?, ?) or b is ?',
      values: [one, two, null],
    })
    expect(written('postgres', 'a in %s or b is %s', list)).toBe('a in ($1, $2) or b is $3')
  })

  test.each(BOTH)('%%%% is one percent sign, in literals too: %s', (dialect) => {
    expect(written(dialect, "select 5 %% 2, '100%%', `", [])).toBe("select 5 % 2, '100%', `")
    expect(written(dialect, 'select a % 2', [])).toBe('select a % 2')
  })

  test.each<[Dialect, string]>([
    ['mysql', "'%s'"],
    ['mysql', "'it''s %s'"],
    ['mysql', "'it\\'s %s'"],
    ['mysql', '"%s \\" %s"'],
    ['mysql', '`%s`'],
    ['mysql', '-- %s\n'],
    ['mysql', '# %s\n'],
    ['mysql', '/* %s */'],
    ['mysql', "'%Y-%m-%d'"],
    ['mysql', "'never closed %s"],
    ['mysql', "'ends with \\"],
    ['postgres', "'%s'"],
    ['postgres', "'it''s %s'"],
    ['postgres', "'ends with \\' "],
    ['postgres', "E'it\\'s %s'"],
    ['postgres', '"%s"'],
    ['postgres', '--%s\n'],
    ['postgres', '/* %s /* %s */ %s */'],
    ['postgres', '/* never closed /* */ %s'],
    ['postgres', '$$ %s $$'],
    ['postgres', '$tag$ %s $$ %s $tag$'],
  ])('%s: nothing in %j is a placeholder', (dialect, sql) => {
    expect(withPlaceholders(dialect, sql, [])).toEqual({ sql, values: [] })
  })

  test.each<[Dialect, string, string]>([
    ['mysql', "'it\\'s', %s", "'it\\'s', ?"],
    ['mysql', "'a''b', %s", "'a''b', ?"],
    ['mysql', '"a\\\\", %s', '"a\\\\", ?'],
    ['mysql', '5--%s', '5--?'],
    ['mysql', '-- x\n%s', '-- x\n?'],
    ['mysql', '/* /* */ %s', '/* /* */ ?'],
    ['mysql', '$$ %s', '$$ ?'],
    ['postgres', "'\\', %s", "'\\', $1"],
    ['postgres', "E'\\\\', %s", "E'\\\\', $1"],
    ['postgres', "case'\\'%s", "case'\\'$1"],
    ['postgres', '# %s', '# $1'],
    ['postgres', 'a$b$%s', 'a$b$$1'],
    ['postgres', '$tag$ $tag$ %s', '$tag$ $tag$ $1'],
  ])('%s: in %j there is one', (dialect, sql, expected) => {
    expect(written(dialect, sql, [one])).toBe(expected)
  })

  test.each<[string, Parameters, string]>([
    ['%s %s', [one], '占位符多于给出的 1 个参数'],
    ['%s', [one, two], '有 1 个占位符，但给了 2 个参数'],
    ['select 1', [one], '有 0 个占位符，但给了 1 个参数'],
    ['%(a)s', [one], '参数应为字典'],
    ['%s', { a: one }, '参数应为列表或元组'],
    ['%(b)s', { a: one }, '%(b)s 没有对应的参数'],
    ['%(toString)s', {}, '%(toString)s 没有对应的参数'],
    ['%d', [one], '不能是 %d'],
    ['%(a)d', { a: one }, '不能是 %('],
    ['in %s', [['list', []]], '不能是空列表'],
  ])('%j with %j is refused', (sql, parameters, why) => {
    for (const dialect of BOTH) expect(() => withPlaceholders(dialect, sql, parameters)).toThrow(why)
  })

  test.each(BOTH)('megabytes of literals are no burden: %s', (dialect) => {
    const sql = `'${"x''\\\\ ".repeat(200_000)}', %s`
    expect(written(dialect, sql, [one]).length).toBeGreaterThan(1_000_000)
    expect(written(dialect, `'${'\\'.repeat(1_000_001)}`, [])).toHaveLength(1_000_002)
  })
})
