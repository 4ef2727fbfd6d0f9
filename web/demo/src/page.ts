/** The page at /: signs in, shows the lobby, rings, and opens calls and the console. */

import { CallClient } from '/sdk/calling.js';
import type { Call, CallAgent, IncomingCall } from '/sdk/calling.js';
import { openConsole } from './console/view.js';
import { byId, copy, notice, show, toast } from './dom.js';
import { devIdentity, keepName, NoTokens, ownName, pastedIdentity, type Identity } from './identity.js';
import { Media } from './media.js';
import { nameOf, paint } from './names.js';
import { groupIdOf, idOf, identifierOf, rawIdOf } from './people.js';
import { farewell, ring } from './ring.js';
import { Stage } from './stage/stage.js';
import { clock, endingOf } from './words.js';

type View = 'lobby' | 'token' | 'stage' | 'over' | 'console';

const VIEWS: View[] = ['lobby', 'token', 'stage', 'over', 'console'];

/** What the page knows. */
const page: {
  view: View;
  /** Where the Call section was when the Console was opened. */
  callView: View;
  identity?: Identity;
  name: string;
  client: CallClient;
  agent?: CallAgent;
  media?: Media;
  stage?: Stage;
  ringing?: IncomingCall;
  lastCallee?: string;
  /** The group that was joined last. */
  lastGroup?: string;
  isDev: boolean;
} = { view: 'lobby', callView: 'lobby', name: '', client: new CallClient(), isDev: false };

/** The person whom the link invites to call. */
const invitedId = new URLSearchParams(location.search).get('call')?.trim() || undefined;

/** The group whose link this is. */
const invitedGroup = (): string | undefined => groupIdOf(new URLSearchParams(location.search).get('group'));

void start();

async function start(): Promise<void> {
  wire();
  route();
  if (!isSecureContext || !navigator.mediaDevices) {
    notice('This page needs HTTPS: browsers give microphone and camera to secure pages only.');
  }
  try {
    const identity = await devIdentity();
    page.isDev = true;
    show(byId('dev-key'), true);
    await signIn(identity);
  } catch (error) {
    if (error instanceof NoTokens) {
      presence('', 'Not signed in');
      go('token');
    } else {
      presence('bad', 'Not connected');
      notice(`The exchange did not let this page in: ${(error as Error).message}`);
      go('lobby');
    }
  }
}

async function signIn(identity: Identity): Promise<void> {
  page.identity = identity;
  page.name = ownName() ?? nameOf(identity.id);
  presence('', 'Connecting…');
  paintLobby();
  go('lobby');
  const devices = await page.client.getDeviceManager();
  page.media ??= new Media(devices);
  await connect();
  void greetDevices();
}

/** Opens the line on which calls ring. */
async function connect(): Promise<void> {
  const { identity } = page;
  if (!identity) {
    return;
  }
  const agent = await page.client.createCallAgent(identity.credential, { displayName: page.name });
  page.agent = agent;
  agent.on('incomingCall', ({ incomingCall }) => rings(incomingCall));
  agent.on('connectionStateChanged', ({ newValue, reason }) => {
    if (newValue === 'Connected') {
      presence('ready', page.name);
    } else {
      presence('bad', reason === 'invalidToken' ? 'Signed out: the token is over' : 'Reconnecting…');
    }
  });
  // A call that was there before this page was reloaded.
  agent.on('callsUpdated', ({ added }) => added.filter((call) => call.direction === 'Incoming' || !page.stage).forEach(adopt));
  agent.calls.forEach(adopt);
  presence('ready', page.name);
}

/** Microphone, preview and meter, when the browser allows them without asking; asking waits for a click. */
async function greetDevices(): Promise<void> {
  const media = page.media;
  if (!media) {
    return;
  }
  await media.fillLists();
  media.onChange = paintLobby;
  media.paint();
  const devices = await page.client.getDeviceManager();
  if ((await devices.getMicrophones()).length > 0 && page.view === 'lobby' && !page.stage) {
    await media.startMeter();
  }
}

// ── Views ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function go(view: View): void {
  if (view !== 'console') {
    page.callView = view;
  }
  const shown = location.hash === '#console' && view !== 'stage' ? 'console' : view;
  page.view = shown;
  VIEWS.forEach((name) => show(byId(name), name === shown));
  document.body.classList.toggle('in-call', shown === 'stage');
  mark('nav-call', shown !== 'console');
  mark('nav-console', shown === 'console');
}

function mark(id: string, isHere: boolean): void {
  if (isHere) {
    byId(id).setAttribute('aria-current', 'page');
  } else {
    byId(id).removeAttribute('aria-current');
  }
}

function route(): void {
  go(location.hash.startsWith('#console') ? 'console' : page.callView);
}

function presence(state: '' | 'ready' | 'bad', text: string): void {
  byId('presence').dataset.state = state;
  show(byId('presence-you'), state === 'ready');
  byId('presence-text').textContent = text;
}

function paintLobby(): void {
  const { identity, name } = page;
  if (!identity) {
    return;
  }
  const link = `${location.origin}/?call=${encodeURIComponent(identity.id)}`;
  byId<HTMLInputElement>('invite-link').value = link;
  byId<HTMLAnchorElement>('open-link').href = link;
  byId('own-id').textContent = identity.id;
  byId<HTMLInputElement>('display-name').value = name;
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
  byId('invite-where').textContent = isLocal ? 'second tab' : 'second tab or on your phone';
  show(byId('share-link'), !isLocal && typeof navigator.share === 'function');
  const group = invitedGroup();
  show(byId('invite-card'), !invitedId && !group);
  show(byId('meet-card'), !invitedId && !group);
  show(byId('group-card'), group !== undefined);
  if (group) {
    byId('lobby-title').textContent = 'Ready when you are.';
  }
  show(byId('invited-card'), Boolean(invitedId));
  if (invitedId) {
    byId('invited-name').textContent = nameOf(invitedId);
    byId('lobby-title').textContent = 'Ready when you are.';
    paint(byId('invited-avatar'), invitedId, nameOf(invitedId));
  }
  paint(byId('preview-avatar'), identity.id, name);
  show(byId('preview-avatar'), !page.media?.camera);
  byId('preview-caption').textContent = page.media?.camera ? name : `${name} · camera off`;
}

// ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function place(callee: string, withVideo: boolean): Promise<void> {
  const { agent, media, identity } = page;
  if (!agent || !media || !identity) {
    toast('Still connecting. Try again in a moment.');
    return;
  }
  const target = idOf(callee);
  if (!target) {
    toast('That is neither an id nor a link of this page.');
    return;
  }
  if (target === identity.id) {
    toast('That is you. Open the link in a second tab: each tab is another person.');
    return;
  }
  // A refusal keeps its notice; the call goes on without the microphone.
  await media.askMicrophone();
  const camera = withVideo ? await media.startCamera() : undefined;
  page.lastCallee = target;
  page.lastGroup = undefined;
  try {
    open(
      agent.startCall([identifierOf(target)], {
        audioOptions: { muted: !media.isMicOn },
        videoOptions: camera ? { localVideoStreams: [camera] } : undefined,
      }),
      target,
    );
  } catch (error) {
    notice((error as Error).message);
  }
}

/** Joins a group, or begins it. */
async function joinGroup(groupId: string, withVideo: boolean): Promise<void> {
  const { agent, media } = page;
  if (!agent || !media) {
    toast('Still connecting. Try again in a moment.');
    return;
  }
  await media.askMicrophone();
  const camera = withVideo ? await media.startCamera() : undefined;
  page.lastGroup = groupId;
  history.replaceState(null, '', `/?group=${groupId}`);
  try {
    open(
      agent.join(
        { groupId },
        { audioOptions: { muted: !media.isMicOn }, videoOptions: camera ? { localVideoStreams: [camera] } : undefined, receive: 'forwarded' },
      ),
      '',
    );
  } catch (error) {
    notice((error as Error).message);
  }
}

function rings(incoming: IncomingCall): void {
  if (page.ringing || page.stage) {
    // One at a time: whoever calls now hears that nobody answers, unless this call ends first.
    void incoming.reject().catch(() => undefined);
    return;
  }
  page.ringing = incoming;
  const caller = rawIdOf(incoming.callerInfo.identifier);
  const name = incoming.callerInfo.displayName || nameOf(caller);
  byId('ringing-name').textContent = name;
  paint(byId('ringing-avatar'), caller, name);
  const dialog = byId<HTMLDialogElement>('ringing');
  const stopRing = ring(false);
  const stop = (): void => {
    stopRing();
    page.ringing = undefined;
    dialog.close();
    dialog.oncancel = null;
  };
  const accept = async (withVideo: boolean): Promise<void> => {
    stop();
    const { media } = page;
    if (!media) {
      return;
    }
    try {
      await media.askMicrophone();
      const camera = withVideo ? await media.startCamera() : undefined;
      page.lastCallee = caller;
      page.lastGroup = undefined;
      open(
        await incoming.accept({
          audioOptions: { muted: !media.isMicOn },
          videoOptions: camera ? { localVideoStreams: [camera] } : undefined,
        }),
        caller,
      );
    } catch (error) {
      notice((error as Error).message);
    }
  };
  const decline = (): void => {
    stop();
    void incoming.reject().catch((error: unknown) => toast((error as Error).message));
  };
  byId('answer-video').onclick = () => void accept(true);
  byId('answer-voice').onclick = () => void accept(false);
  byId('decline').onclick = decline;
  dialog.oncancel = (event) => {
    event.preventDefault();
    decline();
  };
  incoming.on('callEnded', () => {
    if (page.ringing === incoming) {
      stop();
      toast(`${name} called and gave up, or it was answered elsewhere.`);
    }
  });
  dialog.showModal();
}

async function joinInvited(withVideo: boolean): Promise<void> {
  const group = invitedGroup();
  if (group) {
    await joinGroup(group, withVideo);
  }
}

/** A call that this page did not open itself: it was there before a reload, or came by a transfer. */
function adopt(call: Call): void {
  queueMicrotask(() => {
    if (!page.stage && call.state !== 'Disconnected') {
      page.lastGroup = call.info.groupId;
      open(call, call.info.groupId ? '' : rawIdOf(call.remoteParticipants[0]?.identifier ?? call.callerInfo.identifier));
    }
  });
}

function open(call: Call, remoteId: string): void {
  const { identity, media } = page;
  if (!identity || !media || page.stage) {
    return;
  }
  media.stopMeter();
  media.hidePreview();
  page.stage = new Stage(call, media, { id: identity.id, name: page.name }, remoteId, (stage) => over(call, stage, remoteId));
  if (location.hash) {
    history.replaceState(null, '', location.pathname + location.search);
  }
  go('stage');
  byId('main').focus({ preventScroll: true });
}

function over(call: Call, stage: Stage, remoteId: string): void {
  page.stage = undefined;
  page.lastCallee = remoteId || page.lastCallee;
  page.lastGroup = call.info.groupId ?? page.lastGroup;
  page.media?.stopCamera();
  page.media?.paint();
  const reason = call.callEndReason;
  const { title, why } = endingOf(reason?.code ?? 0, reason?.subCode ?? 0, stage.memory, stage.remoteName);
  byId('over-title').textContent = title;
  byId('over-why').textContent = why;
  const facts: [string, string][] = [];
  if (stage.memory.wasConnected) {
    facts.push(['Talked', clock(stage.memory.seconds)]);
  }
  if (stage.memory.path) {
    facts.push(['Path', stage.memory.path]);
  }
  if (reason && (reason.code !== 0 || reason.subCode !== 0)) {
    facts.push(['Code', `${reason.code}/${reason.subCode ?? 0}`]);
  }
  byId('over-facts').replaceChildren(
    ...facts.map(([term, words]) => {
      const pair = document.createElement('div');
      const dt = document.createElement('dt');
      const dd = document.createElement('dd');
      dt.textContent = term;
      dd.textContent = words;
      pair.append(dt, dd);
      return pair;
    }),
  );
  byId('again-text').textContent = page.lastGroup ? 'Join again' : 'Call again';
  byId('over-id').textContent = call.id;
  byId<HTMLAnchorElement>('over-explain').href = `#console/${call.id}`;
  farewell();
  go('over');
  byId('over-title').focus();
}

// ── Hands ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function wire(): void {
  addEventListener('hashchange', () => {
    route();
    openConsole();
  });
  const click = (id: string, run: () => void): void => byId(id).addEventListener('click', run);
  click('copy-link', () => void copy(byId<HTMLInputElement>('invite-link').value, byId<HTMLInputElement>('invite-link')));
  click('copy-id', () => void copy(page.identity?.id ?? ''));
  click('share-link', () => void navigator.share?.({ title: 'Call me', url: byId<HTMLInputElement>('invite-link').value }).catch(() => undefined));
  byId('invite-link').addEventListener('focus', (event) => (event.target as HTMLInputElement).select());
  click('call-invited', () => invitedId && void place(invitedId, true));
  click('call-invited-voice', () => invitedId && void place(invitedId, false));
  byId('call-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const typed = byId<HTMLInputElement>('callee').value;
    const group = groupIdOf(typed) ?? groupIdOf(groupOfLink(typed));
    void (group ? joinGroup(group, page.media?.camera !== undefined) : place(typed, page.media?.camera !== undefined));
  });
  click('new-group', () => void joinGroup(crypto.randomUUID(), page.media?.camera !== undefined));
  click('join-group', () => void joinInvited(true));
  click('join-group-voice', () => void joinInvited(false));
  click('call-again', () => {
    if (page.lastGroup) {
      void joinGroup(page.lastGroup, false);
    } else if (page.lastCallee) {
      void place(page.lastCallee, false);
    }
  });
  click('to-lobby', () => {
    go('lobby');
    void greetDevices();
  });
  click('lobby-cam', () => void page.media?.toggleCamera());
  click('lobby-mic', () => {
    const { media } = page;
    if (media) {
      media.isMicOn = !media.isMicOn;
      media.paint();
      if (media.isMicOn) {
        void media.askMicrophone().then((isAllowed) => (isAllowed && page.view === 'lobby' ? media.startMeter() : undefined));
      } else {
        media.stopMeter();
      }
    }
  });
  document.querySelectorAll('[data-opens=settings]').forEach((button) =>
    button.addEventListener('click', () => {
      void page.media?.fillLists();
      byId<HTMLDialogElement>('settings').showModal();
    }),
  );
  byId('settings').addEventListener('close', () => rename(byId<HTMLInputElement>('display-name').value));
  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const field = byId<HTMLTextAreaElement>('token-text');
    const problem = byId('token-error');
    try {
      const identity = pastedIdentity(field.value);
      field.value = '';
      show(problem, false);
      signIn(identity).catch((error: unknown) => notice((error as Error).message));
    } catch (error) {
      problem.textContent = (error as Error).message;
      show(problem, true);
    }
  });
  openConsole();
}

function groupOfLink(text: string): string | null {
  return URL.canParse(text) ? new URL(text).searchParams.get('group') : null;
}

/** Another name. Others see it from the next connection on, so that one is made when nobody is talking. */
function rename(typed: string): void {
  const name = typed.trim();
  if (!name || name === page.name) {
    return;
  }
  page.name = name;
  keepName(name);
  paintLobby();
  if (page.agent && !page.stage) {
    const old = page.agent;
    page.agent = undefined;
    presence('', 'Connecting…');
    void old
      .dispose()
      .then(connect)
      .catch((error: unknown) => notice((error as Error).message));
  }
}
