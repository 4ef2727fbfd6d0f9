/** Enumerations that exist at run time. */

export enum CallAgentKind {
  CallAgent = 'CallAgent',
  TeamsCallAgent = 'TeamsCallAgent',
}

export enum CallKind {
  Call = 'Call',
  TeamsCall = 'TeamsCall',
}

export enum IncomingCallKind {
  IncomingCall = 'IncomingCall',
  TeamsIncomingCall = 'TeamsIncomingCall',
}

/** How good a network is, as diagnostics say it. */
export enum DiagnosticQuality {
  Good = 1,
  Poor = 2,
  Bad = 3,
}

export enum RecordingState {
  None = 0,
  Started = 1,
  Paused = 2,
  Ended = 3,
}

/** What the browser says about the use of a device. */
export enum DevicePermissionAccess {
  Prompt = 'prompt',
  Granted = 'granted',
  Denied = 'denied',
}
