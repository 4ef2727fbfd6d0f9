/** Why a call ended: from the exchange's numbers, or from what failed on this side. */

import { RestError } from '../connection/rest.js';
import { ErrorCodes } from '../errors.js';
import { TokenProblem } from '../token.js';
import { disconnectCategoryMap } from '../types/disconnect.js';
import type { CallEndReason } from '../types/call.js';
import type { EndReason } from '../wire.js';

/** The user left. */
export const HUNG_UP: EndReason = { code: 0, subCode: 0 };
/** Somebody else's device of the same user answered. */
export const ANSWERED_ELSEWHERE: EndReason = { code: 487, subCode: 10003 };
/** The network of this client failed during the call. */
export const NETWORK_LOST: EndReason = { code: 410, subCode: 3101 };
/** The offer could not be made. */
export const NO_OFFER: EndReason = { code: 410, subCode: 3111 };
/** There are as many people in the group call as the exchange allows. The number is ours. */
export const CALL_IS_FULL: EndReason = { code: 403, subCode: 49006 };
/** What this version does not do: rooms, meetings. */
export const NOT_SUPPORTED: EndReason = { code: ErrorCodes.notSupported[0], subCode: ErrorCodes.notSupported[1] };

/** As apps see it. A fresh object each time: apps freeze what they get. */
export function callEndReason(reason: EndReason): CallEndReason {
  const known = disconnectCategoryMap.get(String(reason.subCode))?.get(reason.code);
  return {
    code: reason.code,
    subCode: reason.subCode,
    ...(known ? { message: known.message, resultCategories: [known.category] } : {}),
  };
}

/** What a refused or failed request to place a call means. */
export function placingFailed(error: unknown, isOnline: boolean): EndReason {
  if (error instanceof TokenProblem) {
    return { code: 401, subCode: 10009 };
  }
  if (!(error instanceof RestError)) {
    return isOnline ? { code: 490, subCode: 4502 } : { code: 496, subCode: 7 };
  }
  switch (error.status) {
    case 400:
      return { code: 400, subCode: 10044 };
    case 401:
      return { code: 401, subCode: 10009 };
    case 403:
      return { code: 403, subCode: 10124 };
    case 404:
      return { code: 480, subCode: 10037 };
    default:
      return { code: 490, subCode: 4502 };
  }
}

/** What a refused or failed request to join a group call means. */
export function joiningFailed(error: unknown, isOnline: boolean): EndReason {
  return error instanceof RestError && error.word === 'CallIsFull' ? CALL_IS_FULL : placingFailed(error, isOnline);
}

/** Why somebody could not be called in. */
export function addingFailed(error: unknown): EndReason {
  const { code, subCode } = error as Partial<EndReason>;
  return typeof code === 'number' ? { code, subCode: subCode ?? 0 } : { code: 490, subCode: 4502 };
}
