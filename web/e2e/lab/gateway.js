/**
 * What a router between a private network and the public one does to packets (RFC 4787's words).
 *
 * Two rules hold for every kind. Unsolicited packets for the router itself are dropped, not refused: a refusal leaves
 * a conntrack entry behind, and the next outbound packet of the inside host gets another port. And the forward chain
 * ends in a drop of what comes from outside without being an answer.
 */

/** Address translation for the interface `wan`. */
export const NAT = {
  /** No translation. */
  none: () => '',

  /** A usual home router: keeps the port while it is free, answers only from where was sent to (port-restricted). */
  portRestricted: () => `
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade
  }
}`,

  /** A new random port for each destination: address- and port-dependent mapping and filtering. */
  symmetric: () => `
table ip nat {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade random,fully-random
  }
}`,

  /**
   * Exact endpoint-independent mapping, with address- and port-dependent filtering, and hairpinning.
   * The kernel's own masquerade depends on the destination once ports clash; this map does not.
   */
  endpointIndependent: (wan) => `
table ip nat {
  map eim {
    type inet_service : ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 120s
  }
  set seen {
    type inet_service . ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 120s
  }
  chain learn {
    type filter hook postrouting priority 90;
    oifname "wan" meta l4proto udp update @eim { udp sport : ip saddr . udp sport }
    oifname "wan" meta l4proto udp update @seen { udp sport . ip daddr . udp dport }
  }
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade
    iifname != "wan" oifname != "wan" ct status dnat snat to ${wan}
  }
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "wan" meta l4proto udp udp dport . ip saddr . udp sport @seen dnat ip addr . port to udp dport map @eim
    iifname != "wan" ip daddr ${wan} meta l4proto udp dnat ip addr . port to udp dport map @eim
  }
}`,
};

/** What may leave through the interface `wan`. */
export const FIREWALL = {
  open: '',
  /** UDP disappears silently: the hard case, because nothing is refused. */
  noUdp: 'oifname "wan" meta l4proto udp drop',
  /** Of UDP only what goes to the port of STUN and TURN: relayed addresses are reached through a relay and not directly. */
  onlyStunPort: 'oifname "wan" udp dport != 3478 drop',
  /** A strict company network: TCP 443 and nothing else. */
  only443: 'oifname "wan" tcp dport 443 accept\n    oifname "wan" drop',
};

/**
 * Sets a router's rules, in place of those it had.
 *
 * The counters `udp_out` and `udp_in` hold every UDP packet that crosses `wan` on its way from or to an inside host.
 */
export function gateway(router, { nat = NAT.none, firewall = FIREWALL.open, wan = '' } = {}) {
  router.nft(`
flush ruleset
${nat(wan)}
table inet guard {
  counter udp_out { }
  counter udp_in { }
  chain input {
    type filter hook input priority filter;
    iifname "wan" ct state established,related accept
    iifname "wan" meta l4proto ipv6-icmp accept
    iifname "wan" drop
  }
  chain through {
    type filter hook forward priority filter;
    oifname "wan" meta l4proto udp counter name udp_out
    iifname "wan" meta l4proto udp counter name udp_in
    ${firewall}
    iifname "wan" ct state established,related accept
    iifname "wan" ct status dnat accept
    iifname "wan" drop
  }
}
`);
}
