import { repr } from './python.ts'
import { quotePlus } from './form.ts'

export const MASK = '******'
/** Shorter secrets would blank out half of every text without hiding anything. */
const MIN_LENGTH = 4

/** Replaces secrets in text with `******`. */
export type Mask = (text: string) => string

/**
 * Hides `secrets` wherever a result may show them: as they are and as URLs, forms, JSON, Python's `repr` and base64 write them.
 * `credentials` are whole texts that hold a secret in a form of their own (a `Basic` header's base64): hidden as they are.
 */
export function maskOf(secrets: readonly string[], credentials: readonly string[] = []): Mask {
  const kept = secrets.filter((secret) => secret.length >= MIN_LENGTH)
  const needles = [...new Set([...kept.flatMap(writtenForms), ...credentials])].toSorted((a, b) => b.length - a.length)
  if (needles.length === 0) return (text) => text
  const pattern = new RegExp(needles.map((needle) => RegExp.escape(needle)).join('|'), 'g')
  return (text) => text.replace(pattern, MASK)
}

function writtenForms(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1)
  const forms = [secret, json, ascii(json), repr(secret).slice(1, -1), Buffer.from(secret).toString('base64')]
  if (!secret.isWellFormed()) return forms
  const plus = quotePlus(secret)
  return [...forms, plus, plus.replaceAll('+', '%20'), encodeURIComponent(secret), encodeURI(secret)]
}

function ascii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The `Basic` credentials that hold one of the secrets, to be hidden whole. */
export function basicCredentials(headerValues: readonly string[], secrets: readonly string[]): readonly string[] {
  return headerValues.flatMap((value) => {
    const encoded = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(value)?.[1]
    if (encoded === undefined) return []
    const login = Buffer.from(encoded, 'base64').toString('latin1')
    return secrets.some((secret) => secret.length >= MIN_LENGTH && login.includes(secret)) ? [encoded] : []
  })
}
