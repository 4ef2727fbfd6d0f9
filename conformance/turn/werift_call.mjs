// Two werift peers that may use the relay only pass messages both ways, each checked.

import { RTCPeerConnection } from "werift";

const COUNT = 20;
const server = JSON.parse(process.argv[2]);
const scheme = server.transport === "tls" ? "turns" : "turn";
const carrier = server.transport === "udp" ? "udp" : "tcp";
const config = {
  iceServers: [
    {
      urls: `${scheme}:${server.host}:${server.port}?transport=${carrier}`,
      username: server.username,
      credential: server.credential,
    },
  ],
  iceTransportPolicy: "relay",
  turnTransport: server.transport,
};
const message = (number) => Buffer.alloc(number * 50 + 1, number);

const late = setTimeout(() => {
  console.error("took too long");
  process.exit(1);
}, 30_000);

const [ann, bob] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
bob.onDataChannel.subscribe((channel) => channel.onMessage.subscribe((data) => channel.send(data)));
const channel = ann.createDataChannel("echo");
channel.stateChanged.subscribe((state) => {
  if (state === "open") for (let number = 0; number < COUNT; number++) channel.send(message(number));
});
let seen = 0;
channel.onMessage.subscribe((data) => {
  if (!message(seen).equals(Buffer.from(data))) {
    console.error(`message ${seen} is not what was sent`);
    process.exit(1);
  }
  if (++seen === COUNT) {
    const kinds = [ann, bob].map((peer) => (peer.localDescription.sdp.match(/ typ (\w+)/g) ?? []).join(","));
    if (kinds.some((kind) => kind === "" || /host|srflx/.test(kind))) {
      console.error(`not relayed only: ${kinds}`);
      process.exit(1);
    }
    console.log(`passed ${COUNT} messages`);
    clearTimeout(late);
    process.exit(0);
  }
});

await ann.setLocalDescription(await ann.createOffer());
await gathered(ann);
await bob.setRemoteDescription(ann.localDescription);
await bob.setLocalDescription(await bob.createAnswer());
await gathered(bob);
await ann.setRemoteDescription(bob.localDescription);

async function gathered(peer) {
  while (peer.iceGatheringState !== "complete") await new Promise((next) => setTimeout(next, 20));
}
