/**
 * `@centrale/calling`: calls in the browser.
 *
 * The object model of `@azure/communication-calling` 1.46, on a Centrale exchange. The door of the package: what is not exported here
 * does not exist.
 */

export { CallClient } from './client.js';
export { Conference } from './features/conference.js';
export { Features } from './features/index.js';
export { LocalAudioStream } from './streams/local-audio-stream.js';
export { LocalVideoStream, WbLocalVideoStream } from './streams/local-video-stream.js';
export { VideoStreamRenderer } from './streams/video-stream-renderer.js';
export * from './types/index.js';
export type { TokenCredential } from './token.js';
