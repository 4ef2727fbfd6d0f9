#!/usr/bin/env python3
"""aiortc against the peer echo: voice, picture and data go there and come back.

usage: aiortc_client.py path/to/peer_echo     (in an environment that has aiortc)
"""

import asyncio
import json
import subprocess
import sys
import urllib.request

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack


async def run(address):
    pc = RTCPeerConnection()
    pc.addTrack(AudioStreamTrack())
    pc.addTrack(VideoStreamTrack())
    control = pc.createDataChannel("centrale", negotiated=True, id=0)
    chat = pc.createDataChannel("chat")
    echoes, frames, tracks = [], {"audio": 0, "video": 0}, []

    async def count(track):
        try:
            while True:
                await track.recv()
                frames[track.kind] += 1
        except MediaStreamError:
            pass

    pc.on("track", lambda track: tracks.append(asyncio.ensure_future(count(track))))
    for channel in (control, chat):
        channel.on("open", lambda channel=channel: channel.send("hello"))
        channel.on("message", lambda text, channel=channel: echoes.append((channel.label, text)))
    await pc.setLocalDescription(await pc.createOffer())
    request = urllib.request.Request(address + "/offer", data=pc.localDescription.sdp.encode())
    answer = urllib.request.urlopen(request).read().decode()
    await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    await asyncio.sleep(8)
    state = pc.connectionState
    seen = json.load(urllib.request.urlopen(address + "/stats"))[0]
    await pc.close()
    await asyncio.sleep(0.3)
    after = json.load(urllib.request.urlopen(address + "/stats"))[0]
    print(json.dumps({"state": state, "echoes": echoes, "frames": frames, "server": after}, indent=1))
    assert state == "connected", state
    assert sorted(echoes) == [("centrale", "hello"), ("chat", "hello")], echoes
    assert frames["audio"] > 100 and frames["video"] > 30, frames
    assert seen["refused"] == 0 and "unknown" not in seen["tracks"], seen
    assert "Closed(ByPeer)" in after["events"], after
    print("ok")


def main():
    echo = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    try:
        asyncio.run(run(echo.stdout.readline().strip()))
    finally:
        echo.terminate()


main()
