// A small token service: it holds the connection string, so that the app never sees it.
//
// An app that has logged its user in asks POST /token and gets {id, token, expiresOn} for that user, always with the same
// communication identity. The identities are kept in a file; a real service keeps them beside its users.

import { createServer } from "node:http";
import { timingSafeEqual } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const connectionString = process.env.CONNECTION_STRING ?? readFileSync(process.env.CONNECTION_STRING_FILE, "utf8");
const file = process.env.IDENTITIES ?? "identities.json";
const origin = process.env.APP_ORIGIN; // the one page that may ask from a browser
const client = new CommunicationIdentityClient(connectionString);

// Stands for your own login. APP_USERS is "name:password,name:password".
const users = new Map((process.env.APP_USERS ?? "").split(",").filter(Boolean).map((pair) => pair.split(":")));

function whoAsks(request) {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "");
  if (!basic) return undefined;
  const [name, password = ""] = Buffer.from(basic[1], "base64").toString("utf8").split(":");
  const expected = Buffer.from(users.get(name) ?? "");
  const given = Buffer.from(password);
  const isRight = expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given);
  return isRight ? name : undefined;
}

let identities = {};
try {
  identities = JSON.parse(readFileSync(file, "utf8"));
} catch (error) {
  if (error.code !== "ENOENT") throw error;
}

// Two requests of a new user at once must not make two identities.
const making = new Map();

async function identityOf(name) {
  if (Object.hasOwn(identities, name)) return { communicationUserId: identities[name] };
  if (!making.has(name)) {
    const made = client.createUser().then((user) => {
      identities[name] = user.communicationUserId;
      writeFileSync(`${file}.draft`, JSON.stringify(identities), { mode: 0o600 });
      renameSync(`${file}.draft`, file);
      return user;
    });
    making.set(name, made.finally(() => making.delete(name)));
  }
  return making.get(name);
}

function answer(response, status, body) {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  if (origin) Object.assign(headers, { "access-control-allow-origin": origin, "access-control-allow-headers": "authorization", vary: "origin" });
  response.writeHead(status, headers).end(body && JSON.stringify(body));
}

const server = createServer(async (request, response) => {
  if (request.method === "OPTIONS") return answer(response, 204);
  if (request.method !== "POST" || request.url !== "/token") return answer(response, 404, { error: "POST /token" });
  const name = whoAsks(request);
  if (!name) return answer(response, 401, { error: "log in first" });
  try {
    const user = await identityOf(name);
    const { token, expiresOn } = await client.getToken(user, ["voip", "chat"]);
    answer(response, 200, { id: user.communicationUserId, token, expiresOn });
  } catch (error) {
    console.error(`no token: ${error.code ?? error.name}`);
    answer(response, 502, { error: "the exchange gave no token" });
  }
});

server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${server.address().port}`);
});
