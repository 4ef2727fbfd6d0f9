"""The relays that are compared: how each is built, started on free loopback ports, and ended."""

import json
import os
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SECRET = "bench-relay-secret"
LOOPBACK = {"v4": "127.0.0.1", "v6": "::1"}


def generator():
    return str(TARGET / "release/relay-load")


def build(with_ours=True):
    crates = ["-p", "relay-load"] + (["-p", "centrale-server"] if with_ours else [])
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bins", *crates], cwd=ROOT, check=True)


def free_port():
    """A port that is free for UDP and TCP on both loopback addresses, below those that are lent and those of clients."""
    for port in range(3_000 + os.getpid() % 4_000, 10_000):
        try:
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(family, kind) as probe:
                        probe.bind((host, port))
        except OSError:
            continue
        if port not in free_port.given:
            free_port.given.add(port)
            return port
    sys.exit("no free port")


free_port.given = set()


def certificate(folder):
    """A key and a self-signed certificate made on the fly; the same kind for every server."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"]
        + ["-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return key, cert


class Server:
    protocol = "turn"
    secret = SECRET

    def __init__(self, fifo=False, workers=1, command=None):
        self.fifo, self.workers, self.command = fifo, workers, command
        self.folder = Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-"))
        self.key, self.cert = certificate(self.folder)
        self.addresses = {}
        self.process = None
        self.start()

    @property
    def pid(self):
        return self.process.pid

    def address(self, transport, family):
        return self.addresses[(transport, family)]

    def can(self, scenario, transport, family):
        return (transport, family) in self.addresses

    def launch(self, command, **options):
        cores = ["taskset", "-c", "0" if self.workers == 1 else "0,1"]
        first = ["chrt", "-f", "1"] if self.fifo else []
        self.process = subprocess.Popen(first + cores + command, stderr=self.log("stderr"), **options)

    def log(self, name):
        return open(self.folder / name, "ab")

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self):
        self.stop()
        self.__init__(self.fifo, self.workers, self.command)

    def first_line(self, seconds=20):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line:
            sys.exit(f"{self.name} did not start: {(self.folder / 'stderr').read_text()[-2000:]}")
        return line


class Coturn(Server):
    name = "coturn"

    def start(self):
        plain, tls = free_port(), free_port()
        config = self.folder / "turnserver.conf"
        config.write_text(
            f"""listening-ip=127.0.0.1
listening-ip=::1
relay-ip=127.0.0.1
relay-ip=::1
listening-port={plain}
tls-listening-port={tls}
min-port=22000
max-port=49999
use-auth-secret
static-auth-secret={SECRET}
realm=bench.test
cert={self.cert}
pkey={self.key}
relay-threads={self.workers}
allow-loopback-peers
no-cli
no-rfc5780
no-software-attribute
no-dynamic-ip-list
no-dynamic-realms
no-stdout-log
simple-log
log-file={self.folder}/log
pidfile={self.folder}/pid
userdb={self.folder}/db
"""
        )
        self.launch(["turnserver", "-c", str(config)], stdout=subprocess.DEVNULL)
        for family, host in LOOPBACK.items():
            bracketed = f"[{host}]" if ":" in host else host
            self.addresses |= {
                ("udp", family): f"{bracketed}:{plain}",
                ("tcp", family): f"{bracketed}:{plain}",
                ("tls", family): f"{bracketed}:{tls}",
            }
        wait_for_tcp("127.0.0.1", plain)
        time.sleep(0.5)


class Floor(Server):
    name = "floor"
    protocol = "floor"

    def start(self):
        self.launch([generator(), "floor", "--server", "127.0.0.1:0"], stdout=subprocess.PIPE)
        self.addresses = {("udp", "v4"): self.first_line().strip()}

    def can(self, scenario, transport, family):
        return scenario in ("steady", "open") and super().can(scenario, transport, family)


class Ours(Server):
    """The whole program, as `centrale serve` on loopback; its relay is what is loaded."""

    name = "ours"

    def start(self):
        port, data = free_port(), self.folder / "data"
        settings = {
            "CENTRALE_DATA": str(data),
            # Not among the ports of peers: nobody is relayed to an address of ours, whatever its transport.
            "CENTRALE_HTTPS": f"127.0.0.1:{free_port()}",
            "CENTRALE_RELAY": f"[::]:{port}",
            "CENTRALE_RELAY_TLS": f"[::]:{free_port()}",
            "CENTRALE_METRICS": f"127.0.0.1:{free_port()}",
            "CENTRALE_LIMITS": "false",
            "CENTRALE_PUBLIC_ADDRESSES": "127.0.0.1,::1",
            "CENTRALE_RELAY_SECRET": SECRET,
            "CENTRALE_RELAY_WORKERS": str(self.workers),
            # Below the ports of our peers, which have the same address: those would be taken for relayed ones.
            "CENTRALE_RELAY_PORTS": "10000-21999",
            "CENTRALE_RELAY_ALLOW_PEERS": "127.0.0.0/8,::1/128",
            "CENTRALE_TLS_CERTIFICATE": str(self.cert),
            "CENTRALE_TLS_KEY": str(self.key),
        }
        self.data = data
        command = shlex.split(self.command) if self.command else [str(TARGET / "release/centrale"), "serve"]
        self.launch(command, stdout=subprocess.DEVNULL, env=os.environ | settings)
        runtime = self.wait_for_file(data / "runtime.json")
        for transport in ("udp", "tcp", "tls"):
            for address in runtime["relay"][transport]:
                self.addresses.setdefault((transport, "v6" if address.startswith("[") else "v4"), address)

    def wait_for_file(self, path, seconds=20):
        until = time.time() + seconds
        while time.time() < until and self.process.poll() is None:
            try:
                return json.loads(path.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.05)
        sys.exit(f"ours did not start: {(self.folder / 'stderr').read_text()[-2000:]}")


def wait_for_tcp(host, port, seconds=10):
    until = time.time() + seconds
    while time.time() < until:
        try:
            socket.create_connection((host, port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on {host}:{port}")
