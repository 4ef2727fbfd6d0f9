// Two libdatachannel peers that may use the relay only pass messages both ways, each checked.

import { PeerConnection } from "node-datachannel";

const COUNT = 20;
const server = JSON.parse(process.argv[2]);
const config = {
  iceServers: [
    {
      hostname: server.host,
      port: server.port,
      username: server.username,
      password: server.credential,
      relayType: { udp: "TurnUdp", tcp: "TurnTcp", tls: "TurnTls" }[server.transport],
    },
  ],
  iceTransportPolicy: "relay",
};
const message = (number) => Buffer.alloc(number * 50 + 1, number);
const end = (code, text) => {
  (code === 0 ? console.log : console.error)(text);
  process.exit(code);
};
setTimeout(() => end(1, "took too long"), 30_000);

const [ann, bob] = [new PeerConnection("ann", config), new PeerConnection("bob", config)];
for (const [from, to] of [
  [ann, bob],
  [bob, ann],
]) {
  from.onLocalDescription((sdp, type) => to.setRemoteDescription(sdp, type));
  from.onLocalCandidate((candidate, mid) => {
    if (!candidate.includes(" typ relay")) end(1, `not relayed: ${candidate}`);
    to.addRemoteCandidate(candidate, mid);
  });
}
bob.onDataChannel((channel) => {
  globalThis.held = channel;
  channel.onMessage((data) => channel.sendMessageBinary(data));
});
const channel = ann.createDataChannel("echo");
channel.onOpen(() => {
  for (let number = 0; number < COUNT; number++) channel.sendMessageBinary(message(number));
});
let seen = 0;
channel.onMessage((data) => {
  if (!message(seen).equals(Buffer.from(data))) end(1, `message ${seen} is not what was sent`);
  if (++seen === COUNT) end(0, `passed ${COUNT} messages`);
});
