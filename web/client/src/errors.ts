/**
 * Errors as apps of Azure Communication Services calling know them: a `code` in the manner of HTTP and SIP, and a `subCode` that
 * narrows it down (client-surface section 5).
 */

/** What failed, with the numbers that apps switch on. */
export class CallingError extends Error {
  /** A number in the manner of HTTP: 400 the app's fault, 408 too late, 412 not possible, 500 ours. */
  readonly code: number;
  /** Narrows `code` down. */
  readonly subCode: number;

  constructor([code, subCode]: ErrorNumbers, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CommunicationServicesError';
    this.code = code;
    this.subCode = subCode;
  }
}

/** `code` and `subCode`. */
export type ErrorNumbers = readonly [code: number, subCode: number];

/** The numbers by what went wrong. */
export const ErrorCodes = {
  agentTimedOut: [408, 40104],
  cannotConnect: [408, 40114],
  cannotInitialise: [412, 40115],
  agentFailed: [500, 40216],
  agentExists: [409, 40228],
  teamsAgentExists: [409, 40230],
  speakersUnavailable: [405, 40606],
  permissionDenied: [400, 40613],
  permissionFailed: [500, 40614],
  acceptNotRinging: [400, 41006],
  rejectNotRinging: [400, 41007],
  muteFailed: [500, 41015],
  unmuteFailed: [400, 41016],
  startVideoWrongStream: [400, 41025],
  videoAlreadyStarted: [400, 41027],
  videoAlreadyStopped: [400, 41030],
  videoStreamNotSent: [400, 41032],
  holdFailed: [500, 41033],
  resumeFailed: [500, 41034],
  screenShareAlreadyOn: [400, 41035],
  screenShareAlreadyOff: [400, 41041],
  screenShareNotConnected: [412, 41071],
  videoDuringSetup: [410, 41048],
  cameraInUse: [412, 43000],
  cameraPermissionMissing: [403, 43001],
  cameraUnknown: [500, 43002],
  switchSourceWrongType: [400, 43004],
  switchSourceSameDevice: [400, 43005],
  cameraNotFound: [412, 43013],
  cameraRequestFailed: [412, 43014],
  cameraTimedOut: [412, 43015],
  cameraDeniedBySystem: [412, 43016],
  cameraUnsupported: [412, 43017],
  cameraConstraints: [412, 43018],
  cameraNoDevice: [412, 43019],
  renderNotAvailable: [412, 43200],
  renderNoLongerAvailable: [404, 43202],
  renderNoFrames: [408, 43203],
  renderSubscribeFailed: [500, 43204],
  rendererDisposedMeanwhile: [405, 43209],
  rendererDisposedTwice: [400, 43210],
  tooManyRemoteViews: [400, 43220],
  listenerRefused: [403, 45802],
  /** Not one of the vendor's: something this version does not do. */
  notSupported: [400, 49001],
  /** Not one of the vendor's: an argument that makes no sense. */
  badArgument: [400, 49002],
  /** Not one of the vendor's: the object was disposed. */
  disposed: [400, 49003],
  /** Not one of the vendor's: an operation in a call that does not allow it in its state. */
  wrongState: [412, 49004],
  /** Not one of the vendor's: the exchange refused; `code` is its status. */
  refused: [403, 49005],
} as const satisfies Record<string, ErrorNumbers>;
