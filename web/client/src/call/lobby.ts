/** The lobby of a call. One-to-one calls have none; it is empty. */

import { bindMethods, Emitter } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { AdmitAllOperationResult, Lobby, RemoteParticipant } from '../types/call.js';

interface LobbyEvents {
  lobbyParticipantsUpdated: { added: RemoteParticipant[]; removed: RemoteParticipant[] };
}

/** `call.lobby`. */
export class EmptyLobby implements Lobby {
  private readonly emitter = new Emitter<LobbyEvents>();
  readonly participants: ReadonlyArray<RemoteParticipant> = [];

  constructor() {
    bindMethods(this);
  }

  async admit(): Promise<void> {
    throw nobody();
  }

  async reject(): Promise<void> {
    throw nobody();
  }

  async admitAll(): Promise<AdmitAllOperationResult> {
    return { successCount: 0, failureCount: 0 };
  }

  on(event: 'lobbyParticipantsUpdated', listener: (change: LobbyEvents['lobbyParticipantsUpdated']) => void): void {
    this.emitter.on(event, listener);
  }

  off(event: 'lobbyParticipantsUpdated', listener: (change: LobbyEvents['lobbyParticipantsUpdated']) => void): void {
    this.emitter.off(event, listener);
  }
}

function nobody(): CallingError {
  return new CallingError(ErrorCodes.notSupported, 'Nobody waits in the lobby: this call has none.');
}
