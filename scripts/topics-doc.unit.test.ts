import { describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { topicsDocument, writtenDocument } from './topics-doc.ts'

/** docs/topics.md says what the code says. */

test('it is what npm run docs:topics makes', async () => {
  expect(await writtenDocument()).toBe(await topicsDocument())
})

describe('for a reader who has nothing but the document', () => {
  const blocks = (text: string) =>
    [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json = '']) => JSON.parse(json) as Record<string, unknown>)

  test('every schema can be read, and every example fits the schema above it', async () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    let examples = 0
    for (const section of (await writtenDocument()).split('\n## ').slice(1)) {
      const [messages = ''] = section.split('\n### ')
      const [schema = {}, ...shown] = blocks(messages)
      const fits = ajv.compile(schema)
      for (const example of shown) expect([example, fits(example), fits.errors]).toEqual([example, true, null])
      expect(shown).not.toHaveLength(0)
      expect(fits({})).toBe(false)
      for (const data of blocks(section).slice(1 + shown.length)) ajv.compile(data)
      examples += shown.length
    }
    expect(examples).toBeGreaterThan(6)
  })

  test('no schema forbids the members of later versions', async () => {
    expect(await writtenDocument()).not.toContain('"additionalProperties": false')
  })
})
