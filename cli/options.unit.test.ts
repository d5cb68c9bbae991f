import { describe, expect, test } from '@jest/globals'
import { UsageError } from './failures.mjs'
import { commandOf, help } from './options.mjs'

const TOKEN = { TESTLEDGER_TOKEN: 'tl_1' }
const NEEDED = ['--server', 'http://h:1', '--task', '3', '--env', '2']

const options = (more: readonly string[] = [], environment: Readonly<Record<string, string>> = TOKEN) => {
  const command = commandOf(['run', ...NEEDED, ...more], environment)
  if (command.command !== 'run') throw new Error(command.command)
  return command.options
}
const order = (more: readonly string[] = [], environment = {}) => options(more, { ...TOKEN, ...environment }).order

describe('what is asked for', () => {
  test('at least', () => {
    expect(options()).toEqual({
      server: 'http://h:1',
      account: { token: 'tl_1' },
      order: '{"env":2,"task":3}',
      giveUp: 600_000,
      files: [],
    })
  })

  test('with everything', () => {
    const more = ['--concurrency=8', '--host', 'https://test', '--junit', 'a.xml', '--html=-b.html', '--give-up', '5']
    expect(
      options([...more, '--build', '7', '--branch', 'main', '--commit', 'c0ffee', '--url', 'http://ci/7']),
    ).toEqual({
      server: 'http://h:1',
      account: { token: 'tl_1' },
      order: JSON.stringify({
        env: 2,
        task: 3,
        concurrency: 8,
        host: 'https://test',
        build: '7',
        branch: 'main',
        commit: 'c0ffee',
        url: 'http://ci/7',
      }),
      giveUp: 5_000,
      files: [
        { format: 'junit', path: 'a.xml' },
        { format: 'html', path: '-b.html' },
      ],
    })
  })

  test.each([
    ['https://tests.example.com/', 'https://tests.example.com'],
    ['http://h:8600/below/a/path/', 'http://h:8600/below/a/path'],
    ['http://[::1]:8600', 'http://[::1]:8600'],
  ])('of the server %s', (given, server) => {
    expect(commandOf(['run', '--server', given, ...NEEDED.slice(2)], TOKEN)).toMatchObject({ options: { server } })
  })

  test('of the server that the environment names, unless it is given', () => {
    const environment = { ...TOKEN, TESTLEDGER_SERVER: 'http://elsewhere' }
    expect(commandOf(['run', ...NEEDED.slice(2)], environment)).toMatchObject({
      options: { server: 'http://elsewhere' },
    })
    expect(options([], environment).server).toBe('http://h:1')
  })

  test.each([[['--help']], [['run', '--help']], [['run', '-h', '--task', '0']], [['help']]])('%j is help', (args) => {
    expect(commandOf(args, {})).toEqual({ command: 'help' })
  })

  test('--version is the version', () => {
    expect(commandOf(['--version'], {})).toEqual({ command: 'version' })
  })
})

describe('over Kafka', () => {
  const RUN = ['run', '--kafka', 'a:9092, [::1]:9093', '--task', '3', '--env', '2']
  const over = (more: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) => {
    const command = commandOf([...RUN, ...more], { ...TOKEN, ...environment })
    return command.command === 'run' ? command.options : undefined
  }

  test('at least', () => {
    expect(over()).toEqual({
      server: '',
      account: { token: 'tl_1' },
      order: '{"env":2,"task":3}',
      giveUp: 600_000,
      files: [],
      command: {
        id: expect.stringMatching(/^testledger-run-[\da-f-]{36}$/),
        token: 'tl_1',
        kafka: { brokers: ['a:9092', '[::1]:9093'], prefix: '', tls: undefined, sasl: undefined },
      },
    })
    expect(over()?.command?.id).not.toBe(over()?.command?.id)
  })

  test('with everything, in the variables that the platform has for it', () => {
    const more = ['--kafka-prefix', 'ci.', '--id', '构建 7', '--server', 'http://h/', '--junit', 'j.xml']
    const environment = {
      KAFKA_TOPIC_PREFIX: 'other.',
      KAFKA_TLS: 'on',
      KAFKA_TLS_CA: 'ca.pem',
      KAFKA_TLS_CERT: 'c.pem',
      KAFKA_TLS_KEY: 'k.pem',
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: 'ci',
      KAFKA_SASL_PASSWORD: 'p',
    }
    expect(over(more, environment)).toMatchObject({
      server: 'http://h',
      files: [{ format: 'junit', path: 'j.xml' }],
      command: {
        id: '构建 7',
        kafka: {
          prefix: 'ci.',
          tls: { ca: 'ca.pem', cert: 'c.pem', key: 'k.pem' },
          sasl: { mechanism: 'scram-sha-512', username: 'ci', password: 'p' },
        },
      },
    })
    expect(over([], environment)?.command?.kafka.prefix).toBe('other.')
  })

  test.each<[string, readonly string[], Readonly<Record<string, string>>, string]>([
    ['no broker', ['--kafka', ' , '], {}, '--kafka " , " is not host:port'],
    ['a URL', ['--kafka', 'kafka://h:1'], {}, '--kafka "kafka://h:1" is not host:port'],
    ['a prefix that no topic can have', ['--kafka', 'h:1', '--kafka-prefix', 'a/b'], {}, '--kafka-prefix "a/b"'],
    ['an id that is blank', ['--kafka', 'h:1', '--id', ' '], {}, '--id is not 1 to'],
    ['an id that is too long', ['--kafka', 'h:1', '--id', 'x'.repeat(249)], {}, '--id is not 1 to'],
    ['an id of several lines', ['--kafka', 'h:1', '--id', 'a\nb'], {}, '--id is not 1 to'],
    ['an id with the token in it', ['--kafka', 'h:1', '--id', 'b tl_1'], {}, '--id holds the token'],
    ['a report without a server', ['--kafka', 'h:1', '--html', 'f'], {}, '--html needs --server'],
    ['an id without Kafka', ['--server', 'http://h', '--id', 'x'], {}, '--id belongs to --kafka'],
    [
      'a prefix without Kafka',
      ['--server', 'http://h', '--kafka-prefix', 'x'],
      {},
      '--kafka-prefix belongs to --kafka',
    ],
    [
      'a password',
      ['--kafka', 'h:1'],
      { TESTLEDGER_TOKEN: '', TESTLEDGER_USERNAME: 'a', TESTLEDGER_PASSWORD: 'b' },
      'only an API token',
    ],
    ['TLS that is neither', ['--kafka', 'h:1'], { KAFKA_TLS: 'yes' }, 'KAFKA_TLS is neither'],
    ['certificates without TLS', ['--kafka', 'h:1'], { KAFKA_TLS_CA: 'f' }, 'KAFKA_TLS is not on'],
    [
      'half a certificate',
      ['--kafka', 'h:1'],
      { KAFKA_TLS: 'on', KAFKA_TLS_KEY: 'f' },
      'KAFKA_TLS_CERT and KAFKA_TLS_KEY',
    ],
    ['an unknown mechanism', ['--kafka', 'h:1'], { KAFKA_SASL_MECHANISM: 'PLAIN' }, 'KAFKA_SASL_MECHANISM is none of'],
    [
      'no password',
      ['--kafka', 'h:1'],
      { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' },
      'KAFKA_SASL_USERNAME and',
    ],
    ['no mechanism', ['--kafka', 'h:1'], { KAFKA_SASL_PASSWORD: 'secret-word' }, 'KAFKA_SASL_MECHANISM is not set'],
  ])('%s is said', (_, args, environment, message) => {
    const wrong = () => commandOf(['run', '--task', '3', '--env', '2', ...args], { ...TOKEN, ...environment })
    expect(wrong).toThrow(UsageError)
    expect(wrong).toThrow(message)
    expect(wrong).not.toThrow('secret-word')
  })
})

describe('variables', () => {
  test.each([
    [
      'text, whatever it looks like',
      ['n=1', 't=true', 'e=', 's= a "b"\n'],
      '{"n":"1","t":"true","e":"","s":" a \\"b\\"\\n"}',
    ],
    [
      'text with the sign that parts it from the name',
      ['q=a=b', 'u=http://h/?a:=b', 'a:b=c'],
      '{"q":"a=b","u":"http://h/?a:=b","a:b":"c"}',
    ],
    [
      'JSON, letter for letter',
      ['n:=1.0', 'l:=[1, 2e3]', 'z:=null', 'o:={"k": 12345678901234567890}'],
      '{"n":1.0,"l":[1, 2e3],"z":null,"o":{"k": 12345678901234567890}}',
    ],
    ['the last of one name', ['a=1', 'b=2', 'a=3'], '{"a":"3","b":"2"}'],
    ['names of any kind', ['用户=torin', '__proto__=x', 'a"b=c'], '{"用户":"torin","__proto__":"x","a\\"b":"c"}'],
  ])('%s', (_, given, variables) => {
    expect(order(given.flatMap((each) => ['--var', each]))).toBe(`{"env":2,"task":3,"variables":${variables}}`)
  })
})

describe('the build', () => {
  const jenkins = {
    BUILD_NUMBER: '7',
    GIT_BRANCH: 'origin/main',
    GIT_COMMIT: 'c0ffee',
    BUILD_URL: 'http://jenkins/job/7/',
  }
  const github = {
    GITHUB_ACTIONS: 'true',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'a/b',
    GITHUB_RUN_ID: '99',
    GITHUB_RUN_NUMBER: '7',
    GITHUB_REF_NAME: '12/merge',
    GITHUB_SHA: 'c0ffee',
    GITHUB_HEAD_REF: '',
  }
  const gitlab = {
    GITLAB_CI: 'true',
    CI_PIPELINE_ID: '7',
    CI_COMMIT_REF_NAME: 'main',
    CI_COMMIT_SHA: 'c0ffee',
    CI_JOB_URL: 'https://gitlab/jobs/7',
  }

  test.each([
    ['Jenkins', jenkins, { build: '7', branch: 'origin/main', commit: 'c0ffee', url: 'http://jenkins/job/7/' }],
    ['Jenkins with several branches', { ...jenkins, BRANCH_NAME: 'main' }, { branch: 'main' }],
    [
      'GitHub Actions',
      github,
      { build: '7', branch: '12/merge', commit: 'c0ffee', url: 'https://github.com/a/b/actions/runs/99' },
    ],
    ['GitHub Actions of a pull request', { ...github, GITHUB_HEAD_REF: 'topic' }, { branch: 'topic' }],
    ['GitLab CI', gitlab, { build: '7', branch: 'main', commit: 'c0ffee', url: 'https://gitlab/jobs/7' }],
    ['GitLab CI of a merge request', { ...gitlab, CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'topic' }, { branch: 'topic' }],
  ])('is found by itself under %s', (_, environment, build) => {
    expect(JSON.parse(order([], environment))).toMatchObject(build)
  })

  test('that is found too long is cut to what is taken, and what is blank is left out', () => {
    const found = { ...jenkins, BRANCH_NAME: ' ', GIT_COMMIT: '\t', BUILD_URL: '构'.repeat(999) + '😀😀' }
    const build = JSON.parse(order([], found)) as object
    expect(build).toEqual({ env: 2, task: 3, build: '7', branch: 'origin/main', url: '构'.repeat(999) + '😀' })
    expect(JSON.parse(order([], { BUILD_NUMBER: ' ', GIT_COMMIT: 'c0ffee' }))).toEqual({ env: 2, task: 3 })
  })

  test('that is said goes to the platform whole, which refuses what is too long', () => {
    expect(JSON.parse(order(['--branch', 'b'.repeat(1_001)], jenkins))).toMatchObject({ branch: 'b'.repeat(1_001) })
  })

  test('is what is said, before what is found; said to be empty it is none', () => {
    const build = JSON.parse(order(['--branch', 'mine', '--url', ''], jenkins)) as object
    expect(build).toEqual({ env: 2, task: 3, build: '7', branch: 'mine', commit: 'c0ffee' })
  })
})

describe('the account', () => {
  const named = { TESTLEDGER_USERNAME: 'torin', TESTLEDGER_PASSWORD: ' p w ' }
  test.each([
    ['a token, without the line end of its file', { TESTLEDGER_TOKEN: 'tl_1\n' }, { token: 'tl_1' }],
    ['a name and a password, letter for letter', named, { username: 'torin', password: ' p w ' }],
    ['the token, when there is both', { ...named, ...TOKEN }, { token: 'tl_1' }],
    ['the name, when the token is empty', { ...named, TESTLEDGER_TOKEN: '' }, { username: 'torin', password: ' p w ' }],
  ])('is %s', (_, environment, account) => {
    expect(options([], environment).account).toEqual(account)
  })
})

describe('what cannot be understood is one line that names it and where help is', () => {
  test.each<[readonly string[], RegExp]>([
    [[], /no command is given/],
    [['walk'], /"walk" is no command/],
    [['run', 'fast', ...NEEDED], /"fast" belongs to no option/],
    [['run', ...NEEDED, '--fast'], /--fast is no option/],
    [['run', ...NEEDED, '--__proto__'], /--__proto__ is no option/],
    [['run', ...NEEDED, '-x'], /-x is no option/],
    [['run', ...NEEDED, '--help=me'], /--help takes no value/],
    [['run', ...NEEDED, '--junit'], /--junit lacks its value/],
    [['run', ...NEEDED, '--junit', '--html', 'h'], /--junit lacks its value/],
    [['run', ...NEEDED, '--junit='], /--junit names no file/],
    [['run', ...NEEDED, '--task', '4'], /--task is given twice/],
    [['run', ...NEEDED.slice(2)], /--server is missing/],
    [['run', '--server', 'h:1', ...NEEDED.slice(2)], /--server "h:1" is no URL/],
    [['run', '--server', 'tests.example.com', ...NEEDED.slice(2)], /--server "tests.example.com" is no URL/],
    [['run', '--server', 'ftp://h', ...NEEDED.slice(2)], /--server "ftp:\/\/h" is no URL/],
    [['run', '--server', 'http://u:p@h', ...NEEDED.slice(2)], /--server must hold no user/],
    [['run', ...NEEDED.slice(0, 2), '--env', '2'], /--task is missing/],
    [['run', ...NEEDED.slice(0, 4)], /--env is missing/],
    [['run', ...NEEDED.slice(0, 4), '--env', 'test'], /--env "test" is no whole number/],
    [['run', ...NEEDED.slice(0, 4), '--env', '2147483648'], /--env "2147483648" is no whole number/],
    [['run', ...NEEDED.slice(0, 4), '--env', '-1'], /--env "-1" is no whole number/],
    [['run', ...NEEDED, '--concurrency', '33'], /--concurrency "33" is no whole number from 1 to 32/],
    [['run', ...NEEDED, '--give-up', '0'], /--give-up "0" is no whole number from 1/],
    [['run', ...NEEDED, '--var', 'a'], /--var "a" is not NAME=TEXT or NAME:=JSON/],
    [['run', ...NEEDED, '--var', '=1'], /--var "=1" is not/],
    [['run', ...NEEDED, '--var', 'a:={b}'], /--var a is no JSON/],
    [['run', ...NEEDED, '--var', 'a\nb'], /--var "a\\nb" is not/],
  ])('%j', (args, line) => {
    const wrong = thrownBy(() => commandOf(args, TOKEN))
    expect(wrong).toBeInstanceOf(UsageError)
    expect(wrong.message).toMatch(line)
    expect(wrong.message).toMatch(/^[^\n]* \(see testledger run --help\)$/)
  })

  test.each([
    [{}, /set TESTLEDGER_TOKEN, or TESTLEDGER_USERNAME and TESTLEDGER_PASSWORD/],
    [{ TESTLEDGER_USERNAME: 'torin' }, /TESTLEDGER_PASSWORD is not set/],
    [{ TESTLEDGER_TOKEN: 'two words' }, /TESTLEDGER_TOKEN is no token/],
    [{ TESTLEDGER_TOKEN: '令牌' }, /TESTLEDGER_TOKEN is no token/],
    [{ ...TOKEN, TESTLEDGER_SERVER: 'nowhere' }, /--server "nowhere" is no URL/],
  ])('the environment %j', (environment, line) => {
    const server = 'TESTLEDGER_SERVER' in environment ? [] : NEEDED.slice(0, 2)
    const { message } = thrownBy(() => commandOf(['run', ...server, ...NEEDED.slice(2)], environment))
    expect(message).toMatch(line)
  })

  test('and never shows a secret', () => {
    const { message } = thrownBy(() => options([], { TESTLEDGER_TOKEN: 'very secret' }))
    expect(message).not.toContain('very')
    expect(thrownBy(() => options(['--var', 'key:=very secret'])).message).not.toContain('very')
  })
})

test('help has every option, and no line that a terminal would break', () => {
  const lines = help().split('\n')
  for (const name of ['server', 'task', 'env', 'var', 'concurrency', 'host', 'junit', 'html', 'build', 'give-up']) {
    expect(lines.filter((line) => line.startsWith(`  --${name} `))).toHaveLength(1)
  }
  expect(lines.filter((line) => line.length > 120)).toEqual([])
})

function thrownBy(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
