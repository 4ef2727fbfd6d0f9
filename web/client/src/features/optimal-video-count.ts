/** How many pictures of others a page had best show. */

import type { CallFeatureContext } from '../types/feature.js';
import type { OptimalVideoCountCallFeature, OvcChangeReason } from '../types/features/room.js';
import { FeatureOfCall } from './feature.js';

/** Pictures that a desktop shows well, and a phone (stream limits of the vendor's web client). */
const DESKTOP = 9;
const PHONE = 4;

/** The best number of videos. It does not change in a call of two. */
export class OptimalVideoCount
  extends FeatureOfCall<{ optimalVideoCountChanged: undefined }>
  implements OptimalVideoCountCallFeature
{
  readonly name = 'OptimalVideoCount';
  readonly optimalVideoCount: number;
  readonly lastOvcChangeReason: OvcChangeReason = 'unknown';

  constructor(context: CallFeatureContext) {
    super(context);
    const agent = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent ?? '';
    this.optimalVideoCount = /android|iphone|ipad|mobile/i.test(agent) ? PHONE : DESKTOP;
  }
}
