#!/usr/bin/env python3
"""Chromium as three people in one conference: prints what they saw, fails when something did not come through.

usage: room.py path/to/room
"""

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request


def main():
    room = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    address = room.stdout.readline().strip()
    home = tempfile.mkdtemp(prefix="room-")
    browser = subprocess.Popen(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}",
         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
         "--autoplay-policy=no-user-gesture-required", address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page = json.loads(room.stdout.readline())
        seen = urllib.request.urlopen(address + "/stats").read().decode()
    finally:
        browser.terminate()
        browser.wait()
        room.terminate()
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(page, indent=1))
    print(seen)
    assert "error" not in page, page
    assert page["first"]["height"] and page["small"]["height"] == 180 and page["medium"]["height"] == 360, page
    assert {"slots", "speakers", "mode"} <= set(page["told"]), page["told"]
    assert page["carolSlots"][0] == {"mid": "0", "source": "mix"}, page["carolSlots"]
    video = [stream for stream in page["carol"].values() if stream["kind"] == "video"]
    voice = [stream for stream in page["carol"].values() if stream["kind"] == "audio"]
    assert video and video[0]["frames"] > 30, page["carol"]
    assert voice and voice[0]["packets"] > 100, page["carol"]
    print("ok")


main()
