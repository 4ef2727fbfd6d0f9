/** What a call is. A class instance: it changes, and apps freeze plain objects. */

import { bindMethods, Emitter } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { CallInfo } from '../types/call.js';

/** `call.info`. */
export class CallInformation implements CallInfo {
  private readonly emitter = new Emitter<{ callInfoChanged: undefined }>();
  private participant = '';
  private group: string | undefined;

  /** Set for meetings only: a value would switch user interfaces to meeting mode. */
  readonly threadId: undefined = undefined;

  constructor(private readonly callId: () => string) {
    bindMethods(this);
  }

  /** Set for calls that are joined by the id of a group only. */
  get groupId(): string | undefined {
    return this.group;
  }

  get participantId(): string {
    return this.participant;
  }

  /** The id that servers name the call by. */
  async getServerCallId(): Promise<string> {
    const id = this.callId();
    if (id === '') {
      throw new CallingError(ErrorCodes.wrongState, 'The call was never placed.');
    }
    return id;
  }

  onCallInfoChanged(event: 'callInfoChanged', listener: () => void): void {
    this.emitter.on(event, listener);
  }

  offCallInfoChanged(event: 'callInfoChanged', listener: () => void): void {
    this.emitter.off(event, listener);
  }

  /** The call was joined by the id of a group. */
  setGroupId(id: string): void {
    if (this.group !== id) {
      this.group = id;
      this.emitter.emit('callInfoChanged');
    }
  }

  /** This device's place in the call is known. */
  setParticipantId(id: string): void {
    if (this.participant !== id) {
      this.participant = id;
      this.emitter.emit('callInfoChanged');
    }
  }
}
