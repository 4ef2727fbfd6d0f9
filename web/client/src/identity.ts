/**
 * Identifiers as `@azure/communication-common` shapes them, and the raw ids that the exchange speaks (B-ID-4).
 *
 * Their shapes are in `types/identifier.ts`.
 */

import type { CommunicationIdentifier, CommunicationIdentifierKind } from './types/identifier.js';

export type * from './types/identifier.js';

/**
 * The raw id of an identifier.
 *
 * Throws a `TypeError` for something that is no identifier.
 */
export function rawIdOf(identifier: CommunicationIdentifier): string {
  if (identifier === null || typeof identifier !== 'object') {
    throw new TypeError('An identifier is an object, for example { communicationUserId }.');
  }
  if ('communicationUserId' in identifier && identifier.communicationUserId) {
    return identifier.communicationUserId;
  }
  if ('phoneNumber' in identifier && identifier.phoneNumber) {
    if (identifier.rawId) {
      return identifier.rawId;
    }
    if (identifier.isAnonymous || identifier.phoneNumber === 'anonymous') {
      return '4:anonymous';
    }
    const asserted = identifier.assertedId ? `_${identifier.assertedId}` : '';
    return `4:${identifier.phoneNumber}${identifier.phoneNumber.endsWith(asserted) ? '' : asserted}`;
  }
  if ('microsoftTeamsUserId' in identifier && identifier.microsoftTeamsUserId) {
    const prefix = identifier.isAnonymous ? '8:teamsvisitor:' : `8:${teamsCloud(identifier.cloud)}:`;
    return identifier.rawId ?? `${prefix}${identifier.microsoftTeamsUserId}`;
  }
  if ('teamsAppId' in identifier && identifier.teamsAppId) {
    return identifier.rawId ?? `28:${teamsCloud(identifier.cloud)}:${identifier.teamsAppId}`;
  }
  if ('tenantId' in identifier && identifier.userId) {
    const cloud = identifier.cloud === 'dod' ? '8:dod-acs:' : identifier.cloud === 'gcch' ? '8:gcch-acs:' : '8:acs:';
    return identifier.rawId ?? `${cloud}${identifier.resourceId}_${identifier.tenantId}_${identifier.userId}`;
  }
  if ('id' in identifier && identifier.id) {
    return identifier.id;
  }
  throw new TypeError('This is no identifier: none of communicationUserId, phoneNumber, id is set.');
}

/** The identifier of a raw id, with its kind. A fresh object each time: apps freeze what they get. */
export function identifierOf(rawId: string): CommunicationIdentifierKind {
  if (rawId.startsWith('4:')) {
    return phoneNumber(rawId);
  }
  const parts = rawId.split(':');
  if (parts.length === 3 && parts[2]) {
    const [, scheme, rest] = parts as [string, string, string];
    if (parts[0] === '28') {
      const cloud = CLOUDS[scheme];
      return cloud ? { kind: 'microsoftTeamsApp', teamsAppId: rest, rawId, cloud } : { kind: 'unknown', id: rawId };
    }
    if (parts[0] === '8') {
      return user(rawId, scheme, rest);
    }
  }
  return { kind: 'unknown', id: rawId };
}

/** Whether two identifiers name the same. */
export function isSame(one: CommunicationIdentifier, other: CommunicationIdentifier): boolean {
  return rawIdOf(one) === rawIdOf(other);
}

type Cloud = 'public' | 'dod' | 'gcch';

const CLOUDS: Record<string, Cloud | undefined> = { orgid: 'public', dod: 'dod', gcch: 'gcch' };
const EXTENSION_CLOUDS: Record<string, Cloud | undefined> = { acs: 'public', 'dod-acs': 'dod', 'gcch-acs': 'gcch' };

function teamsCloud(cloud: Cloud | undefined): string {
  return cloud === 'dod' ? 'dod' : cloud === 'gcch' ? 'gcch' : 'orgid';
}

function phoneNumber(rawId: string): CommunicationIdentifierKind {
  const number = rawId.slice(2);
  if (number === 'anonymous') {
    return { kind: 'phoneNumber', phoneNumber: number, isAnonymous: true, rawId };
  }
  // As the official package has it: the asserted id stays part of the number.
  const assertedId = number.includes('_') ? number.slice(number.indexOf('_') + 1) : undefined;
  return { kind: 'phoneNumber', phoneNumber: number, isAnonymous: false, rawId, ...(assertedId ? { assertedId } : {}) };
}

function user(rawId: string, scheme: string, rest: string): CommunicationIdentifierKind {
  const teams = CLOUDS[scheme];
  if (teams) {
    return { kind: 'microsoftTeamsUser', microsoftTeamsUserId: rest, isAnonymous: false, cloud: teams, rawId };
  }
  if (scheme === 'teamsvisitor') {
    return { kind: 'microsoftTeamsUser', microsoftTeamsUserId: rest, isAnonymous: true, rawId };
  }
  const extension = EXTENSION_CLOUDS[scheme];
  const [resourceId, tenantId, userId, ...more] = rest.split('_');
  if (extension && resourceId && tenantId && userId && more.length === 0) {
    return { kind: 'teamsExtensionUser', userId, tenantId, resourceId, cloud: extension, rawId };
  }
  const isUser = ['acs', 'spool', 'dod-acs', 'gcch-acs'].includes(scheme);
  return isUser ? { kind: 'communicationUser', communicationUserId: rawId } : { kind: 'unknown', id: rawId };
}
