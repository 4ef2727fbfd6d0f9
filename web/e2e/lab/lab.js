/**
 * A laboratory of network namespaces.
 *
 * A lab owns every namespace whose name begins with its prefix, and everything in them: links, rules, processes,
 * name files. A reaper started with the lab removes all of that when the lab closes, and also when this process
 * dies, however it dies: it waits for the end of a pipe that only we hold.
 *
 * Nothing here touches the machine's own network: links are born inside namespaces. Several labs run side by side.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));

/** Runs a command to its end; throws with what it said when it fails. */
export function sh(command, args, input) {
  const done = spawnSync(command, args, { input, encoding: 'utf8', timeout: 60_000 });
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr || done.stdout || `exit ${done.status}`}`);
  return done.stdout;
}

let labs = 0;

export class Lab {
  /** Opens an empty lab: a prefix, a scratch directory, a reaper. */
  static open() {
    return new Lab(`c${process.pid.toString(36)}${(labs++).toString(36)}`);
  }

  constructor(prefix) {
    this.prefix = prefix;
    this.scratch = mkdtempSync(join(tmpdir(), `centrale-lab-${prefix}-`));
    this.namespaces = new Map();
    this.reaper = spawn('sh', [join(HERE, 'reap.sh'), prefix, this.scratch], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    this.reaped = new Promise((resolve) => this.reaper.once('exit', resolve));
    this.reaper.unref();
    this.reaper.stdin.unref?.();
  }

  /**
   * Adds a namespace.
   *
   * - `hosts`: lines of its `/etc/hosts`, after the usual two.
   */
  namespace(name, hosts = this.hosts ?? []) {
    const space = new Namespace(this, name, `${this.prefix}-${name}`);
    const files = join('/etc/netns', space.full);
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'hosts'), ['127.0.0.1 localhost', '::1 localhost', ...hosts, ''].join('\n'));
    // A resolver that refuses at once: a name that is not in `hosts` must not cost seconds.
    writeFileSync(join(files, 'resolv.conf'), 'nameserver 127.0.0.1\n');
    sh('ip', ['netns', 'add', space.full]);
    // Addresses are ours to give: no second of waiting for duplicates, no routers announced.
    space.sysctl({ 'net.ipv6.conf.default.accept_dad': 0, 'net.ipv6.conf.default.dad_transmits': 0, 'net.ipv6.conf.default.accept_ra': 0 });
    space.ip('link set lo up');
    this.namespaces.set(name, space);
    return space;
  }

  /** Ends every process in the lab and removes it. */
  async close() {
    this.reaper.ref();
    this.reaper.stdin.end();
    await this.reaped;
  }
}

export class Namespace {
  constructor(lab, name, full) {
    this.lab = lab;
    this.name = name;
    this.full = full;
  }

  /** Runs lines of `ip` inside, all or nothing visible: the first bad line throws. */
  ip(...lines) {
    sh('ip', ['-n', this.full, '-batch', '-'], lines.join('\n') + '\n');
  }

  /** Runs a command inside, to its end, and gives its output. */
  run(command, ...args) {
    return sh('ip', ['netns', 'exec', this.full, command, ...args]);
  }

  /** Loads nftables rules. */
  nft(rules) {
    return sh('ip', ['netns', 'exec', this.full, 'nft', '-f', '-'], rules);
  }

  /** Starts a long-lived command inside. `ip netns exec` becomes the command, so the child's pid is its own. */
  spawn(command, args, options = {}) {
    return spawn('ip', ['netns', 'exec', this.full, command, ...args], options);
  }

  sysctl(settings) {
    this.run('sysctl', '-qw', ...Object.entries(settings).map(([key, value]) => `${key}=${value}`));
  }

  /** Makes it a router between its interfaces. */
  routes() {
    this.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 });
    return this;
  }

  /** Adds a bridge. Frames that cross it stay out of this namespace's own forward and NAT rules. */
  bridge(name) {
    this.ip(`link add ${name} type bridge`, `link set ${name} up`);
    const rules = this.run('sh', '-c', 'ls /proc/sys/net/bridge 2>/dev/null || true');
    for (const key of ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables']) {
      if (rules.includes(key)) this.sysctl({ [`net.bridge.${key}`]: 0 });
    }
    return this;
  }

  /** Counts of the named nft counters: `{ name: { packets, bytes } }`. */
  counters() {
    const listed = JSON.parse(this.run('nft', '-j', 'list', 'counters'));
    const found = {};
    for (const { counter } of listed.nftables) if (counter) found[counter.name] = { packets: counter.packets, bytes: counter.bytes };
    return found;
  }
}

/** A veth pair between two namespaces. `master` makes the first end a port of that bridge. */
export function wire(one, oneEnd, two, twoEnd, { master } = {}) {
  one.ip(`link add ${oneEnd} type veth peer name ${twoEnd} netns ${two.full}`);
  one.ip(`link set ${oneEnd} ${master ? `master ${master} ` : ''}up`);
  two.ip(`link set ${twoEnd} up`);
}
