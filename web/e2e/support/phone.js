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
    async join(groupId, { video = false, receive } = {}) {
      const options = await phone.videoOptions(video);
      phone.dialled = performance.now();
      return phone.adopt(phone.agent.join({ groupId }, { ...options, ...(receive ? { receive } : {}) }));
    },
    /** Views on the page, by raw id of whom they show; `whole` is the composed picture. Frames are counted. */
    views: new Map(),
    async put(id, stream) {
      const known = phone.views.get(id);
      if (known?.stream === stream && known.isUp) return;
      known?.view?.dispose();
      known?.box.remove();
      const box = Object.assign(document.createElement('div'), { style: 'width: 320px; height: 180px; float: left' });
      const entry = { stream, box, frames: 0, longestGap: 0, isUp: true };
      phone.views.set(id, entry);
      document.documentElement.append(box);
      try {
        entry.view = await new calling.VideoStreamRenderer(stream).createView();
      } catch (error) {
        entry.isUp = false;
        return;
      }
      box.append(entry.view.target);
      // Gaps by when frames were presented, not by when a busy page hears of it. The element is another one after each change of tracks.
      let last;
      const follow = setInterval(() => {
        const video = entry.view.target.querySelector('video');
        if (phone.views.get(id) !== entry) return clearInterval(follow);
        if (!video || video === entry.video) return;
        entry.video = video;
        let count = 0;
        const frame = (now, { presentationTime, presentedFrames }) => {
          if (video !== entry.video) return;
          const frames = count === 0 ? 1 : presentedFrames - count;
          entry.frames += frames;
          if (last !== undefined && frames > 0) entry.longestGap = Math.max(entry.longestGap, (presentationTime - last) / frames);
          [last, count] = [presentationTime, presentedFrames];
          video.requestVideoFrameCallback(frame);
        };
        video.requestVideoFrameCallback?.(frame);
      }, 10);
    },
    /** Shows every camera that is sent. */
    showEverybody() {
      for (const person of phone.current().call.remoteParticipants) {
        const stream = person.videoStreams.find((one) => one.isAvailable && one.mediaStreamType === 'Video');
        if (stream) void phone.put(person.identifier.communicationUserId, stream);
      }
    },
    showWhole() {
      const { composition } = phone.current().call.feature(calling.Conference);
      if (composition.isAvailable) void phone.put('whole', composition);
    },
    /** What the views show: `{ id: { colour, frames } }`. */
    seen() {
      const found = {};
      for (const [id, { video, frames }] of phone.views) {
        const counted = video?.requestVideoFrameCallback ? frames : video?.getVideoPlaybackQuality().totalVideoFrames;
        if (video?.videoWidth > 0) found[id] = { colour: window.__watch.meanColour(video), frames: counted };
      }
      return found;
    },
    send(text, { channel = 7, reliability = 'Durable', to = [] } = {}) {
      const seen = phone.current();
      seen.senders ??= new Map();
      const key = `${channel}/${reliability}`;
      const sender = seen.senders.get(key) ?? seen.call.feature(calling.Features.DataChannel).createDataChannelSender({ channelId: channel, reliability });
      seen.senders.set(key, sender);
      sender.setParticipants(to.map((id) => ({ communicationUserId: id })));
      return sender.sendMessage(new TextEncoder().encode(text));
    },
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
