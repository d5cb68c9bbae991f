/** Texts of the stored events, letter for letter. */
export const HEADERS = String.raw`{"Content-Type": "application/json", "Authorization": {"$sealed":"v1.a5b4shmL3lTNhp0qj_FYabjzd5Rpgld_tZMC2R9HR-G8gjbVt7FskA"}}`
export const VARIABLES = String.raw`{"token": {"$sealed":"v1.ui9T8fm4P5k-J8ylwlvUsXQlCa1dkvj-30Jw2kjK2t0tX38"}}`
export const DEBUG_VARIABLES = '{"old": 1, "kept": [1.50]}'
export const SAVED = String.raw`{"$sealed":"v1.xNl5Sgs9gf4ipRDu7Hm2AqlsvUK3E4AvJn1n83Q"}`
export const LONG_VARIABLE = {
  $blob: '877675c058ac7337610bf7caa8fff0ecf57c32a64326a74f1fd9d7c0d59c903c',
  bytes: 20_480,
}
export const DB = String.raw`[{"name":"aliyun","type":"mysql","config":{"user":"root","password":{"$sealed":"v1.qQLrQxAIWi-JUoYGp8gyh8pEDKXVKqcK8VAgl9y3MjYKJ_A3KFDyF4ha"}}}]`
export const FUNCTIONS = { $blob: 'ef7d009c7e812da10f8aa235954c0e128e820b20c053ea7e839a134022a91fdd', bytes: 17_003 }
export const REQUEST = '{"json": {"mobile": "${{mobile}}", "amount": 1.0, "amount": 2.50}}'
export const SETUP = { $blob: '8fb6d5f37e8055ce720bd0b1d56587f88c0071f285966ba17e72b2b12672aa73', bytes: 30_000 }
export const TEARDOWN = 'test.assertion("相等", 200, response.status_code)'
