"""Two aiortc peers that know of each other only relayed addresses pass messages both ways, each checked."""

import asyncio
import json
import sys

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

COUNT = 20


def relayed_only(description):
    lines = [line for line in description.sdp.splitlines() if not line.startswith("a=candidate") or " typ relay" in line]
    if not any(" typ relay" in line for line in lines):
        sys.exit("no relayed candidate")
    return RTCSessionDescription(sdp="\r\n".join(lines) + "\r\n", type=description.type)


async def main(server):
    scheme = "turns" if server["transport"] == "tls" else "turn"
    carrier = "udp" if server["transport"] == "udp" else "tcp"
    url = f"{scheme}:{server['host']}:{server['port']}?transport={carrier}"
    ice = RTCIceServer(urls=url, username=server["username"], credential=server["credential"])
    ann, bob = (RTCPeerConnection(RTCConfiguration(iceServers=[ice])) for _ in range(2))
    passed = asyncio.get_running_loop().create_future()
    seen = []

    @bob.on("datachannel")
    def echo(channel):
        channel.on("message", channel.send)

    channel = ann.createDataChannel("echo")

    @channel.on("open")
    def send():
        for number in range(COUNT):
            channel.send(bytes([number]) * (number * 50 + 1))

    @channel.on("message")
    def check(message):
        number = len(seen)
        if message != bytes([number]) * (number * 50 + 1):
            passed.set_exception(ValueError(f"message {number} is not what was sent"))
        seen.append(message)
        if len(seen) == COUNT:
            passed.set_result(COUNT)

    await ann.setLocalDescription(await ann.createOffer())
    await bob.setRemoteDescription(relayed_only(ann.localDescription))
    await bob.setLocalDescription(await bob.createAnswer())
    await ann.setRemoteDescription(relayed_only(bob.localDescription))
    count = await asyncio.wait_for(passed, 30)
    print(f"passed {count} messages", flush=True)
    await asyncio.gather(ann.close(), bob.close())


asyncio.run(main(json.loads(sys.argv[1])))
