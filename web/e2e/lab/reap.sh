#!/bin/sh
# Waits until the lab's owner closes our standard input (by closing the lab, or by dying), then removes the lab:
# every process inside its namespaces, the namespaces, their name files, the scratch directory.
# usage: reap.sh PREFIX SCRATCH
prefix=$1
scratch=$2
trap '' INT TERM HUP
cat >/dev/null
spaces=$(ip netns list | cut -d' ' -f1 | grep "^$prefix-")
for space in $spaces; do
  ip netns pids "$space" | while read -r pid; do kill -TERM "$pid" 2>/dev/null; done
done
# Links made in user space hold their namespaces open until their configuration is gone.
case $scratch in */centrale-lab-*) rm -rf "$scratch"/*.link ;; esac
tries=0
while [ $tries -lt 20 ]; do
  left=
  for space in $spaces; do left="$left$(ip netns pids "$space")"; done
  [ -z "$left" ] && break
  sleep 0.1
  tries=$((tries + 1))
done
for space in $spaces; do
  ip netns pids "$space" | while read -r pid; do kill -KILL "$pid" 2>/dev/null; done
  ip netns del "$space"
  rm -rf "/etc/netns/$space"
done
case $scratch in
  */centrale-lab-*) rm -rf "$scratch" 2>/dev/null || { sleep 1; rm -rf "$scratch"; } ;;
esac
