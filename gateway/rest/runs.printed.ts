/** What seed 000 prints for running a case (接口测试模块 2.6), a scene (五.1.5), a task (六.1.6) and for a report (六.2.2), word for word. */
export const PRINTED_RUN = {
  env: 1,
  cases: {
    title: '注册成功',
    interface: {
      url: '/api/users/register/',
      name: '注册接口',
      method: 'post',
    },
    headers: {
      'content-Type': 'application/json',
    },
    request: {
      json: {
        username: '${{user_mobile}}',
        email: '121282@qq.com',
        password: '123456qwe',
        password_confirmation: '123456qwe',
      },
    },
    setup_script: "mobile = global_func.random_mobile()\r\ntest.save_global_variable('user_mobile',mobile)",
    teardown_script: '',
  },
}

export const PRINTED_RESULT = {
  name: '注册成功',
  log_data: [
    ['INFO', '【INFO】  |   开始执行用例：【注册成功】\n'],
    ['INFO', '【INFO】  |   *********执行前置脚本*********'],
    ['INFO', '【INFO】  |   ----------断言----------'],
    ['DEBUG', '比较方式:相等'],
    ['DEBUG', '预期结果:201'],
    ['DEBUG', '实际结果:201'],
    ['INFO', '【INFO】  |   断言通过!'],
    ['INFO', '【INFO】  |   注册成功执行——>【通过】\n'],
  ],
  url: 'http://139.159.205.158:9999/api/users/register/',
  method: 'POST',
  status_cede: 201,
  response_header: {
    Server: 'nginx',
    Date: 'Fri, 18 Aug 2023 09:52:02 GMT',
    'Content-Type': 'application/json',
    'Content-Length': '65',
    Connection: 'keep-alive',
    Vary: 'Accept, Origin, Cookie',
    Allow: 'POST, OPTIONS',
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-cache',
  },
  requests_header: {
    'User-Agent': 'python-requests/2.27.1',
    'Accept-Encoding': 'gzip, deflate',
    Accept: '*/*',
    Connection: 'keep-alive',
    abs: 'torin',
    'Content-Length': '117',
    'Content-Type': 'application/json',
  },
  response_body: '{\n  "username": "13309649840",\n  "id": 75,\n  "email": "fangyang@example.net"\n}',
  requests_body:
    '{\n  "email": "fangyang@example.net",\n  "password": "qwe123",\n  "username": "13309649840",\n  "password_confirmation": "qwe123"\n}',
  state: '成功',
  run_time: '0.455s',
}

export const PRINTED_REPORT = {
  id: 1,
  info: {
    results: [
      {
        all: 2,
        success: 2,
        fail: 0,
        error: 0,
        cases: [
          {
            name: '登录成功',
            log_data: [
              ['INFO', '【INFO】  |   开始执行用例：【登录成功】\n'],
              ['INFO', '【INFO】  |   *********执行前置脚本*********'],
              ['INFO', '【INFO】  |   发送[POST]请求 : 请求地址为http://127.0.0.1:8080/users/login/：'],
              ['INFO', '【INFO】  |   请求响应状态码:400'],
              ['INFO', '【INFO】  |   *********执行后置脚本*********'],
              ['INFO', '【INFO】  |   登录成功执行——>【通过】\n'],
            ],
            url: 'http://127.0.0.1:8080/users/login/',
            method: 'POST',
            status_cede: 400,
            response_header: {
              Date: 'Fri, 22 Jul 2022 08:44:14 GMT',
              Server: 'WSGIServer/0.2 CPython/3.8.5',
              'Content-Type': 'application/json',
              Vary: 'Accept, Origin',
              Allow: 'POST, OPTIONS',
              'X-Frame-Options': 'DENY',
              'Content-Length': '81',
              'X-Content-Type-Options': 'nosniff',
              'Referrer-Policy': 'same-origin',
            },
            requests_header: {
              'User-Agent': 'python-requests/2.28.1',
              'Accept-Encoding': 'gzip, deflate',
              Accept: '*/*',
              Connection: 'keep-alive',
              'customer-header': 'wahaha',
              'Content-Type': 'multipart/form-data; boundary=2e4b7864ba2a4e2d815f9cf16105272b',
              'Content-Length': '2215',
            },
            response_body:
              '{\n  "username": [\n    "该字段是必填项。"\n  ],\n  "password": [\n    "该字段是必填项。"\n  ]\n}',
            requests_body:
              "<MultipartEncoder: [['file', ('blue_bill.sql', <_io.BufferedReader name='D:\\\\project\\\\backend\\\\upload_files\\\\blue_bill.sql'>, 'application/octet-stream')]]>",
            state: '成功',
            run_time: '0.01s',
          },
          {
            name: '登录失败',
            log_data: [
              ['INFO', '【INFO】  |   开始执行用例：【登录失败】\n'],
              ['INFO', '【INFO】  |   *********执行前置脚本*********'],
              ['INFO', '【INFO】  |   发送[POST]请求 : 请求地址为http://127.0.0.1:8080/users/login/：'],
              ['INFO', '【INFO】  |   请求响应状态码:401'],
              ['INFO', '【INFO】  |   *********执行后置脚本*********'],
              ['INFO', '【INFO】  |   登录失败执行——>【通过】\n'],
            ],
            url: 'http://127.0.0.1:8080/users/login/',
            method: 'POST',
            status_cede: 401,
            response_header: {
              Date: 'Fri, 22 Jul 2022 08:44:14 GMT',
              Server: 'WSGIServer/0.2 CPython/3.8.5',
              'Content-Type': 'application/json',
              'WWW-Authenticate': 'Bearer realm="api"',
              Vary: 'Accept, Origin',
              Allow: 'POST, OPTIONS',
              'X-Frame-Options': 'DENY',
              'Content-Length': '37',
              'X-Content-Type-Options': 'nosniff',
              'Referrer-Policy': 'same-origin',
            },
            requests_header: {
              'User-Agent': 'python-requests/2.28.1',
              'Accept-Encoding': 'gzip, deflate',
              Accept: '*/*',
              Connection: 'keep-alive',
              'customer-header': 'wahaha',
              'Content-Length': '44',
              'Content-Type': 'application/json',
            },
            response_body: '{\n  "detail": "用户名密码错误！"\n}',
            requests_body: '{\n  "username": "torin",\n  "password": "123123"\n}',
            state: '成功',
            run_time: '0.386s',
          },
        ],
        state: 'success',
        name: '登录接口测试',
      },
    ],
    all: 2,
    success: 2,
    error: 0,
    fail: 0,
    task: '1',
    test_env: 1,
    tester: 'torin',
  },
  record: 1,
}

export const PRINTED_RECORD = {
  id: 1,
  env: '本地',
  task: '回归测试',
  all: 2,
  success: 2,
  fail: 0,
  error: 0,
  pass_rate: '100.00',
  tester: '',
  status: '执行完毕',
}

export const PRINTED_SCENE_RUN = {
  all: 2,
  success: 2,
  fail: 0,
  error: 0,
  cases: [
    {
      name: '注册成功',
      log_data: [],
      url: 'http://139.159.205.158:9999/api/users/token/refresh/',
      method: 'POST',
      status_cede: 200,
      response_header: {
        Server: 'nginx',
        Date: 'Fri, 18 Aug 2023 10:18:59 GMT',
        'Content-Type': 'application/json',
        'Content-Length': '242',
        Connection: 'keep-alive',
        Vary: 'Accept, Origin',
        Allow: 'POST, OPTIONS',
        'X-Frame-Options': 'DENY',
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'same-origin',
        'Cache-Control': 'no-cache',
      },
      requests_header: {
        'User-Agent': 'python-requests/2.27.1',
        'Accept-Encoding': 'gzip, deflate',
        Accept: '*/*',
        Connection: 'keep-alive',
        'Content-Length': '246',
        'Content-Type': 'application/json',
      },
      response_body:
        '{\n  "access": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNjkyNDQwMzM5LCJpYXQiOjE2OTIyNzcwNjIsImp0aSI6ImJiYjhiMmVmNWY4MzRlNTFiNGVjZTJhNDhiN2NlOTEyIiwidXNlcl9pZCI6NzR9.WQ1mfT2P8eoRGXMFfedqFS_Bnu2PZvN4YrSoEddQ1lE"\n}',
      requests_body:
        '{\n  "refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6MTY5Mjg4MTg2MiwiaWF0IjoxNjkyMjc3MDYyLCJqdGkiOiI3MDU4YTBjZjY2YzE0MjAwYjFmODg3OTE3ZDQwNzM1MCIsInVzZXJfaWQiOjc0fQ.6ZJ6ZBpNdRPu8Z3jee8bxjzudo6_NfNNI6BuZmkR72A"\n}',
      state: '成功',
      run_time: '0.0304s',
    },
  ],
  state: 'success',
  name: '注册登录',
}

/** The document prints the same for both. */
export const PRINTED_TASK_RUN = PRINTED_SCENE_RUN
