// Discovers and calls an Aegis service with the NATS clients for Node.
"use strict";

const { connect, headers } = require("@nats-io/transport-node");
const { Svcm, ServiceError } = require("@nats-io/services");

const PATIENCE = 20_000;
const { NATS_URL, PREFIX, INSTANCE } = process.env;
const TEXT = new TextDecoder();

let checks = 0;
let failed = 0;

function check(name, holds, seen) {
  checks += 1;
  if (!holds) failed += 1;
  const line = holds ? { check: name, ok: true } : { check: name, ok: false, seen };
  console.log(JSON.stringify(line));
}

function equal(name, seen, expected) {
  check(name, JSON.stringify(seen) === JSON.stringify(expected), [seen, expected]);
}

const subject = (method) => `${PREFIX}.rpc.probe.${method}`;

/** All answers of one question; the client throws at the first that it cannot read. */
async function answers(client, verb, ...address) {
  const found = [];
  for await (const answer of await client[verb](...address)) found.push(answer);
  return found;
}

/** The answer of the instance under test; a loaded machine may answer after the client's pause. */
async function own(client, verb, ...address) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const found = await answers(client, verb, ...address);
    const mine = found.filter((answer) => answer.id === INSTANCE);
    if (mine.length > 0) return mine;
  }
  throw new Error(`${verb} ${address} is not answered`);
}

const texts = (map) =>
  map !== null && typeof map === "object" && Object.values(map).every((v) => typeof v === "string");

async function discovery(nc) {
  const all = new Svcm(nc).client({ strategy: "stall", maxWait: PATIENCE });
  const one = new Svcm(nc).client({ strategy: "count", maxMessages: 1, maxWait: PATIENCE });
  for (const verb of ["ping", "info", "stats"]) {
    for (const [client, address] of [[all, []], [all, ["probe"]], [one, ["probe", INSTANCE]]]) {
      const what = [verb, ...address.slice(0, 1), ...address.slice(1).map(() => "id")].join(" ");
      const mine = await own(client, verb, ...address);
      equal(`${what}: one answer`, mine.length, 1);
      const answer = mine[0];
      equal(`${what}: type`, answer.type, `io.nats.micro.v1.${verb}_response`);
      equal(`${what}: name and version`, [answer.name, answer.version], ["probe", "1.2.3"]);
      check(`${what}: metadata`, texts(answer.metadata), answer.metadata);
      if (verb === "ping") continue;
      const add = answer.endpoints.find((endpoint) => endpoint.name === "add");
      equal(`${what}: subject`, [add.subject, add.queue_group], [subject("add"), "rpc.probe"]);
      if (verb === "info") check(`${what}: endpoint metadata`, texts(add.metadata), add);
      if (verb === "stats") check(`${what}: started`, !isNaN(new Date(answer.started)), answer);
    }
  }
}

async function ask(nc, method, body, pairs = {}) {
  const options = { timeout: PATIENCE, headers: headers() };
  for (const [name, value] of Object.entries(pairs)) options.headers.set(name, value);
  return await nc.request(subject(method), body, options);
}

async function calls(nc) {
  const sum = await ask(nc, "add", JSON.stringify({ a: 1, b: 2 }));
  equal("a plain call gets the bare result", sum.json(), 3);
  check("without an error", !ServiceError.isServiceError(sum));
  const own = await ask(nc, `add.${INSTANCE}`, JSON.stringify({ a: 1, b: 2 }));
  equal("one instance can be called", own.json(), 3);
  const told = await ask(nc, "told", JSON.stringify({ name: "Tenant" }), { tenant: "acme" });
  equal("headers reach the handler", told.json(), "acme");

  const rows = [
    ["divide", { a: 7, by: 0 }, 422, "DIVISION_BY_ZERO: 7 cannot be divided by nothing"],
    ["sell", {}, 500, "SOLD_OUT: no more blue chairs"],
    [`nothing.${INSTANCE}`, {}, 404, null],
    ["add", { a: "x" }, 400, null],
  ];
  for (const [method, params, number, text] of rows) {
    const answer = await ask(nc, method, JSON.stringify(params));
    check(`${number} is an error`, ServiceError.isServiceError(answer));
    const error = ServiceError.toServiceError(answer);
    equal(`${number}: number`, error.code, number);
    if (text !== null) equal(`${number}: text`, error.message, text);
    equal(`${number}: body`, answer.json().error, answer.headers.get("Nats-Service-Error"));
  }

  const envelope = { message_id: "m-1", method: "add", params: { a: 1, b: 2 } };
  const response = (await ask(nc, "add", JSON.stringify(envelope))).json();
  equal("an envelope", [response.result, response.correlation_id], [3, "m-1"]);

  const nobody = await ask(nc, "nothing", "").catch((error) => error);
  check("nobody serves an unknown method", nobody instanceof Error, TEXT.decode(nobody.data));
}

async function main() {
  const nc = await connect({ servers: NATS_URL, reconnect: false });
  await discovery(nc);
  await calls(nc);
  await nc.close();
  console.log(JSON.stringify({ checks, failed }));
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
