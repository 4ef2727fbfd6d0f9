/** How many pictures of others a page had best show. */

import { cameraCount } from '../call/slots.js';
import type { OptimalVideoCountCallFeature, OvcChangeReason } from '../types/features/room.js';
import { FeatureOfCall } from './feature.js';

/** The best number of videos: as many as there are slots for. */
export class OptimalVideoCount
  extends FeatureOfCall<{ optimalVideoCountChanged: undefined }>
  implements OptimalVideoCountCallFeature
{
  readonly name = 'OptimalVideoCount';
  readonly optimalVideoCount = cameraCount();
  readonly lastOvcChangeReason: OvcChangeReason = 'unknown';
}
