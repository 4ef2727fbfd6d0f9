/**
 * Who somebody is, in the words of `@azure/communication-common`.
 *
 * Structural on purpose: values of that package fit here and ours fit there, and this package needs nothing at run time or compile time.
 */

/** A user of this service: `8:acs:<resource>_<user>`. */
export interface CommunicationUserIdentifier {
  communicationUserId: string;
}

/** A telephone number in E.164. */
export interface PhoneNumberIdentifier {
  phoneNumber: string;
  rawId?: string;
  isAnonymous?: boolean;
  assertedId?: string;
}

/** A Microsoft Teams user; never made by this service. */
export interface MicrosoftTeamsUserIdentifier {
  microsoftTeamsUserId: string;
  rawId?: string;
  isAnonymous?: boolean;
  cloud?: 'public' | 'dod' | 'gcch';
}

/** A Microsoft Teams application; never made by this service. */
export interface MicrosoftTeamsAppIdentifier {
  teamsAppId: string;
  rawId?: string;
  cloud?: 'public' | 'dod' | 'gcch';
}

/** A Teams extension user; never made by this service. */
export interface TeamsExtensionUserIdentifier {
  userId: string;
  tenantId: string;
  resourceId: string;
  rawId?: string;
  cloud?: 'public' | 'dod' | 'gcch';
}

/** Anything else, for example `8:echo123`. */
export interface UnknownIdentifier {
  id: string;
}

export type CommunicationIdentifier =
  | CommunicationUserIdentifier
  | PhoneNumberIdentifier
  | MicrosoftTeamsUserIdentifier
  | MicrosoftTeamsAppIdentifier
  | TeamsExtensionUserIdentifier
  | UnknownIdentifier;

export interface CommunicationUserKind extends CommunicationUserIdentifier {
  kind: 'communicationUser';
}
export interface PhoneNumberKind extends PhoneNumberIdentifier {
  kind: 'phoneNumber';
}
export interface MicrosoftTeamsUserKind extends MicrosoftTeamsUserIdentifier {
  kind: 'microsoftTeamsUser';
}
export interface MicrosoftTeamsAppKind extends MicrosoftTeamsAppIdentifier {
  kind: 'microsoftTeamsApp';
}
export interface TeamsExtensionUserKind extends TeamsExtensionUserIdentifier {
  kind: 'teamsExtensionUser';
}
export interface UnknownIdentifierKind extends UnknownIdentifier {
  kind: 'unknown';
}

export type CommunicationIdentifierKind =
  | CommunicationUserKind
  | PhoneNumberKind
  | MicrosoftTeamsUserKind
  | MicrosoftTeamsAppKind
  | TeamsExtensionUserKind
  | UnknownIdentifierKind;

/** A token and when it is over. */
export interface AccessToken {
  token: string;
  expiresOnTimestamp: number;
}

/** What hands out tokens: `AzureCommunicationTokenCredential` is one. */
export interface CommunicationTokenCredential {
  getToken(options?: object): Promise<AccessToken>;
  dispose(): void;
}

/** What writes a log line; the loggers of `@azure/logger` are such. */
export interface LogWriter {
  (...args: unknown[]): void;
}

/** A logger as `@azure/logger` makes it. */
export interface AzureLogger {
  error: LogWriter;
  warning: LogWriter;
  info: LogWriter;
  verbose: LogWriter;
}
