// The npm packages @azure/communication-identity and -network-traversal against a running exchange.

import { CommunicationIdentityClient } from "@azure/communication-identity";
import { CommunicationRelayClient } from "@azure/communication-network-traversal";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { strict as assert } from "node:assert";

const connection = process.env.CENTRALE_CONNECTION_STRING;
const [, endpoint, key] = connection.match(/^endpoint=([^;]+);accesskey=(.+)$/);
const allScopes = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"];
const noRetries = { retryOptions: { maxRetries: 0 } };

const client = new CommunicationIdentityClient(connection, noRetries);
const relay = new CommunicationRelayClient(connection, noRetries);

function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("ascii"));
}

function checkToken({ token, expiresOn }, minutes = 1440) {
  const left = (expiresOn.getTime() - Date.now()) / 60000;
  assert(Math.abs(left - minutes) < minutes * 0.05, `${left} minutes left`);
  return claims(token);
}

async function refused(call, statusCode, code, target) {
  const error = await call.then(
    () => assert.fail("it was accepted"),
    (error) => error,
  );
  assert.equal(error.statusCode, statusCode, String(error));
  if (code) assert.equal(error.code, code);
  if (target) assert.equal(error.details.error.target, target);
}

const checks = {
  async "identity.create_user"() {
    const user = await client.createUser();
    assert.match(user.communicationUserId, /^8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}$/);
  },
  async "identity.create_user_and_token"() {
    const made = await client.createUserAndToken(["chat", "voip"]);
    const said = checkToken(made);
    assert.equal(`8:${said.skypeid}`, made.user.communicationUserId);
    assert.deepEqual(said.acsScope.split(",").sort(), ["chat", "voip"]);
  },
  async "identity.every_combination_of_scopes"() {
    const user = await client.createUser();
    for (let bits = 1; bits < 32; bits++) {
      const scopes = allScopes.filter((_, index) => (bits >> index) & 1);
      const said = claims((await client.getToken(user, scopes)).token);
      assert.deepEqual(said.acsScope.split(",").sort(), [...scopes].sort());
    }
  },
  async "identity.validity"() {
    const user = await client.createUser();
    for (const minutes of [60, 90, 1440]) {
      checkToken(await client.getToken(user, ["voip"], { tokenExpiresInMinutes: minutes }), minutes);
      checkToken(await client.createUserAndToken(["voip"], { tokenExpiresInMinutes: minutes }), minutes);
    }
  },
  async "identity.validity_out_of_range"() {
    const user = await client.createUser();
    for (const tokenExpiresInMinutes of [59, 1441]) {
      await refused(client.getToken(user, ["voip"], { tokenExpiresInMinutes }), 400, "ValidationError", "ExpiresInMinutes");
      await refused(client.createUserAndToken(["voip"], { tokenExpiresInMinutes }), 400, "ValidationError", "ExpiresInMinutes");
    }
  },
  async "identity.no_scopes"() {
    const user = await client.createUser();
    await refused(client.getToken(user, []), 400, "ValidationError", "Scopes");
  },
  async "identity.revoke_and_delete"() {
    const user = await client.createUser();
    await client.revokeTokens(user);
    await client.deleteUser(user);
    await client.deleteUser(user);
    await refused(client.getToken(user, ["chat"]), 404);
  },
  async "identity.wrong_key"() {
    const wrong = new CommunicationIdentityClient(endpoint, { key: Buffer.alloc(32, 7).toString("base64") }, noRetries);
    await refused(wrong.createUser(), 401);
  },
  async "identity.key_credential"() {
    const other = new CommunicationIdentityClient(endpoint, { key }, noRetries);
    assert((await other.createUser()).communicationUserId);
  },
  async "identity.teams_exchange_is_off"() {
    const options = { teamsUserAadToken: "x", clientId: "a", userObjectId: "b" };
    await refused(client.getTokenForTeamsUser(options), 401, "InvalidAccessToken");
  },
  async "identity.token_is_a_credential"() {
    const { token } = await client.createUserAndToken(["voip"]);
    const credential = new AzureCommunicationTokenCredential(token);
    assert.equal((await credential.getToken()).token, token);
    credential.dispose();
  },
  async "relay.for_a_user"() {
    goodRelay(await relay.getRelayConfiguration({ id: (await client.createUser()).communicationUserId }), 172800);
  },
  async "relay.for_nobody"() {
    goodRelay(await relay.getRelayConfiguration(), 172800);
  },
  async "relay.routes"() {
    const both = await relay.getRelayConfiguration();
    assert.deepEqual(both.iceServers.map((server) => server.routeType).sort(), ["any", "nearest"]);
    for (const routeType of ["any", "nearest"]) {
      const one = await relay.getRelayConfiguration({ id: (await client.createUser()).communicationUserId, routeType });
      assert(one.iceServers.length > 0 && one.iceServers.every((server) => server.routeType === routeType));
    }
  },
  async "relay.ttl"() {
    goodRelay(await relay.getRelayConfiguration({ ttl: 600 }), 600);
  },
};

function goodRelay({ expiresOn, iceServers }, ttl) {
  const left = (expiresOn.getTime() - Date.now()) / 1000;
  assert(Math.abs(left - ttl) < 30, `${left} s left`);
  assert(iceServers.length > 0);
  for (const server of iceServers) {
    assert(server.username && server.credential && server.routeType);
    assert(server.urls.length >= 1 && server.urls.length <= 2, String(server.urls));
    assert(server.urls.some((url) => url.startsWith("turn")));
  }
}

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`pass node.${name}`);
  } catch (error) {
    console.log(`fail node.${name}: ${String(error?.stack ?? error).replace(/\s+/g, " ").slice(0, 300)}`);
  }
}
