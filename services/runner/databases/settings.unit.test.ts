import { describe, expect, test } from '@jest/globals'
import { isObject, parseJson } from '../../../contracts/json.ts'
import { entriesByName, settingsOf } from './settings.ts'

const config = { host: 'db.example', port: 3306, user: 'future', password: 's3cret-word' }
const read = (entry: object) => {
  const json = parseJson(JSON.stringify(entry))
  if (!isObject(json)) throw new Error('no object')
  return settingsOf('db1', json)
}

describe('entries', () => {
  test('are found by name, the last of a name counts, those without one are left out', () => {
    const db = parseJson(
      JSON.stringify([{ name: 'a', n: 1 }, {}, null, { name: '' }, { name: 'b' }, { name: 'a', n: 2 }]),
    )
    const entries = entriesByName(db)
    expect([...entries.keys()]).toEqual(['a', 'b'])
    expect(entries.get('a')).toEqual(parseJson('{"name": "a", "n": 2}'))
  })

  test('may be one object in place of a list, as with the old engine', () => {
    expect([...entriesByName(parseJson('{"name": "a"}')).keys()]).toEqual(['a'])
  })
})

describe('settings', () => {
  test('of the printed example', () => {
    expect(read({ type: 'mysql', config })).toEqual({ type: 'mysql', ...config, database: undefined })
  })

  test('have defaults and other spellings', () => {
    const { port: _, ...rest } = config
    expect(read({ type: 'MySQL', config: { ...rest, db: 'shop', charset: 'utf8' } })).toMatchObject({
      type: 'mysql',
      port: 3306,
      database: 'shop',
    })
    expect(read({ type: 'PostgreSQL', config: { ...rest, port: '6432', dbname: 'shop' } })).toMatchObject({
      type: 'postgres',
      port: 6432,
      database: 'shop',
    })
    expect(read({ type: 'postgres', config: { host: '[::1]', user: 'u', database: '' } })).toEqual({
      type: 'postgres',
      host: '::1',
      port: 5432,
      user: 'u',
      password: '',
      database: undefined,
    })
  })

  test.each<[string, object, string]>([
    ['no type', { config }, 'type 只能是'],
    ['another type', { type: 'oracle', config }, 'type 只能是'],
    ['no config', { type: 'mysql' }, 'config 必须是对象'],
    ['a config that is text', { type: 'mysql', config: 'host=…' }, 'config 必须是对象'],
    ['no host', { type: 'mysql', config: { ...config, host: undefined } }, 'config.host 不能为空'],
    ['a host that is none', { type: 'mysql', config: { ...config, host: 5 } }, 'config.host 必须是字符串'],
    ['a socket', { type: 'postgres', config: { ...config, host: '/run/postgresql' } }, 'config.host 必须是主机名'],
    ['no user', { type: 'mysql', config: { ...config, user: '' } }, 'config.user 不能为空'],
    ['a user with a zero', { type: 'mysql', config: { ...config, user: 'a\0b' } }, 'config.user 必须是字符串'],
    [
      'a password that is a number',
      { type: 'mysql', config: { ...config, password: 123456 } },
      'config.password 必须是',
    ],
    ['port 0', { type: 'mysql', config: { ...config, port: 0 } }, 'config.port 必须是'],
    ['half a port', { type: 'mysql', config: { ...config, port: 33.5 } }, 'config.port 必须是'],
    ['a port beyond all', { type: 'mysql', config: { ...config, port: 65_536 } }, 'config.port 必须是'],
    ['a database that is a list', { type: 'mysql', config: { ...config, database: [] } }, 'config.database 必须是'],
    ['passwd', { type: 'mysql', config: { ...config, passwd: 'x' } }, 'config.passwd 请改名为 password'],
    ['a file', { type: 'mysql', config: { ...config, unix_socket: '/x' } }, 'config.unix_socket 不支持'],
    ['local files', { type: 'mysql', config: { ...config, local_infile: true } }, 'config.local_infile 不支持'],
  ])('with %s are refused by the name of the field, without any value', (_, entry, why) => {
    expect(() => read(entry)).toThrow(`数据库 db1 的配置有误：${why}`)
    expect(() => read(entry)).not.toThrow(config.password)
  })
})
