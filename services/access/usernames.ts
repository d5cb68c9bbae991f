/** Characters that take no place, or another than where they stand: what begins a line, turns its direction, or is not seen at all. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u

/**
 * What is wrong with a new user name, in Chinese; undefined for a good one. Nobody shall have a name that looks like another's: one
 * with something unseen in it, or more or other white space than is read. Names that there are already stay what they are.
 */
export function usernameFault(username: string): string | undefined {
  if (/^\p{White_Space}|\p{White_Space}$/u.test(username)) return '不能以空白字符开头或结尾'
  const [unseen] = UNSEEN.exec(username) ?? []
  if (unseen !== undefined) return `不能含有控制字符或不可见的格式字符（${codeOf(unseen)}）`
  const [wide] = /(?! )\p{White_Space}/u.exec(username) ?? []
  if (wide !== undefined) return `只能含有普通空格（U+0020），不能含有其他空白字符（${codeOf(wide)}）`
  return username.includes('  ') ? '不能含有连续的空格' : undefined
}

/** `U+200B` */
function codeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}
