/** Why a case is 错误 although no script failed: the sentence is for the user and stands in the case's log. */
export class CaseFault extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CaseFault'
  }
}
