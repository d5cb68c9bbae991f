/** XML as libxml2 reads it. */
import { readFileSync } from 'node:fs'
import { validateXML } from 'xmllint-wasm'

const JUNIT = readFileSync(new URL('../fixtures/junit/junit-10.xsd', import.meta.url), 'utf8')
const FILE = 'document.xml'
/** Pages of 64 KiB: documents of tests may be long. */
const PAGES = { initialMemoryPages: 1024, maxMemoryPages: 4096 }

/** What a JUnit file has that the schema of Jenkins' xunit plugin does not allow; nothing where it is valid. */
export async function junitFaults(xml: string): Promise<readonly string[]> {
  const { errors } = await validateXML({ xml: [{ fileName: FILE, contents: xml }], schema: JUNIT, ...PAGES })
  return errors.map(({ rawMessage }) => rawMessage)
}

/** What an XPath expression, of text or a number, comes to. Throws when the document is not well-formed. */
export async function xpath(xml: string, expression: string): Promise<string> {
  const { normalized, errors } = await validateXML({
    xml: [{ fileName: FILE, contents: xml }],
    normalization: 'c14n',
    modifyArguments: () => ['--xpath', expression, FILE],
    ...PAGES,
  })
  if (errors.length > 0) throw new Error(errors.map(({ rawMessage }) => rawMessage).join('\n'))
  return normalized.replace(/\n$/, '')
}

/** The texts at a path, in order, of which there are not more than `MOST_TEXTS`. */
export async function textsAt(xml: string, path: string): Promise<readonly string[]> {
  // All in one expression: each call starts a thread of its own.
  const each = Array.from({ length: MOST_TEXTS }, (_, nth) => `string((${path})[${nth + 1}])`)
  const told = await xpath(xml, `concat(count(${path}), '${BETWEEN}', ${each.join(`, '${BETWEEN}', `)})`)
  const [count, ...texts] = told.split(BETWEEN)
  if (Number(count) > MOST_TEXTS) throw new Error(`there are ${count} texts at ${path}`)
  return texts.slice(0, Number(count))
}

const MOST_TEXTS = 30
const BETWEEN = '\u241e'
