/** What the operator API answers (crates/wire: admin, explain), as far as the console shows it. All may be missing: servers differ. */

export interface Status {
  version?: string;
  resourceId?: string;
  publicUrl?: string;
  uptimeSeconds?: number;
  draining?: boolean;
  dev?: boolean;
  limits?: boolean;
  relayEnabled?: boolean;
  users?: number;
}

export interface EndReason {
  code?: number;
  subCode?: number;
}

export interface CallSummary {
  callId: string;
  caller?: string;
  targets?: string[];
  started?: number;
  ended?: number;
  endReason?: EndReason;
}

export interface Candidate {
  type?: string;
  protocol?: string;
  relayProtocol?: string;
  address?: string;
  port?: number;
}

export interface Pair {
  local?: Candidate;
  remote?: Candidate;
  state?: string;
  nominated?: boolean;
  requestsSent?: number;
  responsesReceived?: number;
  rttMs?: number;
}

export interface StreamFigures {
  media?: string;
  direction?: string;
  codec?: string;
  packets?: number;
  packetsLost?: number;
  bytes?: number;
  jitterMs?: number;
  rttMs?: number;
  frames?: number;
}

export interface Leg {
  leg?: number;
  identity?: string;
  role?: string;
  connectedMs?: number;
  setupMs?: number;
  endReason?: EndReason;
  candidates?: Candidate[];
  selected?: Pair;
  pairs?: Pair[];
  whyNotBetter?: string[];
  streams?: StreamFigures[];
}

export interface Explanation {
  call?: CallSummary;
  path?: string;
  legs?: Leg[];
  steps?: { atMs?: number; leg?: number; what?: string }[];
  usage?: UsageRecord[];
  relayedBytes?: number;
  text?: string;
}

export interface UsageRecord {
  recordId?: string;
  kind?: string;
  unit?: string;
  quantity?: number;
  identity?: string;
  callId?: string;
  transport?: string;
  direction?: string;
  started?: number;
  ended?: number;
}

export interface Usage {
  value?: UsageRecord[];
  totals?: { kind?: string; unit?: string; direction?: string; quantity?: number; records?: number }[];
  nextLink?: string;
}
