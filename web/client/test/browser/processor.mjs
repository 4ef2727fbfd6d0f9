/**
 * A media processor for the browser tests: a page of a browser that answers offers and passes tracks on, as far as a client can tell from a
 * real one. It re-encodes everything, so it is for a handful of people.
 */

/** Runs in the page; leaves `window.sfu` behind. `window.connected(place, epoch)` is called when a path is there. */
function install() {
  const AUDIO = [0, 3, 4, 5, 6];
  const peers = new Map();
  const key = (place, source) => `${place}/${source}`;

  function received(place, source) {
    const line = { microphone: 0, camera: 1, screen: 2 }[source];
    return peers.get(place)?.pc.getTransceivers()[line]?.receiver.track;
  }

  /** Fills everybody's slots, and says so. */
  function arrange() {
    for (const [place, peer] of peers) {
      const others = [...peers.keys()].filter((one) => one !== place);
      const slots = peer.mode === 'mixed' ? mixed(peer, others) : forwarded(peer, others);
      const text = JSON.stringify({ type: 'slots', slots });
      if (peer.control.readyState === 'open' && text !== peer.said) {
        peer.said = text;
        peer.control.send(text);
      }
    }
  }

  function put(peer, line, track) {
    const sender = peer.pc.getTransceivers()[line]?.sender;
    if (sender && sender.track !== (track ?? null)) void sender.replaceTrack(track ?? null);
  }

  function forwarded(peer, others) {
    peer.mixed?.end();
    peer.mixed = undefined;
    const lines = peer.pc.getTransceivers();
    const last = lines.length - 1;
    const pictures = lines.map((_, index) => index).filter((index) => index > 6 && index < last);
    const wanted = peer.wants.filter(({ participant }) => others.includes(participant));
    const slots = [];
    AUDIO.forEach((line, index) => {
      put(peer, line, others[index] && received(others[index], 'microphone'));
      if (others[index]) slots.push({ mid: lines[line].mid, participant: others[index], source: 'microphone' });
    });
    const cameras = wanted.filter(({ source }) => source === 'camera').map(({ participant }) => participant);
    for (const line of pictures) if (!cameras.includes(peer.held.get(line))) peer.held.delete(line);
    for (const participant of cameras) {
      if ([...peer.held.values()].includes(participant)) continue;
      const free = pictures.find((line) => !peer.held.has(line));
      if (free !== undefined) peer.held.set(free, participant);
    }
    for (const line of pictures) {
      const participant = peer.held.get(line);
      put(peer, line, participant && received(participant, 'camera'));
      if (participant) slots.push({ mid: lines[line].mid, participant, source: 'camera' });
    }
    const screen = wanted.find(({ source }) => source === 'screen')?.participant;
    put(peer, last, screen && received(screen, 'screen'));
    if (screen) slots.push({ mid: lines[last].mid, participant: screen, source: 'screen' });
    return slots;
  }

  /** One sound, one picture. */
  function mixed(peer, others) {
    const lines = peer.pc.getTransceivers();
    const wanted = others.join();
    if (peer.mixed?.of !== wanted) {
      peer.mixed?.end();
      const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
      const paint = canvas.getContext('2d');
      const context = new AudioContext();
      const sum = context.createMediaStreamDestination();
      const videos = others.map((place) => {
        const video = Object.assign(document.createElement('video'), { muted: true, srcObject: new MediaStream([received(place, 'camera')]) });
        void video.play().catch(() => {});
        context.createMediaStreamSource(new MediaStream([received(place, 'microphone')])).connect(sum);
        return video;
      });
      const side = Math.ceil(Math.sqrt(Math.max(1, videos.length)));
      const timer = setInterval(() => {
        paint.fillStyle = '#222';
        paint.fillRect(0, 0, 640, 360);
        videos.forEach((video, index) => {
          const [w, h] = [640 / side, 360 / side];
          if (video.videoWidth) paint.drawImage(video, (index % side) * w, Math.floor(index / side) * h, w, h);
        });
      }, 66);
      const picture = canvas.captureStream(15).getVideoTracks()[0];
      peer.mixed = { of: wanted, picture, sound: sum.stream.getAudioTracks()[0], end: () => { clearInterval(timer); void context.close(); } };
    }
    lines.forEach((line, index) => index > 6 && put(peer, index, index === 7 ? peer.mixed.picture : undefined));
    AUDIO.forEach((line, index) => put(peer, line, index === 0 ? peer.mixed.sound : undefined));
    peer.held.clear();
    return [{ mid: lines[0].mid, source: 'mix' }, { mid: lines[7].mid, source: 'composition' }];
  }

  function message(place, label, data) {
    const bytes = new Uint8Array(data);
    const count = bytes[4];
    const ids = Array.from({ length: count }, (_, index) => {
      const hex = [...bytes.slice(5 + 16 * index, 21 + 16 * index)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    });
    const frame = new Uint8Array([...bytes.slice(0, 4), ...bytes.slice(5 + 16 * count)]);
    for (const [other, peer] of peers) {
      if (other === place || (count > 0 && !ids.includes(other))) continue;
      const name = `${label}/${place}`;
      let channel = peer.channels.get(name);
      if (!channel) {
        channel = peer.pc.createDataChannel(name);
        peer.channels.set(name, channel);
      }
      if (channel.readyState === 'open') channel.send(frame);
      else channel.addEventListener('open', () => channel.send(frame), { once: true });
    }
  }

  window.sfu = {
    async offer(place, epoch, sdp) {
      const known = peers.get(place);
      if (known?.epoch === epoch) {
        await known.pc.setRemoteDescription({ type: 'offer', sdp });
        await known.pc.setLocalDescription();
        return known.pc.localDescription.sdp;
      }
      const pc = new RTCPeerConnection();
      const control = pc.createDataChannel('centrale', { negotiated: true, id: 0 });
      const peer = { pc, control, epoch, wants: [], held: new Map(), channels: new Map(), mode: known?.mode ?? 'forwarded', said: '' };
      control.onopen = () => {
        control.send(JSON.stringify({ type: 'mode', mode: peer.mode }));
        peers.get(place)?.pc !== pc && peers.get(place)?.pc.close();
        peers.set(place, peer);
        arrange();
        void window.connected(place, epoch);
      };
      control.onmessage = ({ data }) => {
        const said = JSON.parse(data);
        if (said.type === 'want') peer.wants = said.videos;
        arrange();
      };
      pc.ondatachannel = ({ channel }) => {
        channel.binaryType = 'arraybuffer';
        channel.onmessage = ({ data }) => data instanceof ArrayBuffer && message(place, channel.label, data);
      };
      await pc.setRemoteDescription({ type: 'offer', sdp });
      pc.getTransceivers().forEach((line, index) => (line.direction = index === 0 ? 'sendrecv' : index < 3 ? 'recvonly' : 'sendonly'));
      await pc.setLocalDescription();
      // Sound of a remote track is decoded, and can be passed on, only while it plays somewhere.
      peer.player = Object.assign(new Audio(), { muted: true, srcObject: new MediaStream([pc.getTransceivers()[0].receiver.track]) });
      void peer.player.play().catch(() => {});
      while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 10));
      return pc.localDescription.sdp;
    },
    leave(place) {
      peers.get(place)?.mixed?.end();
      peers.get(place)?.pc.close();
      peers.delete(place);
      arrange();
    },
    receive(place, mode) {
      const peer = peers.get(place);
      peer.mode = mode === 'mixed' ? 'mixed' : 'forwarded';
      peer.control.send(JSON.stringify({ type: 'mode', mode: peer.mode }));
      arrange();
    },
    wants: (place) => peers.get(place)?.wants,
    /** Everybody's peer connection dies without a word, as with the process. */
    crash() {
      [...peers.values()].forEach(({ pc }) => pc.close());
      peers.clear();
    },
  };

  // Somebody speaks for a moment after the last loud one.
  const loud = new Map();
  setInterval(() => {
    for (const [place, { pc }] of peers) {
      const level = pc.getTransceivers()[0]?.receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
      if (level > 0.01) loud.set(place, performance.now());
    }
  }, 50);
  let dominant = [];
  setInterval(() => {
    const speaking = [...peers.keys()].filter((place) => performance.now() - (loud.get(place) ?? -Infinity) < 900);
    dominant = [...speaking, ...dominant.filter((one) => !speaking.includes(one))].filter((one) => peers.has(one)).slice(0, 8);
    const grades = [...peers.keys()].map((participant, index) => ({ participant, send: 5 - (index % 3), receive: 5 }));
    for (const { control } of peers.values()) {
      if (control.readyState !== 'open') continue;
      control.send(JSON.stringify({ type: 'speakers', dominant, speaking }));
      control.send(JSON.stringify({ type: 'quality', participants: grades }));
    }
  }, 500);
}

/** Opens the page of a media processor. `onConnected(place, epoch)`: a path is there. */
export async function openProcessor(browser, onConnected) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.exposeFunction('connected', onConnected);
  await page.evaluate(install);
  const call = (name, ...args) => page.evaluate(([what, given]) => window.sfu[what](...given), [name, args]);
  return {
    offer: (...args) => call('offer', ...args),
    leave: (...args) => call('leave', ...args),
    receive: (...args) => call('receive', ...args),
    wants: (...args) => call('wants', ...args),
    crash: () => call('crash'),
    close: () => context.close(),
  };
}
