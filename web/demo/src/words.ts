/** What numbers mean, for people. */

/** How a call ended. */
export interface Ending {
  title: string;
  why: string;
}

/** The end of a call in words. */
export function endingOf(
  code: number,
  subCode: number,
  { wasConnected, hungUpHere }: { wasConnected: boolean; hungUpHere: boolean },
  name: string,
): Ending {
  const key = `${code}/${subCode}`;
  switch (key) {
    case '0/0':
      return wasConnected
        ? { title: 'Call ended', why: hungUpHere ? 'You hung up.' : `${name} hung up.` }
        : { title: 'Call cancelled', why: 'You hung up before anybody answered.' };
    case '487/0':
      return { title: 'Call cancelled', why: 'The caller gave up before it was answered.' };
    case '603/0':
    case '487/10024':
    case '0/5003':
      return { title: 'Call declined', why: `${name} does not want to talk now.` };
    case '486/0':
    case '486/10321':
      return { title: 'Busy', why: `${name} is in another call.` };
    case '487/10003':
      return { title: 'Answered elsewhere', why: 'The call was answered on another device.' };
    case '487/10004':
      return { title: 'No answer', why: `It rang, but ${name} did not answer.` };
    case '480/10037':
      return { title: 'Nobody there', why: `${name} has no page or device open. Send the link again, and call when it is open.` };
    case '480/10076':
    case '480/10077':
    case '480/10078':
      return { title: 'Cannot be reached', why: `The devices of ${name} are offline.` };
    case '0/5000':
    case '0/5300':
      return { title: 'You were taken out', why: 'Somebody in the call took you out of it.' };
    case '0/4097':
      return { title: 'Call ended', why: 'It was ended for everybody.' };
    case '403/49006':
      return { title: 'The call is full', why: 'There are as many people in it as this exchange allows. Try again when somebody has left.' };
    case '0/7015':
      return { title: 'Transferred', why: 'The call went on with somebody else.' };
    case '0/4521':
      return { title: 'Call ended', why: `${name} vanished: the page was closed or lost its network.` };
    case '401/10009':
    case '495/4507':
      return { title: 'Signed out', why: 'The access token is no longer valid. Reload the page.' };
    case '400/10044':
      return { title: 'Not a valid id', why: 'That id is not one of this exchange. Check the link.' };
    case '408/10057':
      return { title: 'Could not be set up', why: `${name} answered, but the call was not set up in time.` };
    case '410/3100':
    case '410/301004':
      return { title: 'No connection', why: 'No way for sound and picture was found between the two networks.' };
    case '410/3112':
      return { title: 'No connection', why: 'The network allows no direct way, and the relay is switched off or not reachable.' };
    case '410/3101':
    case '410/301005':
    case '496/7':
      return { title: 'Connection lost', why: 'The network failed for longer than two minutes.' };
    case '410/3111':
      return { title: 'Could not be set up', why: 'The browsers did not agree on how to send sound.' };
    case '490/4502':
    case '408/4506':
      return { title: 'The exchange did not answer', why: 'Check that it runs, and call again.' };
    default:
      if (code === 603) {
        return { title: 'Call declined', why: `${name} does not want to talk now.` };
      }
      return { title: 'Call ended', why: code === 0 ? 'The call is over.' : 'Something went wrong.' };
  }
}

/** What to do about an error of a device. */
export function deviceTrouble(error: unknown, what: 'camera' | 'microphone' | 'screen'): string {
  const { subCode, message } = error as { subCode?: number; message?: string };
  switch (subCode) {
    case 43001:
    case 40613:
      return what === 'screen'
        ? 'No screen was chosen.'
        : `The browser does not let this page use the ${what}. Click the icon left of the address, allow the ${what}, then try again.`;
    case 43016:
      return `The operating system does not let the browser use the ${what}. Allow it in the system’s privacy settings.`;
    case 43000:
      return `Another program is using the ${what}. Close it there, then try again.`;
    case 43013:
    case 43019:
      return `No ${what} was found. Plug one in, or go on without.`;
    case 43015:
      return `The ${what} did not start in time.`;
    case 43017:
      return `This browser cannot use a ${what} here.`;
    default:
      return message ?? `The ${what} could not be started.`;
  }
}

/** Seconds as a clock. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours = 0, ...rest] = parts;
  const tail = rest.map((part, index) => (index === 0 && hours === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
  return hours > 0 ? `${hours}:${tail}` : tail;
}

/** Bits per second, readable. */
export function bits(perSecond: number | undefined): string {
  if (perSecond === undefined) {
    return '–';
  }
  return perSecond >= 1_000_000 ? `${(perSecond / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(perSecond / 1000)} kbit/s`;
}

/** Bytes, readable. */
export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** A duration in milliseconds, readable. */
export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : clock(milliseconds / 1000);
}
