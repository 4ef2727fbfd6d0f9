/** End reasons sorted by whose doing they were. */

/** Whose doing the end of a call was. */
export type DisconnectCategory = 'Success' | 'ExpectedError' | 'UnexpectedClientError' | 'UnexpectedServerError';

/** One end reason and its category. */
export type DisconnectReason = {
  code: number;
  subCode: number;
  category: DisconnectCategory;
  message: string;
};

const reasons: DisconnectReason[] = [
  { code: 0, subCode: 0, category: 'Success', message: 'The call was hung up here.' },
  { code: 487, subCode: 0, category: 'Success', message: 'The caller gave up before anybody answered.' },
  { code: 603, subCode: 0, category: 'Success', message: 'The call was declined.' },
  { code: 0, subCode: 5000, category: 'Success', message: 'Removed from the call by somebody.' },
  { code: 0, subCode: 5003, category: 'Success', message: 'All devices of the callee declined.' },
  { code: 0, subCode: 5300, category: 'Success', message: 'Removed from the call by somebody.' },
  { code: 0, subCode: 5317, category: 'Success', message: 'Removed because the role changed.' },
  { code: 0, subCode: 4097, category: 'Success', message: 'The call was ended for everyone.' },
  { code: 0, subCode: 4521, category: 'Success', message: 'The other side vanished.' },
  { code: 0, subCode: 7000, category: 'Success', message: 'The call was ended by an automation.' },
  { code: 0, subCode: 7015, category: 'Success', message: 'The call was transferred.' },
  { code: 487, subCode: 10003, category: 'Success', message: 'Answered on another device.' },
  { code: 487, subCode: 10004, category: 'Success', message: 'Nobody answered in time.' },
  { code: 487, subCode: 10024, category: 'Success', message: 'All devices of the callee declined.' },
  { code: 480, subCode: 10037, category: 'ExpectedError', message: 'The callee is not signed in on any device.' },
  { code: 480, subCode: 10076, category: 'ExpectedError', message: 'The devices of the callee are offline.' },
  { code: 480, subCode: 10077, category: 'ExpectedError', message: 'The callee could not be woken.' },
  { code: 480, subCode: 10078, category: 'ExpectedError', message: 'The devices of the callee cannot be reached.' },
  { code: 408, subCode: 10057, category: 'UnexpectedClientError', message: 'The callee did not finish setting up the call.' },
  { code: 408, subCode: 4506, category: 'UnexpectedServerError', message: 'The service did not answer in time.' },
  { code: 401, subCode: 10009, category: 'ExpectedError', message: 'The access token is not valid.' },
  { code: 495, subCode: 4507, category: 'ExpectedError', message: 'There was no valid access token.' },
  { code: 403, subCode: 5828, category: 'ExpectedError', message: 'Not invited to the room.' },
  { code: 403, subCode: 5829, category: 'ExpectedError', message: 'The room is not open now.' },
  { code: 403, subCode: 5830, category: 'ExpectedError', message: 'Only users of this service may join.' },
  { code: 410, subCode: 3100, category: 'UnexpectedClientError', message: 'The network failed while the call was set up.' },
  { code: 410, subCode: 3101, category: 'UnexpectedClientError', message: 'The network failed during the call.' },
  { code: 410, subCode: 3111, category: 'UnexpectedServerError', message: 'The media description could not be used.' },
  { code: 410, subCode: 3112, category: 'UnexpectedClientError', message: 'No media path is allowed by this network.' },
  { code: 410, subCode: 301004, category: 'UnexpectedServerError', message: 'No media path could be made.' },
  { code: 410, subCode: 301005, category: 'UnexpectedServerError', message: 'The media path was lost.' },
  { code: 490, subCode: 4502, category: 'UnexpectedClientError', message: 'A request to the service failed.' },
  { code: 496, subCode: 7, category: 'UnexpectedClientError', message: 'This device is offline.' },
];

/** End reasons by sub-code, then by code: `disconnectCategoryMap.get('10004')?.get(487)`. */
export const disconnectCategoryMap: ReadonlyMap<string, ReadonlyMap<number, DisconnectReason>> = (() => {
  const map = new Map<string, Map<number, DisconnectReason>>();
  for (const reason of reasons) {
    const key = String(reason.subCode);
    const byCode = map.get(key) ?? new Map<number, DisconnectReason>();
    byCode.set(reason.code, Object.freeze(reason));
    map.set(key, byCode);
  }
  return map;
})();
