/** A real exchange in a namespace: started, asked, drained, killed and started again. */
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXCHANGE } from '../lab/topologies.js';
import { carryOut } from './browsers.js';
import { CENTRALE } from './program.js';

const API_VERSION = '2023-10-01';
let exchanges = 0;

export class Exchange {
  /**
   * Starts `centrale serve` and waits until it is ready.
   *
   * - `address`: where it listens and what it advertises; the lab's own public one by default.
   * - `config`: text of a configuration file.
   */
  static async start(net, { address = net.wan, name = EXCHANGE.name, https = 443, config = '', args = [] } = {}) {
    const exchange = new Exchange(net.srv, join(net.lab.scratch, `exchange-${exchanges++}`));
    const bracketed = address.includes(':') ? `[${address}]` : address;
    const file = join(exchange.data, 'centrale.toml');
    writeFileSync(file, config || labConfig());
    exchange.start = [
      'serve',
      ...['--config', file],
      ...['--data', exchange.data],
      ...['--https', `${bracketed}:${https}`],
      ...['--relay', `${bracketed}:3478`],
      ...['--media', `${bracketed}:3480`],
      ...['--metrics', '127.0.0.1:0'],
      ...['--public-name', name],
      ...['--public-address', address],
      ...args,
    ];
    exchange.origin = `https://${name}${https === 443 ? '' : `:${https}`}`;
    exchange.host = exchange.origin.slice('https://'.length);
    await exchange.run();
    exchange.socket = await carryOut(net.srv, address, https);
    return exchange;
  }

  constructor(space, data) {
    this.space = space;
    this.data = data;
    this.log = '';
    mkdirSync(data, { recursive: true });
  }

  /** Starts `centrale dev` as a newcomer does: no option but where its files go. */
  static async dev(net) {
    const exchange = new Exchange(net.srv, join(net.lab.scratch, `exchange-${exchanges++}`));
    exchange.start = ['dev', '--data', exchange.data];
    await exchange.run();
    exchange.origin = exchange.ready;
    exchange.host = exchange.origin.slice('https://'.length);
    exchange.socket = await carryOut(net.srv, '127.0.0.1', Number(new URL(exchange.origin).port));
    return exchange;
  }

  /** Starts the program with the data it has, and waits for the line `ready`. */
  async run(patience = 60_000) {
    const child = this.space.spawn(CENTRALE, this.start, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RUST_BACKTRACE: '1' } });
    this.child = child;
    child.stderr.on('data', (data) => (this.log = (this.log + data).slice(-200_000)));
    await new Promise((resolve, reject) => {
      let said = '';
      const timer = setTimeout(() => reject(new Error(`the exchange was not ready within ${patience} ms\n${said}\n${this.log}`)), patience);
      child.stdout.on('data', (data) => {
        said += data;
        this.ready = /^ready (\S+)$/m.exec(said)?.[1];
        if (!this.ready) return;
        clearTimeout(timer);
        resolve();
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`the exchange ended with ${code ?? signal} before it was ready\n${said}\n${this.log}`));
      });
    });
    this.runtime = JSON.parse(readFileSync(join(this.data, 'runtime.json'), 'utf8'));
  }

  /** Ends the program at once, as a power cut would. */
  async kill() {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }

  /** Asks it to end; a second request cuts the draining short. */
  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    if (await Promise.race([gone.then(() => true), sleep(500, false)])) return;
    this.child.kill('SIGTERM');
    if (await Promise.race([gone.then(() => true), sleep(5000, false)])) return;
    this.child.kill('SIGKILL');
    await gone;
  }

  /** Runs one of the program's other commands on this exchange's data. */
  command(...args) {
    return this.space.run(CENTRALE, ...args, '--data', this.data);
  }

  /** A request signed with the access key, as the official SDKs sign. Gives the parsed body. */
  async ask(method, path, body) {
    const key = /accesskey=([^;]+)/i.exec(this.runtime.connection_string)[1];
    const payload = body === undefined ? '' : JSON.stringify(body);
    const date = new Date().toUTCString();
    const hash = createHash('sha256').update(payload).digest('base64');
    const signed = `${method}\n${path}\n${date};${this.host};${hash}`;
    const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(signed).digest('base64');
    const { status, text } = await this.send(method, path, payload, {
      host: this.host,
      'x-ms-date': date,
      'x-ms-content-sha256': hash,
      authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
      ...(payload ? { 'content-type': 'application/json' } : {}),
    });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** A plain request over TLS that trusts the exchange's own certificate authority and nothing else. */
  send(method, path, payload = '', headers = {}) {
    const ca = readFileSync(join(this.data, 'tls/ca.pem'));
    const servername = this.host.split(':')[0];
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          method,
          path,
          headers: { host: this.host, 'content-length': Buffer.byteLength(payload), ...headers },
          createConnection: () => connectTls({ socket: createConnection(this.socket), servername, ca, ALPNProtocols: ['http/1.1'] }),
          timeout: 30_000,
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part) => (text += part));
          response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers }));
        },
      );
      asked.on('error', reject);
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} took over 30 s`)));
      asked.end(payload);
    });
  }

  /** Makes a user with a token to call with: `{ id, token }`. */
  async user() {
    const made = await this.ask('POST', `/identities?api-version=${API_VERSION}`, { createTokenWithScopes: ['voip'], expiresInMinutes: 60 });
    return { id: made.identity.id, token: made.accessToken.token };
  }

  /** ICE servers with credentials for a user, as RTCIceServer[]. */
  async relay(user) {
    return JSON.parse(this.command('relay-credential', '--user', user.id));
  }

  /** Usage records and totals that match. */
  usage(filter = {}) {
    const query = new URLSearchParams({ top: '1000', ...filter });
    return this.ask('GET', `/admin/usage?${query}`);
  }

  /** Relay bytes of the given users as the ledger has them at this moment: `{ sent, received, over(transport) }`. */
  async relayed(users) {
    const by = {};
    const sum = { sent: 0, received: 0, over: (transport) => by[transport] ?? 0 };
    for (const user of users) {
      const { value } = await this.usage({ kind: 'NAT', identity: user.id });
      for (const line of value.filter((record) => record.unit === 'bytes')) {
        sum[line.direction] += line.quantity;
        by[line.transport] = (by[line.transport] ?? 0) + line.quantity;
      }
    }
    return sum;
  }

  /** The same once `enough` says so, or after 30 s: measurements reach the ledger every few seconds. */
  async relayedAtLast(users, enough) {
    for (const end = Date.now() + 30_000; ; await sleep(1000)) {
      const sum = await this.relayed(users);
      if (enough(sum) || Date.now() > end) return sum;
    }
  }

  /** The same when everything relayed until now must be in it: an allocation that ended is measured at once and written within 4 s. */
  async relayedByNow(users) {
    await sleep(6000);
    return this.relayed(users);
  }

  /** Why a call went the way it did. */
  explain(callId) {
    return this.ask('GET', `/admin/calls/${callId}/explain`);
  }
}

/** A node that relays and does nothing else. */
export class Relay extends Exchange {
  /**
   * Starts one and waits until it is ready.
   *
   * - `space`: its machine. `name`, `address`: what it is known by.
   * - `config`: lines of its configuration file after `[relay]`, other sections included.
   */
  static async start(net, space, { name, address, config }) {
    const relay = new Relay(space, join(net.lab.scratch, name));
    const file = join(relay.data, 'centrale.toml');
    writeFileSync(file, labConfig(config));
    relay.start = [
      'serve',
      ...['--config', file],
      ...['--data', relay.data],
      ...['--https', `${address}:443`],
      ...['--relay', `${address}:3478`],
      ...['--metrics', '127.0.0.1:0'],
      ...['--public-name', name],
      ...['--public-address', address],
    ];
    Object.assign(relay, { name, address });
    await relay.run();
    return relay;
  }

  /** Asks it to end and waits as long as it drains. */
  async leave() {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await gone;
  }
}

/** A configuration for the lab, whose public addresses are the ones for documentation. */
export function labConfig(extra = '') {
  return `[relay]\nallow_peers = ["203.0.113.0/24", "2001:db8::/32"]\n${extra}`;
}
