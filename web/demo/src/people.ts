/** Ids of people, as apps and as links have them. */

import type { CallerInfo } from '/sdk/calling.js';

/** The raw id in what somebody typed: an id or an invitation link. */
export function idOf(text: string): string | undefined {
  const typed = text.trim();
  if (/^https?:/.test(typed)) {
    try {
      return new URL(typed).searchParams.get('call')?.trim() || undefined;
    } catch {
      return undefined;
    }
  }
  return /^\d+:\S+$/.test(typed) ? typed : undefined;
}

export function identifierOf(rawId: string): { communicationUserId: string } | { phoneNumber: string } | { id: string } {
  if (rawId.startsWith('8:acs:')) {
    return { communicationUserId: rawId };
  }
  return rawId.startsWith('4:') ? { phoneNumber: rawId.slice(2) } : { id: rawId };
}

export function rawIdOf(identifier: CallerInfo['identifier']): string {
  switch (identifier?.kind) {
    case 'communicationUser':
      return identifier.communicationUserId;
    case 'phoneNumber':
      return identifier.rawId ?? `4:${identifier.phoneNumber}`;
    case 'unknown':
      return identifier.id;
    default:
      return identifier?.rawId ?? '';
  }
}

/** A group id, when the text is one. */
export function groupIdOf(text: string | null | undefined): string | undefined {
  const typed = text?.trim().toLowerCase() ?? '';
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(typed) ? typed : undefined;
}

/** The link by which others join a group. */
export function groupLink(groupId: string): string {
  return `${location.origin}/?group=${groupId}`;
}
