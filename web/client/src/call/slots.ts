/** The lines of a peer connection towards the media processor: layers that go out, slots that come in. */

/**
 * Layers of the camera, smallest first, as browsers want them: the media processor gives each receiver the one that fits.
 *
 * Bit rates are upper bounds, in bits per second. Lower: blurred pictures on good lines; higher: the large layer takes what the small
 * ones need on bad lines.
 */
export const LAYERS: readonly (RTCRtpEncodingParameters & { rid: string; scaleResolutionDownBy: number; maxBitrate: number })[] = [
  { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 1_800_000 },
];

/** Slots for voices beside the first one, which is the microphone's own line. */
const VOICES = 4;

/** Slots for cameras on a desktop and on a phone (stream limits, acs-behaviour section 9); one more for a screen. */
const CAMERAS = 9;
const CAMERAS_ON_PHONES = 4;

/** How many slots this browser offers. */
export interface SlotCounts {
  voices: number;
  cameras: number;
}

/** A line on which a conference sends to this side. */
export interface SlotLine {
  /** `null` before the description. */
  mid: string | null;
  receiver: RTCRtpReceiver;
}

/** Slots for this browser. */
export function slotCounts(): SlotCounts {
  return { voices: VOICES, cameras: cameraCount() };
}

/** Pictures of cameras that this machine shows well. */
export function cameraCount(): number {
  const agent = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent ?? '';
  return /android|iphone|ipad|mobile/i.test(agent) ? CAMERAS_ON_PHONES : CAMERAS;
}
