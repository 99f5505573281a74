// SPDX-License-Identifier: MIT
//
// grpc-js-client.js [ADDRESS CASE] - one case of gRPC's interoperability tests; without arguments it lists
// them. Its packages come from NODE_PATH, the protos from GRPC_TESTING_PROTO.
'use strict';

const assert = require('assert');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const definition = loader.loadSync('grpc/testing/test.proto', {
  includeDirs: [process.env.GRPC_TESTING_PROTO],
  keepCase: true,
  defaults: true,
});
const { TestService, UnimplementedService } = grpc.loadPackageDefinition(definition).grpc.testing;

const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];
const INITIAL = ['x-grpc-test-echo-initial', 'test_initial_metadata_value'];
const TRAILING = ['x-grpc-test-echo-trailing-bin', Buffer.from('ababab', 'hex')];

const payload = (size) => ({ body: Buffer.alloc(size) });
const options = () => ({ deadline: Date.now() + 60000 });

function assertZeros(body, size) {
  assert.strictEqual(body.length, size);
  assert(body.equals(Buffer.alloc(size)));
}

// A unary call: {error, response, initial, trailers}.
function unary(client, method, request, metadata = new grpc.Metadata()) {
  return new Promise((resolve) => {
    const result = {};
    const call = client[method](request, metadata, options(), (error, response) => {
      Object.assign(result, { error, response });
    });
    call.on('metadata', (initial) => { result.initial = initial; });
    call.on('status', (status) => resolve({ ...result, trailers: status.metadata }));
  });
}

// Reads a stream to its end: {error, responses, initial, trailers}. `seen` gets each response.
function readAll(call, seen = () => {}) {
  return new Promise((resolve) => {
    const result = { responses: [] };
    call.on('metadata', (initial) => { result.initial = initial; });
    call.on('data', (response) => {
      result.responses.push(response);
      seen(response);
    });
    call.on('error', (error) => { result.error = error; });
    call.on('status', (status) => resolve({ ...result, trailers: status.metadata }));
  });
}

function assertSizes(responses, sizes) {
  assert.deepStrictEqual(responses.map((response) => response.payload.body.length), sizes);
  responses.forEach((response, i) => assertZeros(response.payload.body, sizes[i]));
}

async function expectCode(promise, code, details) {
  const { error } = await promise;
  assert(error, 'the call succeeded');
  assert.strictEqual(error.code, code, error.message);
  if (details !== undefined) {
    assert.strictEqual(error.details, details);
  }
}

const cases = {
  async empty_unary(client) {
    const { error, response } = await unary(client, 'EmptyCall', {});
    assert.ifError(error);
    assert.deepStrictEqual({ ...response }, {});
  },

  async large_unary(client) {
    const request = { response_size: 314159, payload: payload(271828) };
    const { error, response } = await unary(client, 'UnaryCall', request);
    assert.ifError(error);
    assertZeros(response.payload.body, 314159);
  },

  async client_streaming(client) {
    const response = await new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(options(),
        (error, value) => (error ? reject(error) : resolve(value)));
      REQUEST_SIZES.forEach((size) => call.write({ payload: payload(size) }));
      call.end();
    });
    assert.strictEqual(response.aggregated_payload_size, 74922);
  },

  async server_streaming(client) {
    const parameters = RESPONSE_SIZES.map((size) => ({ size }));
    const call = client.StreamingOutputCall({ response_parameters: parameters }, options());
    const { error, responses } = await readAll(call);
    assert.ifError(error);
    assertSizes(responses, RESPONSE_SIZES);
  },

  async ping_pong(client) {
    const call = client.FullDuplexCall(options());
    let sent = 0;
    const sendNext = () => {
      if (sent === REQUEST_SIZES.length) {
        call.end();
        return;
      }
      call.write({
        response_parameters: [{ size: RESPONSE_SIZES[sent] }],
        payload: payload(REQUEST_SIZES[sent]),
      });
      sent += 1;
    };
    sendNext();
    const { error, responses } = await readAll(call, sendNext);
    assert.ifError(error);
    assertSizes(responses, RESPONSE_SIZES);
  },

  async empty_stream(client) {
    const call = client.FullDuplexCall(options());
    call.end();
    const { error, responses } = await readAll(call);
    assert.ifError(error);
    assert.strictEqual(responses.length, 0);
  },

  async custom_metadata(client) {
    const metadata = new grpc.Metadata();
    metadata.set(...INITIAL);
    metadata.set(...TRAILING);
    const one = await unary(client, 'UnaryCall', { response_size: 1 }, metadata);
    const call = client.FullDuplexCall(metadata, options());
    call.write({ response_parameters: [{ size: 1 }] });
    call.end();
    [one, await readAll(call)].forEach(({ error, initial, trailers }) => {
      assert.ifError(error);
      assert.deepStrictEqual(initial.get(INITIAL[0]), [INITIAL[1]]);
      assert.deepStrictEqual(trailers.get(TRAILING[0]), [TRAILING[1]]);
    });
  },

  async status_code_and_message(client) {
    const message = 'test status message';
    const request = { response_status: { code: grpc.status.UNKNOWN, message } };
    const call = client.FullDuplexCall(options());
    await expectCode(unary(client, 'UnaryCall', request), grpc.status.UNKNOWN, message);
    call.write(request);
    call.end();
    await expectCode(readAll(call), grpc.status.UNKNOWN, message);
  },

  async special_status_message(client) {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
    const request = { response_status: { code: grpc.status.UNKNOWN, message } };
    await expectCode(unary(client, 'UnaryCall', request), grpc.status.UNKNOWN, message);
  },

  async unimplemented_method(client) {
    await expectCode(unary(client, 'UnimplementedCall', {}), grpc.status.UNIMPLEMENTED);
  },

  async unimplemented_service(client, address) {
    const other = new UnimplementedService(address, grpc.credentials.createInsecure());
    await expectCode(unary(other, 'UnimplementedCall', {}), grpc.status.UNIMPLEMENTED);
    other.close();
  },

  async cancel_after_begin(client) {
    const error = await new Promise((resolve) => {
      client.StreamingInputCall(options(), resolve).cancel();
    });
    assert.strictEqual(error.code, grpc.status.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const call = client.FullDuplexCall(options());
    call.write({ response_parameters: [{ size: 31415 }], payload: payload(27182) });
    const read = readAll(call, () => call.cancel());
    await expectCode(read, grpc.status.CANCELLED);
    assertSizes((await read).responses, [31415]);
  },

  async timeout_on_sleeping_server(client) {
    const call = client.FullDuplexCall({ deadline: Date.now() + 1 });
    call.write({ payload: payload(27182) });
    await expectCode(readAll(call), grpc.status.DEADLINE_EXCEEDED);
  },
};

async function main() {
  const [address, name] = process.argv.slice(2);
  if (address === undefined) {
    console.log(Object.keys(cases).join('\n'));
    return;
  }
  const client = new TestService(address, grpc.credentials.createInsecure());
  await cases[name](client, address);
  client.close();
}

main().catch((error) => {
  console.error(error.stack || error);
  process.exitCode = 1;
});
