/** What people thought of the call. */

import { CallingError, ErrorCodes } from '../errors.js';
import type { CallRating, CallSurvey, CallSurveyFeature, CallSurveyResponse, RatingScale } from '../types/features/survey.js';
import { FeatureOfCall, notSupported } from './feature.js';

const DEFAULT_SCALE: RatingScale = { lowerBound: 1, upperBound: 5, lowScoreThreshold: 2 };

/** Checks a survey; this version of the service collects none, and says so. */
export class Survey extends FeatureOfCall implements CallSurveyFeature {
  readonly name = 'CallSurvey';

  /**
   * Rejects with 400/49002 for a survey that makes no sense, else with 400/49001: nobody would keep it, and to pretend would lose what
   * people wrote. Applications that collect surveys themselves catch the error.
   */
  async submitSurvey(survey: CallSurvey): Promise<CallSurveyResponse> {
    checkSurvey(survey);
    throw notSupported('Keeping surveys');
  }
}

/** Throws when a survey has no rating, or a score outside of its scale. */
export function checkSurvey(survey: CallSurvey): void {
  const ratings = [survey?.overallRating, survey?.audioRating, survey?.videoRating, survey?.screenshareRating].filter(
    (rating): rating is NonNullable<typeof rating> => rating !== undefined,
  );
  if (ratings.length === 0) {
    throw new CallingError(ErrorCodes.badArgument, 'A survey has at least one rating.');
  }
  (ratings as CallRating<string>[]).forEach(checkRating);
}

function checkRating({ score, scale = DEFAULT_SCALE }: CallRating<string>): void {
  const { lowerBound, upperBound, lowScoreThreshold } = scale;
  const inOrder = 0 <= lowerBound && lowerBound <= lowScoreThreshold && lowScoreThreshold <= upperBound && upperBound <= 100;
  if (!inOrder) {
    throw new CallingError(ErrorCodes.badArgument, 'A scale has bounds from 0 to 100 with its threshold between them.');
  }
  if (!(typeof score === 'number' && score >= lowerBound && score <= upperBound)) {
    throw new CallingError(ErrorCodes.badArgument, `A score is from ${lowerBound} to ${upperBound}.`);
  }
}
