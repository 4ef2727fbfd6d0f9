#!/usr/bin/env python3
"""A browser against the peer echo: prints what the page and the server saw, fails when something did not come through.

usage: browser.py chromium|firefox path/to/peer_echo
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request


def main():
    which, server = sys.argv[1:3]
    # Firefox checks no loopback addresses from others, so it meets the server at this machine's own address.
    address = "127.0.0.1" if which == "chromium" else own_address()
    echo = subprocess.Popen([server, address], stdout=subprocess.PIPE, text=True)
    address = echo.stdout.readline().strip()
    home = tempfile.mkdtemp(prefix="peer-echo-")
    browser = start(which, home, address)
    try:
        page = json.loads(echo.stdout.readline())
        seen = json.load(urllib.request.urlopen(address + "/stats"))[0]
    finally:
        browser.terminate()
        browser.wait()
        echo.terminate()
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps({"page": page, "server": seen}, indent=1))
    assert page["state"] == "connected" and page["data"] == [True, True, True], page
    assert page["video"]["frames"] > 60 and page["audio"]["packets"] > 200, page
    assert seen["refused"] == 0 and "unknown" not in seen["tracks"], seen
    assert {"0", "1h", "1m", "1l"} <= set(seen["tracks"]), seen
    print("ok")


def own_address():
    """The address that this machine would send from; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))
        return probe.getsockname()[0]


def start(which, home, address):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if which == "chromium":
        return subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}",
             "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
             "--autoplay-policy=no-user-gesture-required", address], **quiet)
    with open(os.path.join(home, "user.js"), "w") as preferences:
        for name, value in {
            "media.navigator.streams.fake": "true",
            "media.navigator.permission.disabled": "true",
            "media.autoplay.default": "0",
            "media.peerconnection.ice.loopback": "true",
            "media.peerconnection.ice.obfuscate_host_addresses": "false",
            "network.proxy.type": "0",
        }.items():
            preferences.write(f'user_pref("{name}", {value});\n')
    return subprocess.Popen(["firefox-esr", "--headless", "--no-remote", "--profile", home, address],
                            env=dict(os.environ, HOME=home), **quiet)


main()
