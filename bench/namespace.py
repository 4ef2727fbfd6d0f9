"""Where measurements run: in a network namespace of their own, ahead of everything else, where that is allowed."""

import os
import subprocess
import sys


def may_be_first():
    """Whether processes may run under SCHED_FIFO, so that other work on the machine does not count."""
    return os.geteuid() == 0 and subprocess.run(["chrt", "-f", "1", "true"], capture_output=True).returncode == 0


def go_alone():
    """Starts this program again inside a fresh network namespace.

    There no port is anybody else's, and clients can come from many IPv6 networks (fd00:be::/32 is routed to loopback).
    Without the right to do so everything runs on the machine's loopback, and all IPv6 clients are one source.
    """
    inside = is_alone()
    if not inside and os.geteuid() == 0 and subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0:
        os.environ["BENCH_ALONE"] = "yes"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    if inside:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["sysctl", "-q", "-w", "net.ipv6.ip_nonlocal_bind=1"], check=True)
        # Clients and peers stay out of the ports that the servers lend.
        subprocess.run(["sysctl", "-q", "-w", "net.ipv4.ip_local_port_range=50000 60999"], check=True)
        subprocess.run(["ip", "-6", "route", "add", "local", "fd00:be::/32", "dev", "lo"], check=True)


def is_alone():
    return "BENCH_ALONE" in os.environ
