/** Carries connections from a Unix socket to a TCP address. usage: carry.js SOCKET HOST PORT */
import { connect, createServer } from 'node:net';

const [path, host, port] = process.argv.slice(2);
createServer((near) => {
  const far = connect(Number(port), host);
  near.pipe(far).pipe(near);
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
}).listen(path, () => console.log('up'));
