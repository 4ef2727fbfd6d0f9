/**
 * A telephone inside a page: the calling client, driven through its public API as an app drives it.
 *
 * `open` is evaluated in the page and leaves `window.phone`.
 */
export async function open({ token, name, iceServers }) {
  const calling = await import('/sdk/calling.js');
  const client = new calling.CallClient(iceServers ? { networkConfiguration: { turn: { iceServers } } } : undefined);
  const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: claims.exp * 1000 }), dispose() {} };
  const calls = [];
  const phone = {
    calling,
    client,
    calls,
    rings: [],
    connection: [],
    /** Everything that was seen of a call, in order. */
    adopt(call) {
      const known = calls.find((entry) => entry.call === call);
      if (known) return known;
      const seen = { call, born: performance.now(), states: [[call.state, 0]], ended: null, transferred: null, received: [] };
      calls.push(seen);
      call.on('stateChanged', () => {
        seen.states.push([call.state, Math.round(performance.now() - seen.born)]);
        if (call.state === 'Disconnected') seen.ended = call.callEndReason && { code: call.callEndReason.code, subCode: call.callEndReason.subCode ?? 0 };
      });
      call.feature(calling.Features.Transfer).on('transferAccepted', ({ targetCall }) => (seen.transferred = targetCall));
      call.feature(calling.Features.DataChannel).on('dataChannelReceiverCreated', (receiver) => {
        const read = () => {
          for (let message = receiver.readMessage(); message; message = receiver.readMessage()) {
            seen.received.push({ channel: receiver.channelId, sequence: message.sequenceNumber, text: new TextDecoder().decode(message.data) });
          }
        };
        receiver.on('messageReady', read);
        read();
      });
      return seen;
    },
    async camera() {
      const devices = await client.getDeviceManager();
      await devices.askDevicePermission({ audio: true, video: true });
      const [camera] = await devices.getCameras();
      return new calling.LocalVideoStream(camera);
    },
    async videoOptions(video) {
      return video ? { videoOptions: { localVideoStreams: [await phone.camera()] } } : {};
    },
    async dial(target, { video = false } = {}) {
      const options = await phone.videoOptions(video);
      phone.dialled = performance.now();
      return phone.adopt(phone.agent.startCall([{ communicationUserId: target }], options));
    },
    async accept({ video = false } = {}) {
      const options = await phone.videoOptions(video);
      return phone.adopt(await phone.rings.at(-1).ring.accept(options));
    },
    current: () => calls.at(-1),
  };
  window.phone = phone;
  phone.agent = await client.createCallAgent(credential, { displayName: name });
  phone.connection.push(phone.agent.connectionState);
  phone.agent.on('connectionStateChanged', ({ newValue }) => phone.connection.push(newValue));
  phone.agent.on('incomingCall', ({ incomingCall }) => {
    const entry = { ring: incomingCall, ended: null };
    phone.rings.push(entry);
    incomingCall.on('callEnded', ({ callEndReason }) => (entry.ended = { code: callEndReason.code, subCode: callEndReason.subCode ?? 0 }));
  });
  phone.agent.on('callsUpdated', ({ added }) => added.forEach(phone.adopt));
  phone.agent.calls.forEach(phone.adopt);
}
